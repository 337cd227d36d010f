/* SPDX-License-Identifier: Apache-2.0 */

/* Finds requests that run for too long on the scoreboard and ends the processes
 * that do not get done with them. Called by app_pool's tick. */
#include "request_overrun.h"

#include <signal.h>

#include "agent_log.h"
#include "app_limits.h"
#include "app_pool.h"
#include "app_restart.h"
#include "event_hooks.h"
#include "request_log.h"

enum {
    SECOND = 1000000,
    MILLISECOND = 1000,
    /* For the stacks to be written. A little less than the tick. */
    LAST_WORDS_TIME = SECOND * 9 / 10,
    /* After so long without an overrun the next one is a new one. */
    FORGET_TIME = SECOND * 3 / 2,
};

/* A child may scribble anything there: it can end its apps' processes, no
 * more. */
static int is_over(const psg_slot_t *slot, uint64_t now)
{
    return slot->running < now
           && now - slot->running > (uint64_t)slot->time_limit * MILLISECOND;
}

/* Which one it works on, of those it was sent ahead, only it knows. */
static const char *doubt(const app_process_t *proc)
{
    const psg_process_t *entry = &proc->core->sb->processes[proc->index];

    return entry->concurrency == 1 && entry->busy > 1
               ? " (or another one it was sent meanwhile)"
               : "";
}

/* A program that knows nothing of us would end by SIGQUIT, or worse, serve on
 * without taking requests. */
static void show_stacks(app_process_t *proc, const psg_slot_t *slot,
                        uint64_t now)
{
    core_t *core = proc->core;
    int understands = !proc->group->spec->command;

    agent_log(
        PSG_LOG_WARN,
        "PSG2170: app '%s': process %d works on %s%s, longer than %u.%u s "
        "(PassengerMaxRequestTime); it is killed in a second%s",
        proc->group->spec->root, proc->pid,
        request_log_words(slot, now, event_loop_scratch(core->loop)),
        doubt(proc), slot->time_limit / MILLISECOND,
        slot->time_limit % MILLISECOND / 100,
        understands ? ", what it does comes next" : "");
    proc->overrun_since = now;
    if (understands) {
        core->starter->signal(core, proc, SIGQUIT);
    }
}

static void end_overrun(app_process_t *proc, const psg_slot_t *slot,
                        uint64_t now)
{
    apr_pool_t *scratch = event_loop_scratch(proc->core->loop);

    agent_log(PSG_LOG_ERROR,
              "PSG2171: app '%s': process %d is killed, it still works on %s; "
              "see what it did above, or raise PassengerMaxRequestTime",
              proc->group->spec->root, proc->pid,
              request_log_words(slot, now, scratch));
    event_hooks_run(proc->group, HOOK_MAX_REQUEST_TIME_REACHED, proc->pid);
    if (__atomic_load_n(&proc->core->sb->processes[proc->index].served,
                        __ATOMIC_RELAXED)
        == 0) {
        app_restart_doubt(proc->group, proc);
    }
    app_limits_kill(proc, "a request took longer than PassengerMaxRequestTime");
}

static void act(app_process_t *proc, const psg_slot_t *slot, uint64_t now)
{
    uint64_t seen = proc->overrun_seen;

    proc->overrun_seen = now;
    if (seen == 0 || now - seen > FORGET_TIME) {
        show_stacks(proc, slot, now);
    }
    else if (now - proc->overrun_since >= LAST_WORDS_TIME) {
        end_overrun(proc, slot, now);
    }
}

static void look_at_slot(core_t *core, const psg_slot_t *entry, uint64_t now)
{
    psg_slot_t slot;
    app_process_t *proc;

    if (__atomic_load_n(&entry->state, __ATOMIC_ACQUIRE) != PSG_SLOT_RUNNING
        || entry->time_limit == 0) {
        return;
    }
    slot = *entry;
    if (slot.time_limit == 0 || !is_over(&slot, now)) {
        return;
    }
    proc = app_pool_process(core, slot.process, slot.process_generation);
    if (proc
        && (proc->state == PSG_PROCESS_READY
            || proc->state == PSG_PROCESS_DRAINING)) {
        act(proc, &slot, now);
    }
}

void request_overrun_tick(core_t *core)
{
    const psg_scoreboard_t *sb = core->sb;
    uint64_t now = event_loop_now(core->loop);

    for (uint32_t row = 0; row < PSG_MAX_CHILDREN; row++) {
        const psg_child_t *child = &sb->children[row];
        uint32_t used = __atomic_load_n(&child->slots_used, __ATOMIC_ACQUIRE);

        if (__atomic_load_n(&child->pid, __ATOMIC_ACQUIRE) == 0) {
            continue;
        }
        for (uint32_t i = 0; i < used && i < PSG_SLOTS_PER_CHILD; i++) {
            look_at_slot(core, &sb->slots[row * PSG_SLOTS_PER_CHILD + i], now);
        }
    }
}
