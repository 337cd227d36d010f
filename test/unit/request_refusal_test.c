/* SPDX-License-Identifier: Apache-2.0 */

/* Requests that get no process and no place in the queue. */
#include "test.h"

#include "sample_scoreboard.h"

static psg_scoreboard_t *sb;
static psg_slot_pool_t *slots;

/* Group 0 with one process that takes one request. */
static void setup(void)
{
    sb = sample_app(&slots, 1);
}

static uint32_t enter(psg_enter_e expected)
{
    return sample_enter(sb, slots, 0, expected);
}

TEST(app_that_fails_is_answered_without_a_queue)
{
    uint64_t *retry_at;

    setup();
    retry_at = &sb->groups[0].retry_at;
    *retry_at = psg_now() + PSG_RETRY_MAX - 1000;
    CHECK_INT(psg_group_retry_after(sb, 0), 60);
    enter(PSG_ENTER_RUNNING); /* there is a process: it holds for others only */
    psg_slot_free(slots, enter(PSG_ENTER_FAILING));
    CHECK_INT(sb->groups[0].queued, 0);
    CHECK_INT(sb->groups[0].rejected, 1);
    *retry_at = psg_now() + 1;
    CHECK(psg_group_retry_after(sb, 0) <= 1);
    *retry_at = psg_now() - 1;
    CHECK_INT(psg_group_retry_after(sb, 0), 0);
    enter(PSG_ENTER_QUEUED);
}

/* Some httpd child wrote it. */
TEST(app_is_not_kept_out_by_a_retry_in_a_far_future)
{
    setup();
    sb->groups[0].retry_at = psg_now() + 2 * (uint64_t)PSG_RETRY_MAX;
    enter(PSG_ENTER_RUNNING);
    enter(PSG_ENTER_QUEUED);
    sb->groups[0].retry_at = UINT64_MAX;
    enter(PSG_ENTER_QUEUED);
    CHECK_INT(psg_group_retry_after(sb, 0), 0);
    CHECK_INT(psg_group_retry_after(sb, PSG_NONE), 0);
}

TEST(queue_has_a_limit)
{
    uint32_t running, first;

    setup();
    sb->groups[0].queue_limit = 2;
    running = enter(PSG_ENTER_RUNNING);
    first = enter(PSG_ENTER_QUEUED);
    enter(PSG_ENTER_QUEUED);
    psg_slot_free(slots, enter(PSG_ENTER_FULL));
    CHECK_INT(sb->groups[0].rejected, 1);
    CHECK_INT(sb->groups[0].queued, 2);
    sample_leave(sb, slots, running);
    CHECK_INT(sb->slots[first].state, PSG_SLOT_RUNNING);
    enter(PSG_ENTER_QUEUED);
}
