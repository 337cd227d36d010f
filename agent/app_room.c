/* SPDX-License-Identifier: Apache-2.0 */

/* Shares the limited number of processes between the apps. A process counts
 * from its start until it is gone. Called by app_group and app_pool. */
#include "app_room.h"

#include "app_pool.h"
#include "start_queue.h"

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

static survey_t survey(core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    survey_t seen = {0, 0, 0};

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        const app_group_t *group = apr_hash_this_val(i);

        seen.leaving += group->count[PSG_PROCESS_STOPPING];
        seen.draining += group->count[PSG_PROCESS_DRAINING];
        seen.in_line += group->waits_since != 0;
    }
    return seen;
}

static int has_queue(const app_group_t *group)
{
    return __atomic_load_n(&group->core->sb->groups[group->index].queued,
                           __ATOMIC_ACQUIRE)
           > 0;
}

/* The process that is idle for the longest time, not of group `but`. */
static app_process_t *longest_idle(core_t *core, const app_group_t *but)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    app_process_t *found = NULL;
    uint64_t oldest = UINT64_MAX;

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->processes);
         i; i = apr_hash_next(i)) {
        app_process_t *proc = apr_hash_this_val(i);
        uint64_t since = app_process_idle_since(proc);

        if (proc->group != but && since != 0 && since < oldest
            && !has_queue(proc->group)) {
            oldest = since;
            found = proc;
        }
    }
    return found;
}

/* The oldest process of the app that has the most, not of group `but`, nor of
 * an app that has fewer than `least`. */
static app_process_t *of_largest(core_t *core, const app_group_t *but,
                                 uint32_t least)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    app_process_t *found = NULL;

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->processes);
         i; i = apr_hash_next(i)) {
        app_process_t *proc = apr_hash_this_val(i);
        uint32_t size = proc->group->count[PSG_PROCESS_READY];
        uint32_t best = found ? found->group->count[PSG_PROCESS_READY] : 0;

        if (proc->state == PSG_PROCESS_READY && proc->group != but
            && size >= least
            && (size > best
                || (size == best && proc->ready_since < found->ready_since))) {
            found = proc;
        }
    }
    return found;
}

/* Makes one process of another app end, unless enough are ending already. */
static void end_another(core_t *core, const app_group_t *group)
{
    survey_t seen = survey(core);
    uint32_t most = start_queue_most(core); /* more could not start at once */
    uint64_t waited = event_loop_now(core->loop) - group->waits_since;
    /* One that drains may take long; the next one is asked after as long. */
    uint64_t turn = 1 + seen.draining;
    app_process_t *victim;

    if (seen.leaving >= (seen.in_line < most ? seen.in_line : most)) {
        return;
    }
    victim = longest_idle(core, group);
    if (!victim && waited >= turn * PATIENCE) {
        victim = of_largest(core, group, 2);
    }
    if (!victim && waited >= turn * PATIENCE_WITH_LAST) {
        victim = of_largest(core, group, 1);
    }
    if (victim) {
        app_process_drain(victim, "another app needs its place in the pool");
    }
}

int app_room_is_free(const core_t *core)
{
    return app_pool_size(core) < (uint32_t)core->options->max_pool_size;
}

int app_room_find(core_t *core, app_group_t *group)
{
    survey_t seen;
    app_process_t *victim;

    if (group->waits_since == 0) {
        group->waits_since = event_loop_now(core->loop);
    }
    seen = survey(core);
    if (seen.leaving >= seen.in_line) {
        return 1;
    }
    victim = longest_idle(core, group);
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
    if (group->waits_since == 0) {
        group->waits_since = event_loop_now(core->loop);
    }
    end_another(core, group);
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
    seen = survey(core);
    staying -= seen.leaving + seen.draining;
    while (staying > most && (victim = longest_idle(core, NULL))) {
        app_process_drain(victim, "the pool is smaller now");
        staying--;
    }
}
