/* SPDX-License-Identifier: Apache-2.0 */

/* Picks processes, keeps the queue of waiting slots, and brings the two
 * together in order of arrival. Called with the group's lock held. */
#include <time.h>

#include "group_queue.h"
#include "request_ahead.h"
#include "request_slot.h"

/* Good to some milliseconds and much cheaper than psg_now(). */
static uint64_t now_coarse(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Whether it gets requests, now or when it has time. */
static int is_serving(const psg_process_t *process)
{
    return psg_peek(&process->state) == PSG_PROCESS_READY
           && !psg_group_is_used_up(process);
}

static int takes_one_more(const psg_process_t *process, uint32_t busy)
{
    uint32_t concurrency = psg_peek(&process->concurrency);

    return is_serving(process) && (concurrency == 0 || busy < concurrency)
           && !psg_peek(&process->resting);
}

/* As takes_one_more(), of a process that does one thing at a time. */
static int takes_ahead(const psg_process_t *process, uint32_t busy)
{
    return is_serving(process) && !psg_peek(&process->resting)
           && psg_ahead_has_room(process, busy, now_coarse());
}

/* Returns 0 if the list of processes is not one. */
static int list_pick(const psg_scoreboard_t *sb, uint32_t g,
                     int (*takes)(const psg_process_t *, uint32_t),
                     uint32_t *picked)
{
    uint32_t least = UINT32_MAX;
    uint32_t steps = 0;
    uint32_t p = psg_peek(&sb->groups[g].first_process);

    *picked = PSG_NONE;
    while (p != PSG_NONE && least > 0) {
        const psg_process_t *process;
        uint32_t busy;

        if (p >= PSG_MAX_PROCESSES || steps++ >= PSG_MAX_PROCESSES
            || psg_peek(&sb->processes[p].group) != g) {
            return 0;
        }
        process = &sb->processes[p];
        busy = psg_peek(&process->busy);
        if (busy < least && takes(process, busy)) {
            least = busy;
            *picked = p;
        }
        p = psg_peek(&process->next);
    }
    return 1;
}

int psg_group_list_is_sound(const psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t steps = 0;
    uint32_t p = psg_peek(&sb->groups[g].first_process);

    while (p != PSG_NONE) {
        if (p >= PSG_MAX_PROCESSES || steps++ >= PSG_MAX_PROCESSES
            || psg_peek(&sb->processes[p].group) != g) {
            return 0;
        }
        p = psg_peek(&sb->processes[p].next);
    }
    return 1;
}

uint32_t psg_group_pick(psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t picked;

    if (!list_pick(sb, g, takes_one_more, &picked)) {
        psg_group_recount(sb, g);
        if (!list_pick(sb, g, takes_one_more, &picked)) {
            return PSG_NONE;
        }
    }
    return picked;
}

/* The process to which the first waiter is sent ahead, or PSG_NONE. Somebody
 * must still be waiting then: by that the core sees that more are needed. */
static uint32_t pick_ahead(const psg_scoreboard_t *sb, uint32_t g,
                           uint32_t first)
{
    uint32_t picked;

    return psg_peek(&sb->groups[g].queued) > 1
                   && psg_peek(&sb->slots[first].repeatable)
                   && list_pick(sb, g, takes_ahead, &picked)
               ? picked
               : PSG_NONE;
}

static int is_wish_alive(const psg_scoreboard_t *sb, uint32_t g,
                         const psg_slot_t *s)
{
    uint32_t p = psg_peek(&s->process);

    return p < PSG_MAX_PROCESSES && psg_peek(&sb->processes[p].group) == g
           && psg_peek(&sb->processes[p].sticky_id) == psg_peek(&s->wish)
           && is_serving(&sb->processes[p]);
}

void psg_group_find_wish(psg_scoreboard_t *sb, uint32_t g, uint32_t slot)
{
    psg_slot_t *s = &sb->slots[slot];
    uint32_t p = psg_peek(&sb->groups[g].first_process);
    uint32_t steps;

    for (steps = 0; p < PSG_MAX_PROCESSES && steps < PSG_MAX_PROCESSES;
         steps++) {
        s->process = p;
        if (is_wish_alive(sb, g, s)) {
            return;
        }
        p = psg_peek(&sb->processes[p].next);
    }
    s->wish = 0;
}

/* The process whom a slot with a wish gets now, or PSG_NONE. */
static uint32_t pick_wished(const psg_scoreboard_t *sb, const psg_slot_t *s)
{
    uint32_t p = psg_peek(&s->process);

    return p < PSG_MAX_PROCESSES
                   && takes_one_more(&sb->processes[p],
                                     psg_peek(&sb->processes[p].busy))
               ? p
               : PSG_NONE;
}

uint32_t psg_group_pick_for(psg_scoreboard_t *sb, uint32_t g, uint32_t slot)
{
    const psg_slot_t *s = &sb->slots[slot];

    return psg_peek(&s->wish) ? pick_wished(sb, s) : psg_group_pick(sb, g);
}

int psg_group_may_rest(const psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t ready = 0;
    uint32_t p = psg_peek(&sb->groups[g].first_process);

    if (!psg_group_list_is_sound(sb, g)) {
        return 0;
    }
    for (; p != PSG_NONE; p = psg_peek(&sb->processes[p].next)) {
        if (psg_peek(&sb->processes[p].state) == PSG_PROCESS_READY) {
            if (psg_peek(&sb->processes[p].resting)) {
                return 0;
            }
            ready++;
        }
    }
    return ready > 1 || (ready == 1 && psg_peek(&sb->groups[g].queued) == 0);
}

void psg_group_run(psg_scoreboard_t *sb, uint32_t slot, uint32_t process)
{
    psg_slot_t *s = &sb->slots[slot];
    psg_process_t *p = &sb->processes[process];

    s->process = process;
    s->process_generation = p->generation;
    s->running = now_coarse();
    p->busy++;
    /* Before the state: whoever dies in between costs the process a request,
     * instead of giving it one too many. */
    if (psg_peek(&p->requests_left) > 0) {
        p->requests_left--;
    }
    psg_slot_set_state(s, PSG_SLOT_RUNNING);
}

psg_process_t *psg_group_give_back(psg_scoreboard_t *sb, uint32_t g,
                                   uint32_t slot)
{
    psg_slot_t *s = &sb->slots[slot];
    uint32_t index = psg_peek(&s->process);
    psg_process_t *process = NULL;

    /* The entry may serve another process, even another group, by now. */
    if (index < PSG_MAX_PROCESSES && psg_peek(&sb->processes[index].group) == g
        && psg_peek(&sb->processes[index].generation)
               == s->process_generation) {
        process = &sb->processes[index];
        process->last_used = now_coarse();
        psg_ahead_note(process, s->running);
        if (process->busy > 0) {
            process->busy--;
        }
    }
    psg_slot_set_state(s, PSG_SLOT_FREE);
    return process;
}

void psg_group_enqueue(psg_scoreboard_t *sb, uint32_t g, uint32_t slot)
{
    psg_group_t *group = &sb->groups[g];
    psg_slot_t *s = &sb->slots[slot];
    uint32_t tail = psg_peek(&group->queue_tail);

    s->next = PSG_NONE;
    s->prev = tail;
    psg_slot_set_state(s, PSG_SLOT_QUEUED);
    if (tail == PSG_NONE && psg_peek(&group->queue_head) == PSG_NONE) {
        group->queue_head = slot;
    }
    else if (tail < PSG_MAX_SLOTS
             && psg_peek(&sb->slots[tail].next) == PSG_NONE) {
        sb->slots[tail].next = slot;
    }
    else {
        psg_group_recount(sb, g);
        return;
    }
    group->queue_tail = slot;
    group->queued++;
    group->wishes += s->wish != 0;
}

/* Returns 0, having changed nothing, if the neighbours do not know the slot. */
static int queue_unlink(psg_scoreboard_t *sb, uint32_t g, uint32_t slot)
{
    psg_group_t *group = &sb->groups[g];
    uint32_t prev = psg_peek(&sb->slots[slot].prev);
    uint32_t next = psg_peek(&sb->slots[slot].next);
    uint32_t *from_prev, *from_next;

    if ((prev >= PSG_MAX_SLOTS && prev != PSG_NONE)
        || (next >= PSG_MAX_SLOTS && next != PSG_NONE)) {
        return 0;
    }
    from_prev = prev == PSG_NONE ? &group->queue_head : &sb->slots[prev].next;
    from_next = next == PSG_NONE ? &group->queue_tail : &sb->slots[next].prev;
    if (psg_peek(from_prev) != slot || psg_peek(from_next) != slot
        || group->queued == 0) {
        return 0;
    }
    *from_prev = next;
    *from_next = prev;
    group->queued--;
    group->wishes -= sb->slots[slot].wish != 0 && group->wishes > 0;
    return 1;
}

void psg_group_unqueue(psg_scoreboard_t *sb, uint32_t g, uint32_t slot,
                       psg_slot_state_e state)
{
    int was_linked = queue_unlink(sb, g, slot);

    psg_slot_set_state(&sb->slots[slot], state);
    if (!was_linked) {
        psg_group_recount(sb, g);
    }
}

static int is_waiting(const psg_scoreboard_t *sb, uint32_t g, uint32_t slot)
{
    return slot < PSG_MAX_SLOTS
           && psg_slot_state(&sb->slots[slot]) == PSG_SLOT_QUEUED
           && psg_peek(&sb->slots[slot].group) == g;
}

/* The first waiter, or PSG_NONE. Returns 0 if the queue is out of order. */
static int queue_first(const psg_scoreboard_t *sb, uint32_t g, uint32_t *first)
{
    const psg_group_t *group = &sb->groups[g];
    uint32_t head = psg_peek(&group->queue_head);

    *first = head;
    if (head == PSG_NONE) {
        return psg_peek(&group->queued) == 0
               && psg_peek(&group->queue_tail) == PSG_NONE;
    }
    return is_waiting(sb, g, head)
           && psg_peek(&sb->slots[head].prev) == PSG_NONE;
}

/* As queue_first(), after a repair if one is needed. */
static uint32_t queue_head(psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t first;

    if (!queue_first(sb, g, &first)) {
        psg_group_recount(sb, g);
        if (!queue_first(sb, g, &first)) {
            return PSG_NONE;
        }
    }
    return first;
}

/* A process that ended, or is about to, is wished for in vain. */
static void drop_vain_wish(psg_scoreboard_t *sb, uint32_t g, uint32_t slot)
{
    psg_slot_t *s = &sb->slots[slot];

    if (psg_peek(&s->wish) && !is_wish_alive(sb, g, s)) {
        s->wish = 0;
        sb->groups[g].wishes -= sb->groups[g].wishes > 0;
    }
}

/* The first waiter for whom there is a process, where some have wishes. */
static uint32_t first_served(psg_scoreboard_t *sb, uint32_t g,
                             uint32_t *process)
{
    uint32_t any = psg_group_pick(sb, g);
    uint32_t slot = queue_head(sb, g);
    uint32_t turns;

    for (turns = 0; slot != PSG_NONE && turns < PSG_MAX_SLOTS; turns++) {
        if (!is_waiting(sb, g, slot)) {
            psg_group_recount(sb, g);
            return PSG_NONE;
        }
        drop_vain_wish(sb, g, slot);
        *process = psg_peek(&sb->slots[slot].wish)
                       ? pick_wished(sb, &sb->slots[slot])
                       : any;
        if (*process != PSG_NONE) {
            return slot;
        }
        slot = psg_peek(&sb->slots[slot].next);
    }
    return PSG_NONE;
}

/* Makes the waiter RUNNING on the process; neither if one is PSG_NONE. */
static uint32_t serve(psg_scoreboard_t *sb, uint32_t g, uint32_t slot,
                      uint32_t process)
{
    int was_linked;

    if (slot == PSG_NONE || process == PSG_NONE) {
        return PSG_NONE;
    }
    was_linked = queue_unlink(sb, g, slot);
    psg_group_run(sb, slot, process);
    if (!was_linked) {
        psg_group_recount(sb, g);
    }
    return slot;
}

uint32_t psg_group_send_ahead(psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t slot = queue_head(sb, g);

    if (slot == PSG_NONE || psg_peek(&sb->groups[g].wishes) > 0) {
        return PSG_NONE;
    }
    return serve(sb, g, slot, pick_ahead(sb, g, slot));
}

uint32_t psg_group_hand_over(psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t slot = queue_head(sb, g);
    uint32_t process = PSG_NONE;

    if (slot == PSG_NONE) {
        return PSG_NONE;
    }
    if (psg_peek(&sb->groups[g].wishes) > 0) {
        slot = first_served(sb, g, &process);
        return serve(sb, g, slot, process);
    }
    process = psg_group_pick(sb, g);
    return process == PSG_NONE ? psg_group_send_ahead(sb, g)
                               : serve(sb, g, slot, process);
}

void psg_group_dispatch(psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t turns;

    for (turns = 0; turns < PSG_MAX_SLOTS; turns++) {
        uint32_t slot = psg_group_hand_over(sb, g);

        if (slot == PSG_NONE) {
            return;
        }
        psg_slot_wake(sb, slot);
    }
}

void psg_group_fail_waiters(psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t turns;

    for (turns = 0; turns < PSG_MAX_SLOTS; turns++) {
        uint32_t slot = queue_head(sb, g);

        if (slot == PSG_NONE) {
            return;
        }
        psg_group_unqueue(sb, g, slot, PSG_SLOT_FAILED);
        psg_slot_wake(sb, slot);
    }
}
