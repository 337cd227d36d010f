/* SPDX-License-Identifier: Apache-2.0 */

/* Which processes may rest, and that those that do get no requests. */
#include "test.h"

#include "request_slot.h"
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

TEST(resting_process_gets_no_request)
{
    uint32_t first, second, third;

    setup(1);
    sample_process(sb, 0, 1, 1);
    first = enter(PSG_ENTER_RUNNING);
    second = enter(PSG_ENTER_RUNNING);
    third = enter(PSG_ENTER_QUEUED);
    CHECK_INT(psg_slot_rest(sb, third), 0); /* it has no process */
    CHECK_INT(psg_slot_rest(sb, first), 1); /* the other one serves the queue */
    CHECK_INT(psg_slot_rest(sb, second), 0); /* one at a time */
    sample_leave(sb, slots, first);
    CHECK_INT(sb->slots[third].state, PSG_SLOT_QUEUED);
    psg_group_repair(sb, 0);
    CHECK_INT(sb->slots[third].state, PSG_SLOT_QUEUED);
    sample_leave(sb, slots, second);
    CHECK_INT(sb->slots[third].state, PSG_SLOT_RUNNING);
    enter(PSG_ENTER_QUEUED);
}

TEST(only_process_rests_if_nobody_waits)
{
    uint32_t first, second;

    setup(2);
    first = enter(PSG_ENTER_RUNNING);
    second = enter(PSG_ENTER_RUNNING);
    CHECK_INT(psg_slot_rest(sb, first), 0); /* it is busy with the other one */
    sample_leave(sb, slots, second);
    CHECK_INT(psg_slot_rest(sb, first), 1);
    sample_leave(sb, slots, first);
    sb->processes[0].resting = 0;
    sb->processes[0].concurrency = 1;
    first = enter(PSG_ENTER_RUNNING);
    enter(PSG_ENTER_QUEUED);
    CHECK_INT(psg_slot_rest(sb, first), 0);
}
