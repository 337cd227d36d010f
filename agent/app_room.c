/* SPDX-License-Identifier: Apache-2.0 */

/* Shares the limited number of processes between the apps. A process counts
 * from its start until it is gone. Called by app_group and app_pool. */
#include "app_room.h"

#include "app_pool.h"
#include "start_queue.h"
#include "user_limits.h"

enum {
    SECOND = 1000000,
    /* How long an app waits for a process of another one to get idle, before a
     * busy one is made to end: of an app that has several, of any. */
    PATIENCE = SECOND,
    PATIENCE_WITH_LAST = 5 * SECOND,
};

/* What is going on in the pool as a whole. */
typedef struct {
    uint32_t leaving;  /* processes that end as soon as they can */
    uint32_t draining; /* those that have requests first */
    uint32_t in_line;  /* groups that wait for room */
} survey_t;

/* Whether the group counts: all do, or those of one user. */
static int is_meant(const app_group_t *group, const user_usage_t *user)
{
    return !user || group->usage == user;
}

/* user: of this one's processes alone, for which his apps wait; or NULL. */
static survey_t survey(core_t *core, const user_usage_t *user)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    survey_t seen = {0, 0, 0};

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        const app_group_t *group = apr_hash_this_val(i);

        if (is_meant(group, user)) {
            seen.leaving += group->count[PSG_PROCESS_STOPPING];
            seen.draining += group->count[PSG_PROCESS_DRAINING];
            seen.in_line += group->waits_since != 0
                            && group->waits_for_own == (user != NULL);
        }
    }
    return seen;
}

static int has_queue(const app_group_t *group)
{
    return __atomic_load_n(&group->core->sb->groups[group->index].queued,
                           __ATOMIC_ACQUIRE)
           > 0;
}

/* Whether `taker` may have what a user has who shares the pool with its own:
 * who has more processes than he makes do with his own, or nobody could keep
 * even one beside a tenant who asks for hundreds of apps. */
static int may_take(const app_group_t *taker, const app_process_t *proc)
{
    return !taker || proc->group->usage->processes >= taker->usage->processes;
}

/* What nobody needs is for all: surplus of its app, or idle for longer than any
 * process is when there is room (PassengerPoolIdleTime). */
static int is_spare(const app_process_t *proc, uint64_t idle_since)
{
    const core_t *core = proc->core;
    uint64_t limit = (uint64_t)core->options->pool_idle_time * SECOND;

    return app_group_useful(proc->group) > app_group_minimum(proc->group)
           || (limit > 0 && event_loop_now(core->loop) - idle_since >= limit);
}

/* Whether an idle process may end, for `but` if that is not NULL. */
static int may_end(const app_process_t *proc, uint64_t idle_since,
                   const app_group_t *but, const user_usage_t *user)
{
    return proc->group != but && is_meant(proc->group, user)
           && !has_queue(proc->group)
           && (may_take(but, proc) || is_spare(proc, idle_since));
}

/* An idle process of another group than `but`, which is to have its place: of
 * the user who has most the one that is idle for the longest time. */
static app_process_t *find_idle(core_t *core, const app_group_t *but,
                                const user_usage_t *user)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    app_process_t *found = NULL;
    uint64_t oldest = UINT64_MAX;
    uint32_t most = 0;

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->processes);
         i; i = apr_hash_next(i)) {
        app_process_t *proc = apr_hash_this_val(i);
        uint64_t since = app_process_idle_since(proc);
        uint32_t has = proc->group->usage->processes;

        if (since != 0 && (has > most || (has == most && since < oldest))
            && may_end(proc, since, but, user)) {
            oldest = since;
            most = has;
            found = proc;
        }
    }
    return found;
}

/* The oldest process of the app that has the most, not of group `but`, which is
 * to have its place, nor of an app that has fewer than `least`. */
static app_process_t *of_largest(core_t *core, const app_group_t *but,
                                 uint32_t least, const user_usage_t *user)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    app_process_t *found = NULL;

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->processes);
         i; i = apr_hash_next(i)) {
        app_process_t *proc = apr_hash_this_val(i);
        uint32_t size = proc->group->count[PSG_PROCESS_READY];
        uint32_t best = found ? found->group->count[PSG_PROCESS_READY] : 0;

        if (proc->state == PSG_PROCESS_READY && proc->group != but
            && is_meant(proc->group, user) && may_take(but, proc)
            && size >= least
            && (size > best
                || (size == best && proc->ready_since < found->ready_since))) {
            found = proc;
        }
    }
    return found;
}

/* Makes one process of another app end, unless enough are ending already. */
static void end_another(core_t *core, const app_group_t *group,
                        const user_usage_t *user, const char *why)
{
    survey_t seen = survey(core, user);
    uint32_t most = start_queue_most(core); /* more could not start at once */
    uint64_t waited = event_loop_now(core->loop) - group->waits_since;
    /* One that drains may take long; the next one is asked after as long. */
    uint64_t turn = 1 + seen.draining;
    app_process_t *victim;

    if (seen.leaving >= (seen.in_line < most ? seen.in_line : most)) {
        return;
    }
    victim = find_idle(core, group, user);
    if (!victim && waited >= turn * PATIENCE) {
        victim = of_largest(core, group, 2, user);
    }
    if (!victim && waited >= turn * PATIENCE_WITH_LAST) {
        victim = of_largest(core, group, 1, user);
    }
    if (victim) {
        app_process_drain(victim, why);
    }
}

int app_room_is_free(const core_t *core)
{
    return app_pool_size(core) < (uint32_t)core->options->max_pool_size;
}

/* From now on, unless it does so already. */
static void wait_for_room(app_group_t *group, int of_own)
{
    if (group->waits_since == 0 || group->waits_for_own != of_own) {
        group->waits_since = event_loop_now(group->core->loop);
        group->waits_for_own = of_own;
    }
}

int app_room_find(core_t *core, app_group_t *group)
{
    survey_t seen;
    app_process_t *victim;

    wait_for_room(group, 0);
    seen = survey(core, NULL);
    if (seen.leaving >= seen.in_line) {
        return 1;
    }
    victim = find_idle(core, group, NULL);
    if (victim) {
        app_process_drain(victim, "another app restarts and needs its place");
    }
    return victim != NULL;
}

void app_room_make(core_t *core, app_group_t *group)
{
    if (app_room_is_free(core)) {
        return;
    }
    wait_for_room(group, 0);
    end_another(core, group, NULL, "another app needs its place in the pool");
}

void app_room_make_of_user(core_t *core, app_group_t *group)
{
    wait_for_room(group, 1);
    end_another(core, group, group->usage,
                "another app of its user needs its place");
}

void app_room_trim(core_t *core)
{
    uint32_t most = (uint32_t)core->options->max_pool_size;
    uint32_t staying = app_pool_size(core);
    survey_t seen;
    app_process_t *victim;

    if (staying <= most) {
        return;
    }
    seen = survey(core, NULL);
    staying -= seen.leaving + seen.draining;
    while (staying > most && (victim = find_idle(core, NULL, NULL))) {
        app_process_drain(victim, "the pool is smaller now");
        staying--;
    }
}
