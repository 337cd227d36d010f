/* SPDX-License-Identifier: Apache-2.0 */

/* Counts what users have, and makes them change it rather than others when they
 * have as much as a user may. Called by app_group, app_limits and app_pool. */
#include "user_limits.h"

#include <apr_strings.h>

#include "agent_log.h"
#include "app_pool.h"
#include "app_preloader.h"
#include "app_room.h"

enum {
    SECOND = 1000000,
    TELL_AGAIN = 60 * SECOND,
    MEBIBYTE = 1 << 20,
};

void user_limits_add(const app_process_t *proc)
{
    app_group_t *group = proc->group;

    group->usage->apps += group->members++ == 0;
    group->usage->processes += proc->kind == PSG_KIND_APP;
}

void user_limits_remove(const app_process_t *proc)
{
    app_group_t *group = proc->group;

    group->usage->apps -= --group->members == 0;
    group->usage->processes -= proc->kind == PSG_KIND_APP;
    group->usage->memory -= proc->memory;
}

void user_limits_note_memory(app_process_t *proc, uint64_t bytes)
{
    proc->group->usage->memory += bytes - proc->memory;
    proc->memory = bytes;
}

static int is_above(const user_usage_t *usage, const core_t *core)
{
    uint64_t most = (uint64_t)core->options->max_memory_per_user * MEBIBYTE;

    return most > 0 && usage->memory > most;
}

user_limit_e user_limits_reached(const app_group_t *group)
{
    const psg_options_t *options = group->core->options;
    const user_usage_t *usage = group->usage;

    if (options->max_apps_per_user > 0 && group->members == 0
        && usage->apps >= (uint32_t)options->max_apps_per_user) {
        return USER_LIMIT_APPS;
    }
    if (options->max_processes_per_user > 0
        && usage->processes >= (uint32_t)options->max_processes_per_user) {
        return USER_LIMIT_PROCESSES;
    }
    return is_above(usage, group->core) ? USER_LIMIT_MEMORY : USER_LIMIT_NONE;
}

static const char *user_of(const app_group_t *group)
{
    apr_pool_t *scratch = event_loop_scratch(group->core->loop);

    switch (group->spec->identity) {
    case IDENTITY_OWNER:
        return apr_psprintf(scratch, "user %u", group->spec->owner);
    case IDENTITY_NAMED:
        return apr_psprintf(scratch, "user '%s'", group->spec->user);
    default:
        return "the one user of all apps";
    }
}

/* How much it has of what `reached` limits, for people. */
static const char *limit_text(const app_group_t *group, user_limit_e reached)
{
    apr_pool_t *scratch = event_loop_scratch(group->core->loop);
    const psg_options_t *options = group->core->options;

    switch (reached) {
    case USER_LIMIT_APPS:
        return apr_psprintf(scratch,
                            "apps with processes: "
                            "PassengerMaxAppsPerUser is %d",
                            options->max_apps_per_user);
    case USER_LIMIT_PROCESSES:
        return apr_psprintf(scratch,
                            "processes: PassengerMaxProcessesPerUser is %d",
                            options->max_processes_per_user);
    default:
        return apr_psprintf(scratch,
                            "memory: PassengerMaxMemoryPerUser is %d MiB, and "
                            "%d MiB are taken",
                            options->max_memory_per_user,
                            (int)(group->usage->memory / MEBIBYTE));
    }
}

static void tell(const app_group_t *group, user_limit_e reached)
{
    uint64_t now = event_loop_now(group->core->loop);

    if (now < group->usage->tell_again[reached]) {
        return;
    }
    group->usage->tell_again[reached] = now + TELL_AGAIN;
    agent_log(PSG_LOG_WARN,
              "PSG2190: app '%s': no process is started while requests wait, "
              "since %s may have no more %s; such messages come once a minute "
              "for each user",
              group->spec->root, user_of(group), limit_text(group, reached));
}

static int has_queue(const app_group_t *group)
{
    return __atomic_load_n(&group->core->sb->groups[group->index].queued,
                           __ATOMIC_ACQUIRE)
           > 0;
}

/* Since when all of the app is idle; 0 = something of it is in use. */
static uint64_t idle_since(const app_group_t *group)
{
    uint64_t latest = 1;

    if (group->members == 0 || has_queue(group)
        || group->preloaders[PSG_PROCESS_SPAWNING] > 0) {
        return 0;
    }
    for (const app_process_t *proc = group->first; proc; proc = proc->next) {
        uint64_t since = app_process_idle_since(proc);

        if (since == 0) {
            return 0;
        }
        latest = since > latest ? since : latest;
    }
    return latest;
}

/* Nothing of it is started again before somebody asks for it. */
static void rest(app_group_t *group, const char *why)
{
    app_group_drain(group, why);
    app_preloader_end(group, why);
    group->used = 0;
}

/* Makes the app of the same user end that is idle for the longest time, unless
 * one is about to end. */
static void end_idle_app(app_group_t *group)
{
    apr_pool_t *scratch = event_loop_scratch(group->core->loop);
    app_group_t *found = NULL;
    uint64_t oldest = UINT64_MAX;

    for (apr_hash_index_t *i =
             apr_hash_first(scratch, group->core->apps->groups);
         i; i = apr_hash_next(i)) {
        app_group_t *other = apr_hash_this_val(i);
        uint64_t since;

        if (other->usage != group->usage || other == group) {
            continue;
        }
        if (other->members > 0 && app_group_useful(other) == 0
            && !other->preloader) {
            return;
        }
        since = idle_since(other);
        if (since != 0 && since < oldest) {
            oldest = since;
            found = other;
        }
    }
    if (found) {
        rest(found, "another app of its user is asked for, and "
                    "PassengerMaxAppsPerUser allows no more");
    }
}

void user_limits_make_room(app_group_t *group)
{
    user_limit_e reached = user_limits_reached(group);

    tell(group, reached);
    if (reached == USER_LIMIT_APPS) {
        end_idle_app(group);
    }
    else if (reached == USER_LIMIT_PROCESSES) {
        app_room_make_of_user(group->core, group);
    }
}

static int is_leaving(const app_process_t *proc)
{
    return proc->state == PSG_PROCESS_DRAINING
           || proc->state == PSG_PROCESS_STOPPING;
}

/* What will be free soon is not to be made free twice. */
static void survey_leaving(const core_t *core, apr_hash_t *processes)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, processes); i;
         i = apr_hash_next(i)) {
        const app_process_t *proc = apr_hash_this_val(i);

        proc->group->usage->leaving += is_leaving(proc) ? proc->memory : 0;
    }
}

static void survey(const core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        app_group_t *group = apr_hash_this_val(i);

        group->usage->leaving = 0;
    }
    survey_leaving(core, core->apps->processes);
    survey_leaving(core, core->apps->preloaders);
}

/* Whether it does nothing that somebody waits for. */
static int is_idle(const app_process_t *proc)
{
    if (proc->kind == PSG_KIND_PRELOADER) {
        return proc->state == PSG_PROCESS_READY
               && proc->group->count[PSG_PROCESS_SPAWNING] == 0;
    }
    return app_process_idle_since(proc) != 0 && !has_queue(proc->group);
}

/* The largest idle one of those whose user takes too much, or NULL. */
static app_process_t *find_largest(const core_t *core, apr_hash_t *processes)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    uint64_t most = (uint64_t)core->options->max_memory_per_user * MEBIBYTE;
    app_process_t *found = NULL;

    for (apr_hash_index_t *i = apr_hash_first(scratch, processes); i;
         i = apr_hash_next(i)) {
        app_process_t *proc = apr_hash_this_val(i);
        const user_usage_t *usage = proc->group->usage;

        if (usage->memory > usage->leaving + most && is_idle(proc)
            && (!found || proc->memory > found->memory)) {
            found = proc;
        }
    }
    return found;
}

static void end_largest(app_process_t *proc)
{
    static const char why[] =
        "its user's apps take more memory than PassengerMaxMemoryPerUser "
        "allows";
    app_group_t *group = proc->group;

    agent_log(PSG_LOG_WARN,
              "PSG2191: app '%s': idle process %d ends: %s may have no more %s",
              group->spec->root, proc->pid, user_of(group),
              limit_text(group, USER_LIMIT_MEMORY));
    group->usage->leaving += proc->memory;
    group->used = 0; /* else it would start again at once, to no use */
    if (proc->kind == PSG_KIND_PRELOADER) {
        app_preloader_end(group, why);
    }
    else {
        app_process_drain(proc, why);
    }
}

void user_limits_tick(core_t *core)
{
    app_process_t *proc;

    if (core->options->max_memory_per_user == 0) {
        return;
    }
    survey(core);
    while ((proc = find_largest(core, core->apps->processes))
           || (proc = find_largest(core, core->apps->preloaders))) {
        end_largest(proc);
    }
}
