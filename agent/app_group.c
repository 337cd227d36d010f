/* SPDX-License-Identifier: Apache-2.0 */

/* Decides for one app when to start a process and what its failure means for
 * those who wait. Called by app_pool and app_process. */
#include "app_group.h"

#include <apr_strings.h>

#include "agent_log.h"
#include "app_backoff.h"
#include "app_limits.h"
#include "app_pool.h"
#include "app_preloader.h"
#include "app_restart.h"
#include "app_room.h"
#include "event_hooks.h"
#include "scoreboard_writer.h"
#include "start_queue.h"
#include "user_limits.h"

enum {
    SECOND = 1000000,
    /* Between two looks at a queue of which we were told. */
    LOOK_AGAIN = SECOND / 4,
    /* The same while starting fails: who comes then is answered soon, and a
     * thousand at once do not make a thousand messages. */
    LOOK_AGAIN_FAILING = SECOND / 50,
};

static void on_look(void *baton);

uint32_t app_group_useful(const app_group_t *group)
{
    return group->count[PSG_PROCESS_SPAWNING] + group->count[PSG_PROCESS_READY];
}

uint32_t app_group_size(const app_group_t *group)
{
    return app_group_useful(group) + group->count[PSG_PROCESS_DRAINING]
           + group->count[PSG_PROCESS_STOPPING];
}

uint32_t app_group_minimum(const app_group_t *group)
{
    int is_asked_for = group->configured == group->core->configured;
    int least = group->spec->options->min_instances;

    if (least < group->is_pre_started) {
        least = group->is_pre_started;
    }
    /* Nobody may want an app any more that was not asked for since the
     * configuration was read: its processes may end when they are idle. */
    return group->used && is_asked_for ? (uint32_t)least : 0;
}

void app_group_pre_start(app_group_t *group)
{
    group->used = 1;
    group->is_pre_started = app_group_useful(group) == 0;
    app_group_look(group);
}

static int is_allowed_more(const app_group_t *group)
{
    uint32_t most = app_limits_instances(group);

    /* The new process of a restart boots before an old one goes. */
    if (most > 0 && app_restart_is_going_on(group)) {
        most++;
    }
    return most == 0 || app_group_size(group) < most;
}

static void look_in(app_group_t *group, uint64_t usec)
{
    event_timer_set(&group->look, group->core->loop,
                    event_loop_now(group->core->loop) + usec, on_look, group);
}

/* Whether a process that could not be started is about to end: those who wait
 * are told why when it did. One that not even SIGKILL ends is not waited for. */
static int is_giving_up(const app_group_t *group)
{
    const app_process_t *proc;

    for (proc = group->first; proc; proc = proc->next) {
        if (proc->state == PSG_PROCESS_STOPPING && !proc->was_ready
            && !proc->unwanted && proc->kills < 2) {
            return 1;
        }
    }
    return 0;
}

/* Whether one more process is needed: somebody waits whom the ones there do
 * not serve, all are overloaded, an old one is to be replaced, or there are
 * fewer than the least. One starts after the other. */
static int is_needed(const app_group_t *group, uint32_t queued)
{
    if (group->count[PSG_PROCESS_SPAWNING] > 0 || is_giving_up(group)
        || app_preloader_is_awaited(group)) {
        return 0;
    }
    if (queued > 0 || group->is_overloaded || app_restart_needs_new(group)) {
        return 1;
    }
    return !group->failing
           && app_group_useful(group) < app_group_minimum(group);
}

/* It is too early to try again. Who waits for an app that cannot be started is
 * told so at once. */
static void wait_for_start(app_group_t *group, uint32_t queued, uint64_t usec)
{
    if (group->failing && app_group_useful(group) == 0) {
        if (queued > 0) {
            scoreboard_group_fail(group->core->writer, group->index);
        }
    }
    else {
        look_in(group, usec);
    }
}

/* The pool is full: another app makes room for those who wait. A restart makes
 * do with the places the app has. */
static void find_place(app_group_t *group, uint32_t queued)
{
    if (queued > 0) {
        app_room_make(group->core, group);
    }
    else if (!app_restart_has_old(group)) {
        start_queue_leave(group); /* nobody ends for what nobody needs yet */
    }
    if (app_restart_has_old(group) && !app_room_find(group->core, group)) {
        app_restart_yield(group);
    }
}

/* Its user has as much as he may. Who is not waited for makes no room. */
static void find_place_of_user(app_group_t *group, uint32_t queued)
{
    if (app_restart_has_old(group)) {
        app_restart_yield(group);
    }
    else if (queued > 0) {
        user_limits_make_room(group);
    }
    else {
        start_queue_leave(group);
    }
}

/* Starts a process unless it is too early or others go first. */
static void start_if_possible(app_group_t *group, uint32_t queued)
{
    core_t *core = group->core;
    uint64_t now = event_loop_now(core->loop);
    start_e admitted;
    apr_status_t rv;

    if (core->stopping) {
        start_queue_leave(group);
        return;
    }
    if (!is_allowed_more(group)) {
        start_queue_leave(group);
        app_restart_yield(group);
        return;
    }
    if (now < group->next_start) {
        start_queue_leave(group);
        wait_for_start(group, queued, group->next_start - now);
        return;
    }
    admitted = start_queue_admit(group);
    if (admitted == START_NO_PLACE) {
        find_place(group, queued);
    }
    if (admitted == START_USER_FULL) {
        find_place_of_user(group, queued);
    }
    if (admitted != START_NOW) {
        return;
    }
    group->is_overloaded = 0;
    rv = app_preloader_start_process(group);
    if (rv != APR_SUCCESS) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2120: app '%s': no process can be started (%s); trying "
                  "again while requests wait",
                  group->spec->root,
                  rv == APR_ENOSPC ? "the scoreboard has no entry left"
                                   : "no memory");
    }
}

static void look(app_group_t *group, int tell_again)
{
    waiters_t waiters = scoreboard_group_dispatch(group->core->writer,
                                                  group->index, tell_again);
    uint32_t wanted = __atomic_load_n(
        &group->core->sb->groups[group->index].wanted, __ATOMIC_ACQUIRE);

    app_backoff_publish(group);
    if (is_needed(group, waiters.any)) {
        start_if_possible(group, waiters.any);
    }
    else {
        start_queue_leave(group);
    }
    /* As long as we were told and did not ask to be told again, we look. */
    if ((waiters.all > 0 || wanted) && !group->look.loop) {
        look_in(group, group->failing ? LOOK_AGAIN_FAILING : LOOK_AGAIN);
    }
}

static void on_look(void *baton)
{
    look(baton, 1);
}

void app_group_look(app_group_t *group)
{
    look(group, 0);
}

void app_group_go_on(app_group_t *group)
{
    /* Who waits for a start goes first: else an app whose processes crash could
     * keep all others out. */
    start_queue_serve(group->core);
    app_group_look(group);
}

/* Publishes which processes the group has. */
static void publish_processes(app_group_t *group)
{
    apr_pool_t *scratch = event_loop_scratch(group->core->loop);
    uint32_t *indices;
    app_process_t *proc;
    size_t count = 0;

    for (proc = group->first; proc; proc = proc->next) {
        count++;
    }
    indices = apr_palloc(scratch, (count + 1) * sizeof(*indices));
    count = 0;
    for (proc = group->first; proc; proc = proc->next) {
        indices[count++] = proc->index;
    }
    scoreboard_group_set_processes(group->core->writer, group->index, indices,
                                   count);
}

void app_group_count(const app_process_t *proc, psg_process_state_e from,
                     psg_process_state_e to)
{
    app_group_t *group = proc->group;
    uint32_t *count =
        proc->kind == PSG_KIND_PRELOADER ? group->preloaders : group->count;

    if (from == PSG_PROCESS_STATE_COUNT) {
        user_limits_add(proc);
    }
    else {
        count[from]--;
    }
    if (to == PSG_PROCESS_STATE_COUNT) {
        user_limits_remove(proc);
    }
    else {
        count[to]++;
    }
    if (from == PSG_PROCESS_SPAWNING && to != from) {
        start_queue_ended(group);
    }
    if (to == PSG_PROCESS_SPAWNING && to != from) {
        start_queue_began(group);
    }
}

void app_group_add(app_group_t *group, app_process_t *proc)
{
    group->used = 1;
    proc->prev = group->last;
    *(proc->prev ? &proc->prev->next : &group->first) = proc;
    group->last = proc;
    app_pool_add_process(group->core, proc);
    publish_processes(group);
    restart_watch_update(group);
}

void app_group_process_ready(app_group_t *group, app_process_t *proc)
{
    uint64_t took = proc->ready_since - proc->started;

    agent_log(PSG_LOG_NOTICE,
              "PSG2121: app '%s': process %d is ready after %d.%02d s",
              group->spec->root, proc->pid, (int)(took / SECOND),
              (int)(took % SECOND / (SECOND / 100)));
    app_backoff_ready(group);
    group->is_pre_started = 0;
    app_preloader_process_ready(proc);
    event_hooks_run(group, HOOK_ATTACHED_PROCESS, proc->pid);
    app_restart_go_on(group, proc);
    app_group_look(group);
    start_queue_serve(group->core);
}

void app_group_start_failed(app_group_t *group, const app_process_t *proc)
{
    group->is_pre_started = 0;
    app_backoff_start_failed(group, proc);
    event_hooks_run(group, HOOK_SPAWN_FAILED, 0);
    look_in(group, LOOK_AGAIN_FAILING); /* earlier than was meant before */
}

static void remove_process(app_group_t *group, const app_process_t *proc)
{
    *(proc->prev ? &proc->prev->next : &group->first) = proc->next;
    *(proc->next ? &proc->next->prev : &group->last) = proc->prev;
}

void app_group_process_ended(app_group_t *group, app_process_t *proc)
{
    remove_process(group, proc);
    publish_processes(group);
    app_pool_remove_process(group->core, proc);
    restart_watch_update(group);
    if (proc->was_ready) {
        event_hooks_run(group, HOOK_DETACHED_PROCESS, proc->pid);
    }
    if (!proc->was_ready && !proc->unwanted) {
        if (!app_preloader_is_to_blame(proc)) {
            app_group_start_failed(group, proc);
        }
    }
    else if (!proc->unwanted || proc->is_over_limit) {
        app_backoff_ended(group, proc);
    }
}

/* Ends those that were idle for too long, but not more than may go. */
static void end_idle(app_group_t *group, uint64_t now)
{
    uint64_t limit = (uint64_t)group->core->options->pool_idle_time * SECOND;
    uint32_t least = app_group_minimum(group);
    app_process_t *proc, *next;

    if (limit == 0) {
        return;
    }
    for (proc = group->first; proc; proc = next) {
        next = proc->next;
        uint64_t since;

        if (app_group_useful(group) <= least) {
            return;
        }
        since = app_process_idle_since(proc);
        if (since != 0 && since < now && now - since >= limit) {
            app_process_drain(proc, "it was idle for long");
        }
    }
}

void app_group_tidy(app_group_t *group, uint64_t now)
{
    app_process_t *proc, *next;

    for (proc = group->first; proc; proc = next) {
        next = proc->next;
        app_process_check_drained(proc);
    }
    end_idle(group, now);
    app_backoff_tidy(group, now);
    app_restart_tidy(group, now);
}

void app_group_drain(app_group_t *group, const char *why)
{
    app_process_t *proc, *next;

    for (proc = group->first; proc; proc = next) {
        next = proc->next;
        app_process_drain(proc, why);
    }
}

void app_group_stop(app_group_t *group, const char *why)
{
    app_process_t *proc, *next;

    for (proc = group->first; proc; proc = next) {
        next = proc->next;
        app_process_stop(proc, why);
    }
}
