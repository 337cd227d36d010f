/* SPDX-License-Identifier: Apache-2.0 */

/* What limits are enforced by: how many requests a process has left, and since
 * when a request runs. */
#include "test.h"

#include "group_ledger.h"
#include "sample_scoreboard.h"

static psg_scoreboard_t *sb;
static psg_slot_pool_t *slots;

/* Group 0 with one process that takes so many at once, and this child. */
static void setup(uint32_t concurrency)
{
    sb = sample_app(&slots, concurrency);
}

static uint32_t enter(psg_enter_e expected)
{
    return sample_enter(sb, slots, 0, expected);
}

TEST(process_gets_no_more_requests_than_it_has_left)
{
    uint32_t slot, waiting;

    setup(0);
    sb->processes[0].countdown = 1;
    sb->processes[0].requests_left = 2;
    slot = enter(PSG_ENTER_RUNNING);
    CHECK(!psg_slot_is_last(sb, slot));
    CHECK(psg_slot_is_last(sb, enter(PSG_ENTER_RUNNING)));
    waiting = enter(PSG_ENTER_QUEUED);
    sample_leave(sb, slots, slot);
    CHECK_INT(sb->slots[waiting].state, PSG_SLOT_QUEUED);
    CHECK_INT(psg_group_lock(sb, 0), APR_SUCCESS);
    psg_group_repair(sb, 0);
    CHECK_INT(sb->processes[0].busy, 1);
    CHECK_INT(sb->processes[0].requests_left, 0);
    group_ledger_check(sb, 0);
    psg_group_unlock(sb, 0);
    sample_process(sb, 0, 1, 1);
    CHECK_INT(psg_group_lock(sb, 0), APR_SUCCESS);
    psg_group_dispatch(sb, 0);
    psg_group_unlock(sb, 0);
    CHECK_INT(sb->slots[waiting].process, 1);
}

TEST(running_slot_says_since_when)
{
    uint32_t running, waiting;

    setup(1);
    running = enter(PSG_ENTER_RUNNING);
    waiting = enter(PSG_ENTER_QUEUED);
    /* Of a coarse clock: within a tick of the kernel. */
    CHECK(sb->slots[running].running + 20000 >= sb->slots[running].started);
    sb->slots[waiting].running = 0;
    sample_leave(sb, slots, running);
    CHECK(sb->slots[waiting].running + 20000 >= sb->slots[waiting].started);
}
