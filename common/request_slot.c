/* SPDX-License-Identifier: Apache-2.0 */

/* Asks, enters, waits and leaves for one request: the hot path. Called by the
 * threads of httpd's children; the core answers questions here. */
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "group_queue.h"
#include "request_ahead.h"
#include "request_slot.h"

/* The futex is shared between processes, so without FUTEX_PRIVATE_FLAG. Returns
 * when the word is not `expected` (any more), or after usec, or for no reason. */
static void futex_wait(uint32_t *word, uint32_t expected, uint64_t usec)
{
    struct timespec ts;

    ts.tv_sec = (time_t)(usec / 1000000);
    ts.tv_nsec = (long)(usec % 1000000) * 1000;
    syscall(SYS_futex, word, FUTEX_WAIT, expected, &ts, NULL, 0);
}

void psg_slot_wake(psg_scoreboard_t *sb, uint32_t slot)
{
    syscall(SYS_futex, &sb->slots[slot].state, FUTEX_WAKE, INT_MAX, NULL, NULL,
            0);
}

void psg_slot_ask(psg_scoreboard_t *sb, uint32_t slot, uint64_t ticket)
{
    psg_slot_t *s = &sb->slots[slot];

    s->group = PSG_NONE;
    s->process = PSG_NONE;
    s->refusal = 0;
    __atomic_store_n(&s->ticket, ticket, __ATOMIC_RELAXED);
    psg_slot_set_state(s, PSG_SLOT_ASKING);
}

psg_slot_state_e psg_slot_wait_answer(psg_scoreboard_t *sb, uint32_t slot,
                                      uint64_t tick)
{
    psg_slot_t *s = &sb->slots[slot];
    uint64_t end = psg_now() + tick;
    psg_slot_state_e state;

    for (;;) {
        uint64_t now;

        state = psg_slot_state(s);
        if (state != PSG_SLOT_ASKING && state != PSG_SLOT_ANSWERING) {
            return state;
        }
        now = psg_now();
        if (now >= end) {
            return PSG_SLOT_ASKING;
        }
        futex_wait(&s->state, state, end - now);
    }
}

/* Makes the slot ANSWERING if that question is open: nobody else writes to it
 * then. The ticket is looked at again afterwards, since the child may have
 * withdrawn the question and asked another one meanwhile. */
static int answer_begin(psg_slot_t *slot, uint64_t ticket)
{
    uint32_t state = PSG_SLOT_ASKING;

    if (__atomic_load_n(&slot->ticket, __ATOMIC_RELAXED) != ticket
        || !__atomic_compare_exchange_n(&slot->state, &state,
                                        PSG_SLOT_ANSWERING, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
        return 0;
    }
    if (__atomic_load_n(&slot->ticket, __ATOMIC_RELAXED) != ticket) {
        psg_slot_set_state(slot, PSG_SLOT_ASKING);
        return 0;
    }
    return 1;
}

int psg_slot_answer(psg_scoreboard_t *sb, uint32_t slot, uint64_t ticket,
                    uint32_t group, uint32_t group_generation)
{
    psg_slot_t *s;

    if (slot >= PSG_MAX_SLOTS || !answer_begin(&sb->slots[slot], ticket)) {
        return 0;
    }
    s = &sb->slots[slot];
    s->group = group;
    s->group_generation = group_generation;
    psg_slot_set_state(s, PSG_SLOT_ANSWERED);
    psg_slot_wake(sb, slot);
    return 1;
}

int psg_slot_refuse(psg_scoreboard_t *sb, uint32_t slot, uint64_t ticket,
                    psg_refusal_e why)
{
    if (slot >= PSG_MAX_SLOTS || !answer_begin(&sb->slots[slot], ticket)) {
        return 0;
    }
    sb->slots[slot].refusal = why;
    psg_slot_set_state(&sb->slots[slot], PSG_SLOT_REFUSED);
    psg_slot_wake(sb, slot);
    return 1;
}

static int group_is(const psg_group_t *group, uint32_t generation)
{
    return psg_peek(&group->state) == PSG_GROUP_ACTIVE
           && psg_peek(&group->generation) == generation;
}

/* Nobody else checks what the scoreboard says, and some httpd child may have
 * written it: no app is kept out for longer than the core ever would. */
static uint64_t retry_in(const psg_group_t *group, uint64_t now)
{
    uint64_t retry_at = __atomic_load_n(&group->retry_at, __ATOMIC_RELAXED);

    return retry_at > now && retry_at - now <= PSG_RETRY_MAX ? retry_at - now
                                                             : 0;
}

unsigned psg_group_retry_after(const psg_scoreboard_t *sb, uint32_t group)
{
    if (group >= PSG_MAX_GROUPS) {
        return 0;
    }
    return (unsigned)((retry_in(&sb->groups[group], psg_now()) + 999999)
                      / 1000000);
}

void psg_slot_wish(psg_scoreboard_t *sb, uint32_t slot, uint32_t group,
                   const uint32_t *ids, unsigned count)
{
    psg_slot_t *s = &sb->slots[slot];
    unsigned i;

    s->wish = 0;
    for (i = 0; group < PSG_MAX_GROUPS && i < count && !s->wish; i++) {
        s->wish = ids[i];
        psg_group_find_wish(sb, group, slot);
    }
}

/* Whether a free process is for who comes now: those who wait, if any, wait for
 * others. */
static int is_next(const psg_group_t *group)
{
    return psg_peek(&group->queue_head) == PSG_NONE
           || psg_peek(&group->queued) == psg_peek(&group->wishes);
}

/* With the lock held. *served: a slot to wake afterwards, or PSG_NONE. */
static psg_enter_e enter_locked(psg_scoreboard_t *sb, uint32_t slot, uint32_t g,
                                uint64_t now, uint32_t *served, int *must_tell)
{
    psg_group_t *group = &sb->groups[g];
    uint32_t process;

    if (psg_peek(&sb->slots[slot].wish)) {
        psg_group_find_wish(sb, g, slot);
    }
    process = psg_group_pick_for(sb, g, slot);
    if (process != PSG_NONE && is_next(group)) {
        sb->slots[slot].ticket = group->next_ticket++;
        psg_group_run(sb, slot, process);
        return PSG_ENTER_RUNNING;
    }
    if (process == PSG_NONE && !psg_peek(&sb->slots[slot].wish)
        && retry_in(group, now) > 0) {
        group->rejected++;
        return PSG_ENTER_FAILING;
    }
    if (group->queue_limit != 0 && group->queued >= group->queue_limit) {
        group->rejected++;
        return PSG_ENTER_FULL;
    }
    sb->slots[slot].ticket = group->next_ticket++;
    psg_group_enqueue(sb, g, slot);
    /* Free capacity and waiters: whoever should have brought them together did
     * not come to it. Those who wait longer go first. */
    *served = process != PSG_NONE ? psg_group_hand_over(sb, g)
                                  : psg_group_send_ahead(sb, g);
    if (!group->wanted) {
        group->wanted = 1;
        *must_tell = 1;
    }
    return PSG_ENTER_QUEUED;
}

psg_enter_e psg_slot_enter(psg_scoreboard_t *sb, uint32_t slot, uint32_t group,
                           uint32_t group_generation, int *must_tell)
{
    psg_slot_t *s = &sb->slots[slot];
    uint32_t served = PSG_NONE;
    uint64_t now = psg_now();
    psg_enter_e result;

    *must_tell = 0;
    if (psg_group_lock(sb, group) != APR_SUCCESS) {
        return PSG_ENTER_GONE;
    }
    if (!group_is(&sb->groups[group], group_generation)) {
        psg_group_unlock(sb, group);
        return PSG_ENTER_GONE;
    }
    s->group = group;
    s->group_generation = group_generation;
    s->started = now;
    sb->groups[group].last_used = now;
    result = enter_locked(sb, slot, group, now, &served, must_tell);
    psg_group_unlock(sb, group);
    if (served != PSG_NONE) {
        psg_slot_wake(sb, served);
    }
    return result;
}

/* The deadline passed. Whoever served the slot at the last moment wins. */
static psg_wait_e wait_end(psg_scoreboard_t *sb, uint32_t slot)
{
    psg_slot_t *s = &sb->slots[slot];
    uint32_t g = psg_peek(&s->group);
    psg_slot_state_e state;

    if (psg_group_lock(sb, g) != APR_SUCCESS) {
        psg_slot_set_state(s, PSG_SLOT_FREE);
        return PSG_WAIT_TIMED_OUT;
    }
    state = psg_slot_state(s);
    if (state == PSG_SLOT_QUEUED) {
        psg_group_unqueue(sb, g, slot, PSG_SLOT_FREE);
        sb->groups[g].timed_out++;
    }
    psg_group_unlock(sb, g);
    switch (state) {
    case PSG_SLOT_QUEUED:
        return PSG_WAIT_TIMED_OUT;
    case PSG_SLOT_RUNNING:
        return PSG_WAIT_RUNNING;
    default:
        return PSG_WAIT_FAILED;
    }
}

psg_wait_e psg_slot_wait(psg_scoreboard_t *sb, uint32_t slot, uint64_t deadline,
                         uint64_t tick)
{
    psg_slot_t *s = &sb->slots[slot];
    uint64_t now = psg_now();
    uint64_t end = deadline;

    if (now < deadline && tick < deadline - now) {
        end = now + tick;
    }
    for (;;) {
        psg_slot_state_e state = psg_slot_state(s);

        if (state == PSG_SLOT_RUNNING) {
            return PSG_WAIT_RUNNING;
        }
        if (state != PSG_SLOT_QUEUED) {
            return PSG_WAIT_FAILED;
        }
        if (now >= end) {
            return now >= deadline ? wait_end(sb, slot) : PSG_WAIT_TICK;
        }
        futex_wait(&s->state, PSG_SLOT_QUEUED, end - now);
        now = psg_now();
    }
}

int psg_slot_is_last(const psg_scoreboard_t *sb, uint32_t slot)
{
    uint32_t process = psg_peek(&sb->slots[slot].process);

    return process < PSG_MAX_PROCESSES
           && psg_peek(&sb->processes[process].generation)
                  == psg_peek(&sb->slots[slot].process_generation)
           && psg_group_is_used_up(&sb->processes[process]);
}

int psg_slot_is_crowded(const psg_scoreboard_t *sb, uint32_t slot)
{
    return psg_process_is_crowded(sb, psg_peek(&sb->slots[slot].process),
                                  psg_peek(&sb->slots[slot].group));
}

void psg_slot_abandon(psg_scoreboard_t *sb, uint32_t slot)
{
    psg_slot_t *s = &sb->slots[slot];
    uint32_t g = psg_peek(&s->group);
    uint32_t served = PSG_NONE;

    if (psg_group_lock(sb, g) != APR_SUCCESS) {
        psg_slot_set_state(s, PSG_SLOT_FREE);
        return;
    }
    if (psg_slot_state(s) == PSG_SLOT_QUEUED) {
        psg_group_unqueue(sb, g, slot, PSG_SLOT_FREE);
    }
    else if (psg_slot_state(s) == PSG_SLOT_RUNNING) {
        psg_group_give_back(sb, g, slot);
        served = psg_group_hand_over(sb, g);
    }
    psg_group_unlock(sb, g);
    if (served != PSG_NONE) {
        psg_slot_wake(sb, served);
    }
}

/* With the lock held. */
static int rest_locked(psg_scoreboard_t *sb, uint32_t slot)
{
    const psg_slot_t *s = &sb->slots[slot];
    uint32_t index = psg_peek(&s->process);
    uint32_t g = psg_peek(&s->group);

    if (psg_slot_state(s) != PSG_SLOT_RUNNING || index >= PSG_MAX_PROCESSES
        || psg_peek(&sb->processes[index].group) != g
        || psg_peek(&sb->processes[index].generation)
               != s->process_generation) {
        return 0;
    }
    /* Who rests is to come to it between two requests. */
    sb->processes[index].ahead = 0;
    if (psg_peek(&sb->processes[index].busy) != 1
        || !psg_group_may_rest(sb, g)) {
        return 0;
    }
    __atomic_store_n(&sb->processes[index].resting, 1, __ATOMIC_RELEASE);
    return 1;
}

int psg_slot_rest(psg_scoreboard_t *sb, uint32_t slot)
{
    uint32_t g = psg_peek(&sb->slots[slot].group);
    int rests;

    if (psg_group_lock(sb, g) != APR_SUCCESS) {
        return 0;
    }
    rests = rest_locked(sb, slot);
    psg_group_unlock(sb, g);
    return rests;
}

void psg_slot_leave(psg_scoreboard_t *sb, uint32_t slot, int *drained)
{
    psg_slot_t *s = &sb->slots[slot];
    uint32_t g = psg_peek(&s->group);
    uint32_t served = PSG_NONE;

    *drained = 0;
    if (psg_group_lock(sb, g) != APR_SUCCESS) {
        psg_slot_set_state(s, PSG_SLOT_FREE);
        return;
    }
    if (psg_slot_state(s) == PSG_SLOT_RUNNING) {
        psg_process_t *process = psg_group_give_back(sb, g, slot);

        sb->groups[g].served++;
        if (process) {
            process->served++;
            *drained =
                process->state == PSG_PROCESS_DRAINING && process->busy == 0;
        }
        served = psg_group_hand_over(sb, g);
    }
    psg_group_unlock(sb, g);
    if (served != PSG_NONE) {
        psg_slot_wake(sb, served);
    }
}
