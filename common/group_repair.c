/* SPDX-License-Identifier: Apache-2.0 */

/* Makes a group's queue and busy figures anew from the states of the slots.
 * Called when the holder of the group's lock died, when a child died, by a new
 * core, and wherever the queue or the list of processes is found out of order.
 *
 * Memory is not needed: the slots' own `next` fields carry the sort. Every loop
 * is bounded by a private count, since somebody may write to the fields while
 * we read them. */
#include "group_queue.h"
#include "request_slot.h"

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

static uint32_t processes_used(const psg_scoreboard_t *sb)
{
    return at_most(psg_peek(&sb->header.processes_used), PSG_MAX_PROCESSES);
}

/* Links every process of the group that is in use, in the order of the table. */
static void list_rebuild(psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t *link = &sb->groups[g].first_process;
    uint32_t used = processes_used(sb);
    uint32_t p;

    for (p = 0; p < used; p++) {
        psg_process_t *process = &sb->processes[p];

        if (psg_peek(&process->group) == g
            && psg_peek(&process->kind) == PSG_KIND_APP
            && psg_peek(&process->state) != PSG_PROCESS_UNUSED) {
            *link = p;
            link = &process->next;
        }
    }
    *link = PSG_NONE;
}

/* Also those that left the list: slots may still run on them. */
static void busy_clear(psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t used = processes_used(sb);
    uint32_t p;

    for (p = 0; p < used; p++) {
        if (psg_peek(&sb->processes[p].group) == g) {
            sb->processes[p].busy = 0;
        }
    }
}

static void count_running(psg_scoreboard_t *sb, uint32_t g,
                          const psg_slot_t *slot)
{
    uint32_t p = psg_peek(&slot->process);

    if (p < PSG_MAX_PROCESSES && psg_peek(&sb->processes[p].group) == g
        && psg_peek(&sb->processes[p].generation)
               == psg_peek(&slot->process_generation)) {
        sb->processes[p].busy++;
    }
}

/* What was found so far: waiting slots, chained by `next` in any order. */
typedef struct {
    uint32_t first, count;
    uint64_t next_ticket;
} found_t;

static void find_slot(psg_scoreboard_t *sb, uint32_t g, uint32_t index,
                      found_t *found)
{
    psg_slot_t *slot = &sb->slots[index];
    psg_slot_state_e state = psg_slot_state(slot);

    if ((state != PSG_SLOT_QUEUED && state != PSG_SLOT_RUNNING
         && state != PSG_SLOT_FAILED)
        || psg_peek(&slot->group) != g) {
        return;
    }
    if (state == PSG_SLOT_QUEUED
        && psg_peek(&slot->group_generation) != sb->groups[g].generation) {
        /* It waits for a group that is gone. */
        psg_slot_set_state(slot, PSG_SLOT_FAILED);
        state = PSG_SLOT_FAILED;
    }
    if (state != PSG_SLOT_FAILED && slot->ticket >= found->next_ticket) {
        found->next_ticket = slot->ticket + 1;
    }
    if (state == PSG_SLOT_QUEUED) {
        slot->next = found->first;
        found->first = index;
        found->count++;
        return;
    }
    if (state == PSG_SLOT_RUNNING) {
        count_running(sb, g, slot);
    }
    /* Who served it may have died before waking it. */
    psg_slot_wake(sb, index);
}

/* All slots that rows in use ever used. */
static void find_slots(psg_scoreboard_t *sb, uint32_t g, found_t *found)
{
    uint32_t row, i;

    for (row = 0; row < PSG_MAX_CHILDREN; row++) {
        uint32_t used;

        if (__atomic_load_n(&sb->children[row].pid, __ATOMIC_ACQUIRE) == 0) {
            continue;
        }
        used = at_most(psg_peek(&sb->children[row].slots_used),
                       PSG_SLOTS_PER_CHILD);
        for (i = 0; i < used; i++) {
            find_slot(sb, g, row * PSG_SLOTS_PER_CHILD + i, found);
        }
    }
}

static uint32_t next_in_range(const psg_scoreboard_t *sb, uint32_t slot)
{
    uint32_t next = psg_peek(&sb->slots[slot].next);

    return next < PSG_MAX_SLOTS ? next : PSG_NONE;
}

/* Merges two sorted chains of together at most n slots. */
static uint32_t merge(psg_scoreboard_t *sb, uint32_t a, uint32_t b, uint32_t n)
{
    uint32_t head = PSG_NONE;
    uint32_t *link = &head;

    while (n-- > 0 && (a != PSG_NONE || b != PSG_NONE)) {
        uint32_t *from = &a;

        if (a == PSG_NONE
            || (b != PSG_NONE && sb->slots[b].ticket < sb->slots[a].ticket)) {
            from = &b;
        }
        *link = *from;
        link = &sb->slots[*from].next;
        *from = next_in_range(sb, *from);
    }
    *link = PSG_NONE;
    return head;
}

/* Cuts the first n slots off the chain *rest; returns them sorted by ticket. */
static uint32_t sort(psg_scoreboard_t *sb, uint32_t *rest, uint32_t n)
{
    uint32_t a, b;

    if (*rest == PSG_NONE) {
        return PSG_NONE;
    }
    if (n == 1) {
        a = *rest;
        *rest = next_in_range(sb, a);
        sb->slots[a].next = PSG_NONE;
        return a;
    }
    a = sort(sb, rest, n / 2);
    b = sort(sb, rest, n - n / 2);
    return merge(sb, a, b, n);
}

/* Makes the sorted chain of at most n slots the queue. */
static void queue_set(psg_scoreboard_t *sb, uint32_t g, uint32_t slot,
                      uint32_t n)
{
    psg_group_t *group = &sb->groups[g];
    uint32_t last = PSG_NONE;

    group->queue_head = slot;
    group->queued = 0;
    group->wishes = 0;
    while (slot != PSG_NONE && group->queued < n) {
        sb->slots[slot].prev = last;
        last = slot;
        group->wishes += psg_peek(&sb->slots[slot].wish) != 0;
        slot = next_in_range(sb, slot);
        group->queued++;
    }
    if (last != PSG_NONE) {
        sb->slots[last].next = PSG_NONE;
    }
    group->queue_tail = last;
}

void psg_group_recount(psg_scoreboard_t *sb, uint32_t g)
{
    psg_group_t *group = &sb->groups[g];
    found_t found = {.first = PSG_NONE, .next_ticket = group->next_ticket};
    uint32_t rest;

    if (!psg_group_list_is_sound(sb, g)) {
        list_rebuild(sb, g);
    }
    busy_clear(sb, g);
    find_slots(sb, g, &found);
    group->next_ticket = found.next_ticket;
    rest = found.first;
    queue_set(sb, g, sort(sb, &rest, found.count), found.count);
}

void psg_group_repair(psg_scoreboard_t *sb, uint32_t g)
{
    psg_group_recount(sb, g);
    psg_group_dispatch(sb, g);
    sb->groups[g].wanted = 0;
}
