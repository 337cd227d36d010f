/* SPDX-License-Identifier: Apache-2.0 */

/* Adds up the slots of a group, in its own plain way; see the header. */
#include "group_ledger.h"

#include "test.h"

/* What the slots of one group say. */
typedef struct {
    uint32_t running[PSG_MAX_PROCESSES];
    uint32_t wished[PSG_MAX_PROCESSES]; /* slots QUEUED that want it */
    uint32_t queued, wishes;
    uint64_t last_served; /* 1 + the highest ticket that RUNs */
    uint64_t next_served; /* the lowest that is QUEUED */
} ledger_t;

/* Who had a wish may be served before or after those who wait longer. */
static int had_wish(const psg_slot_t *slot)
{
    return slot->wish || slot->uri[0] == 'w';
}

static void add_queued(ledger_t *ledger, const psg_slot_t *slot)
{
    ledger->queued++;
    if (slot->wish) {
        CHECK(slot->process < PSG_MAX_PROCESSES);
        ledger->wishes++;
        ledger->wished[slot->process]++;
    }
    if (!had_wish(slot) && slot->ticket < ledger->next_served) {
        ledger->next_served = slot->ticket;
    }
}

static void add_running(ledger_t *ledger, const psg_scoreboard_t *sb,
                        const psg_slot_t *slot)
{
    if (!had_wish(slot) && slot->ticket >= ledger->last_served) {
        ledger->last_served = slot->ticket + 1;
    }
    CHECK(slot->process < PSG_MAX_PROCESSES);
    ledger->running[slot->process] +=
        slot->process_generation == sb->processes[slot->process].generation;
}

static void add_up(ledger_t *ledger, const psg_scoreboard_t *sb, uint32_t g)
{
    uint32_t row, i;

    *ledger = (ledger_t){.next_served = UINT64_MAX};
    for (row = 0; row < PSG_MAX_CHILDREN; row++) {
        for (i = 0; i < sb->children[row].slots_used; i++) {
            const psg_slot_t *slot = &sb->slots[row * PSG_SLOTS_PER_CHILD + i];

            if (slot->group == g && slot->state == PSG_SLOT_QUEUED) {
                add_queued(ledger, slot);
            }
            if (slot->group == g && slot->state == PSG_SLOT_RUNNING) {
                add_running(ledger, sb, slot);
            }
        }
    }
}

static void check_queue(const psg_scoreboard_t *sb, uint32_t g, uint32_t queued)
{
    const psg_group_t *group = &sb->groups[g];
    uint32_t slot = group->queue_head, last = PSG_NONE, n = 0;

    CHECK_INT(group->queued, queued);
    for (; slot != PSG_NONE; slot = sb->slots[slot].next) {
        CHECK(n++ < queued);
        CHECK_INT(sb->slots[slot].state, PSG_SLOT_QUEUED);
        CHECK_INT(sb->slots[slot].prev, last);
        CHECK(last == PSG_NONE
              || sb->slots[last].ticket < sb->slots[slot].ticket);
        last = slot;
    }
    CHECK_INT(n, queued);
    CHECK_INT(group->queue_tail, last);
}

/* Requests a process had or may still have, when that was last decided. */
static uint64_t allotted[PSG_MAX_PROCESSES];

static uint64_t requests_of(const psg_process_t *process)
{
    return process->served + process->busy + process->requests_left;
}

void group_ledger_allot(psg_scoreboard_t *sb, uint32_t p, uint32_t requests)
{
    sb->processes[p].countdown = requests > 0;
    sb->processes[p].requests_left = requests;
    allotted[p] = requests_of(&sb->processes[p]);
}

static void check_process(const psg_process_t *process, uint32_t running,
                          uint32_t queued)
{
    CHECK_INT(process->busy, running);
    CHECK(process->concurrency == 0
          || process->busy <= process->concurrency + process->ahead);
    /* Nobody waits for a process that is free. */
    CHECK(
        queued == 0 || process->state != PSG_PROCESS_READY
        || (process->concurrency != 0 && process->busy >= process->concurrency)
        || (process->countdown && process->requests_left == 0));
}

void group_ledger_check(const psg_scoreboard_t *sb, uint32_t g)
{
    static ledger_t ledger;
    uint32_t p;

    add_up(&ledger, sb, g);
    for (p = sb->groups[g].first_process; p != PSG_NONE;
         p = sb->processes[p].next) {
        check_process(&sb->processes[p], ledger.running[p],
                      ledger.queued - ledger.wishes + ledger.wished[p]);
        /* Deaths may cost it some, but never give it more. */
        CHECK(!allotted[p] || !sb->processes[p].countdown
              || requests_of(&sb->processes[p]) <= allotted[p]);
    }
    CHECK_INT(sb->groups[g].wishes, ledger.wishes);
    CHECK(ledger.queued == ledger.wishes
          || ledger.last_served <= ledger.next_served);
    check_queue(sb, g, ledger.queued);
}
