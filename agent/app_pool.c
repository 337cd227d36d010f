/* SPDX-License-Identifier: Apache-2.0 */

/* The set of all apps: lookup by key and by index, and the tick that looks
 * after what nobody reports. Called by the core's sockets and by app_group. */
#include "app_pool.h"

#include <string.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_backoff.h"
#include "app_limits.h"
#include "app_policy.h"
#include "app_preloader.h"
#include "app_rest.h"
#include "app_restart.h"
#include "app_room.h"
#include "request_overrun.h"
#include "event_hooks.h"
#include "scoreboard_writer.h"
#include "start_queue.h"
#include "user_limits.h"

enum {
    SECOND = 1000000,
    /* A group without processes that nobody used for so long is forgotten. */
    FORGET_AFTER = 600 * SECOND,
};

app_pool_t *app_pool_create(core_t *core)
{
    app_pool_t *apps = apr_pcalloc(core->pool, sizeof(*apps));

    apps->by_key = apr_hash_make(core->pool);
    apps->groups = apr_hash_make(core->pool);
    apps->processes = apr_hash_make(core->pool);
    apps->preloaders = apr_hash_make(core->pool);
    apps->hooks = event_hooks_create(core);
    apps->starts = start_queue_create(core);
    return apps;
}

uint32_t app_pool_size(const core_t *core)
{
    return apr_hash_count(core->apps->processes);
}

app_group_t *app_pool_group(core_t *core, uint32_t index, uint32_t generation)
{
    app_group_t *group =
        apr_hash_get(core->apps->groups, &index, sizeof(index));

    return group && group->generation == generation ? group : NULL;
}

app_process_t *app_pool_process(core_t *core, uint32_t index,
                                uint32_t generation)
{
    app_process_t *proc =
        apr_hash_get(core->apps->processes, &index, sizeof(index));

    if (!proc) {
        proc = apr_hash_get(core->apps->preloaders, &index, sizeof(index));
    }
    return proc && proc->generation == generation ? proc : NULL;
}

void app_pool_add_process(core_t *core, app_process_t *proc)
{
    apr_hash_set(core->apps->processes, &proc->index, sizeof(proc->index),
                 proc);
}

void app_pool_remove_process(core_t *core, app_process_t *proc)
{
    apr_hash_set(core->apps->processes, &proc->index, sizeof(proc->index),
                 NULL);
}

void app_pool_add_group(core_t *core, app_group_t *group)
{
    apr_hash_set(core->apps->groups, &group->index, sizeof(group->index),
                 group);
    apr_hash_set(core->apps->by_key, group->key, APR_HASH_KEY_STRING, group);
}

/* Frees a group without processes; a request that waits there prevents it. The
 * tables hold pointers into the group, so they go first. */
static void forget(core_t *core, app_group_t *group)
{
    if (app_preloader_count(group) > 0) {
        app_preloader_end(group, "the app is not used any more");
        return; /* it comes again */
    }
    apr_hash_set(core->apps->groups, &group->index, sizeof(group->index), NULL);
    apr_hash_set(core->apps->by_key, group->key, APR_HASH_KEY_STRING, NULL);
    if (app_group_free(group) != APR_SUCCESS) {
        app_pool_add_group(core, group);
    }
}

static uint64_t unused_for(const app_group_t *group, uint64_t now)
{
    const psg_group_t *entry = &group->core->sb->groups[group->index];
    uint64_t used = __atomic_load_n(&entry->last_used, __ATOMIC_ACQUIRE);

    if (used < group->last_asked) {
        used = group->last_asked;
    }
    return used < now ? now - used : 0;
}

/* Forgets the group that was not used for the longest time, for a new one. */
static void forget_oldest(core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    uint64_t now = event_loop_now(core->loop), longest = 0;
    app_group_t *oldest = NULL;

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        app_group_t *group = apr_hash_this_val(i);

        if (app_group_size(group) == 0 && unused_for(group, now) >= longest) {
            longest = unused_for(group, now);
            oldest = group;
        }
    }
    if (oldest) {
        forget(core, oldest);
    }
}

static app_group_t *make_group(core_t *core, app_spec_t *spec,
                               apr_pool_t *spec_pool)
{
    app_group_t *group;
    uint32_t index;

    if (scoreboard_group_new(core->writer, &index) != APR_SUCCESS) {
        forget_oldest(core);
        if (scoreboard_group_new(core->writer, &index) != APR_SUCCESS) {
            return NULL;
        }
    }
    group = app_group_create(core, index, spec, spec_pool);
    app_pool_add_group(core, group);
    return group;
}

/* The same app was started in another way before the configuration was read
 * again, as another user or by another interpreter: that is over. */
static void drain_predecessors(core_t *core, const app_group_t *group)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        app_group_t *other = apr_hash_this_val(i);

        if (other != group && other->configured != core->configured
            && strcmp(other->spec->place, group->spec->place) == 0) {
            app_group_drain(other, "the app is configured in another way now");
            app_preloader_end(other, "the app is configured in another way");
        }
    }
}

/* Old children may ask for old options after a reload; only what current ones
 * say changes a group that is there. */
static void refresh(app_group_t *group, app_spec_t *spec, apr_pool_t *spec_pool,
                    int is_current)
{
    if (is_current
        && (group->spec->stored_len != spec->stored_len
            || memcmp(group->spec->stored, spec->stored, spec->stored_len)
                   != 0)) {
        app_group_update(group, spec, spec_pool);
        app_preloader_end(group, "the app's configuration changed");
    }
    else {
        apr_pool_destroy(spec_pool);
    }
}

apr_status_t app_pool_find(core_t *core, const psg_msg_group_t *msg,
                           int is_current, app_group_t **group,
                           psg_refusal_e *refusal)
{
    const char *problem;
    app_group_t *found;
    app_spec_t *spec;
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, core->pool);

    if (rv != APR_SUCCESS) {
        *refusal = PSG_REFUSED_NO_ROOM;
        return rv;
    }
    rv = app_spec_make(&spec, &problem, core, msg, pool);
    if (rv != APR_SUCCESS) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2140: app '%.*s': refused: %s; correct its configuration",
                  msg->app_root.len > 1000 ? 1000 : (int)msg->app_root.len,
                  msg->app_root.data, problem);
        apr_pool_destroy(pool);
        *refusal = PSG_REFUSED_BAD_OPTIONS;
        return rv;
    }
    found = apr_hash_get(core->apps->by_key, spec->key, APR_HASH_KEY_STRING);
    if (found) {
        refresh(found, spec, pool, is_current);
    }
    else if (!(found = make_group(core, spec, pool))) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2141: app '%s': refused: there are %d apps already, "
                  "more have no room on the scoreboard",
                  spec->root, PSG_MAX_GROUPS);
        apr_pool_destroy(pool);
        *refusal = PSG_REFUSED_NO_ROOM;
        return APR_ENOSPC;
    }
    found->last_asked = event_loop_now(core->loop);
    if (is_current && found->configured != core->configured) {
        found->configured = core->configured;
        app_backoff_forget(found);
        drain_predecessors(core, found);
    }
    *group = found;
    return APR_SUCCESS;
}

/* Whether nobody would look at it otherwise: the message that a request waits
 * may have been lost, the process that was to be ready may have died. */
static int needs_a_look(const app_group_t *group)
{
    const psg_group_t *entry = &group->core->sb->groups[group->index];

    return __atomic_load_n(&entry->wanted, __ATOMIC_ACQUIRE)
           || __atomic_load_n(&entry->queued, __ATOMIC_ACQUIRE)
           || app_group_useful(group) < app_group_minimum(group)
           || app_restart_has_old(group);
}

static void look_after(core_t *core, app_group_t *group, uint64_t now)
{
    app_group_tidy(group, now);
    restart_watch_tick(group, now);
    event_hooks_check_queue(group);
    if (needs_a_look(group)) {
        app_group_look(group);
    }
    else if (app_group_size(group) == 0
             && unused_for(group, now) >= FORGET_AFTER) {
        forget(core, group);
    }
}

void app_pool_tick(core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    uint64_t now = event_loop_now(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        look_after(core, apr_hash_this_val(i), now);
    }
    app_limits_tick(core);
    user_limits_tick(core);
    request_overrun_tick(core);
    app_room_trim(core);
    app_rest_tick(core);
    app_policy_tick(core);
    app_preloader_tidy(core, now);
    start_queue_serve(core);
}

static void on_tick(void *baton)
{
    core_t *core = baton;

    app_pool_tick(core);
    app_pool_start_ticking(core);
}

void app_pool_start_ticking(core_t *core)
{
    event_timer_set(&core->apps->tick, core->loop,
                    event_loop_now(core->loop) + SECOND, on_tick, core);
}

void app_pool_keep_recent(core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    uint64_t now = event_loop_now(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        app_group_t *group = apr_hash_this_val(i);

        if (group->last_asked + SECOND >= now) {
            group->configured = core->configured;
        }
    }
}

void app_pool_look_at_all(core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        app_group_look(apr_hash_this_val(i));
    }
}

void app_pool_stop(core_t *core, const char *why)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        app_group_t *group = apr_hash_this_val(i);

        app_group_stop(group, why);
        app_preloader_end(group, why);
    }
}

static int are_silent(core_t *core, apr_hash_t *processes)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, processes); i;
         i = apr_hash_next(i)) {
        const app_process_t *proc = apr_hash_this_val(i);

        if (proc->output && !app_output_is_closed(proc->output)) {
            return 0;
        }
    }
    return 1;
}

int app_pool_is_silent(core_t *core)
{
    return are_silent(core, core->apps->processes)
           && are_silent(core, core->apps->preloaders);
}
