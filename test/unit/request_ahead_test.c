/* SPDX-License-Identifier: Apache-2.0 */

/* Who is sent a request ahead, and who is not. */
#include "test.h"

#include "group_ledger.h"
#include "request_ahead.h"
#include "sample_scoreboard.h"

static psg_scoreboard_t *sb;
static psg_slot_pool_t *slots;
static psg_process_t *process;

/* Group 0 with one process that will have been quick for long with its next
 * request, and this child. */
static void setup(void)
{
    uint32_t row;

    sb = sample_scoreboard();
    sample_group(sb, 0);
    sample_process(sb, 0, 0, 1);
    process = &sb->processes[0];
    process->ahead = PSG_AHEAD;
    process->quick = PSG_QUICK_COUNT - 1;
    slots = sample_child(sb, &row);
}

static uint32_t enter(int repeatable, psg_enter_e expected)
{
    uint32_t slot = psg_slot_claim(slots);
    int must_tell;

    sb->slots[slot].repeatable = (uint32_t)repeatable;
    CHECK_INT(psg_slot_enter(sb, slot, 0, sb->groups[0].generation, &must_tell),
              expected);
    return slot;
}

static psg_slot_state_e state_of(uint32_t slot)
{
    return sb->slots[slot].state;
}

static void check_ledger(void)
{
    CHECK_INT(psg_group_lock(sb, 0), APR_SUCCESS);
    group_ledger_check(sb, 0);
    psg_group_unlock(sb, 0);
}

/* Two more arrive while one waits: who could be sent ahead would be by now. */
static void check_nothing_ahead(uint32_t waiting)
{
    enter(1, PSG_ENTER_QUEUED);
    enter(1, PSG_ENTER_QUEUED);
    CHECK_INT(state_of(waiting), PSG_SLOT_QUEUED);
    CHECK_INT(process->busy, 1);
    check_ledger();
}

TEST(quick_process_gets_requests_ahead_in_order)
{
    uint32_t running, waiting[12];
    int i;

    setup();
    running = enter(1, PSG_ENTER_RUNNING);
    for (i = 0; i < 4; i++) {
        waiting[i] = enter(1, PSG_ENTER_QUEUED);
    }
    CHECK_INT(process->busy, 1);
    sample_leave(sb, slots, running);
    CHECK_INT(process->quick, PSG_QUICK_COUNT);
    for (i = 4; i < 12; i++) {
        waiting[i] = enter(1, PSG_ENTER_QUEUED);
    }
    CHECK_INT(process->busy, 1 + PSG_AHEAD);
    CHECK_INT(state_of(waiting[PSG_AHEAD]), PSG_SLOT_RUNNING);
    CHECK_INT(state_of(waiting[PSG_AHEAD + 1]), PSG_SLOT_QUEUED);
    sample_leave(sb, slots, waiting[0]);
    CHECK_INT(process->busy, 1 + PSG_AHEAD);
    CHECK_INT(state_of(waiting[PSG_AHEAD + 1]), PSG_SLOT_RUNNING);
    check_ledger();
}

/* By its queue the core sees that an app needs another process. */
TEST(last_waiter_is_not_sent_ahead)
{
    uint32_t running, first, second;

    setup();
    running = enter(1, PSG_ENTER_RUNNING);
    first = enter(1, PSG_ENTER_QUEUED);
    sample_leave(sb, slots, running);
    CHECK_INT(state_of(first), PSG_SLOT_RUNNING);
    second = enter(1, PSG_ENTER_QUEUED);
    CHECK_INT(state_of(second), PSG_SLOT_QUEUED);
    enter(1, PSG_ENTER_QUEUED);
    CHECK_INT(state_of(second), PSG_SLOT_RUNNING);
    CHECK_INT(sb->groups[0].queued, 1);
}

TEST(free_process_is_preferred_to_one_that_takes_requests_ahead)
{
    uint32_t running, waiting;

    setup();
    running = enter(1, PSG_ENTER_RUNNING);
    waiting = enter(1, PSG_ENTER_QUEUED);
    enter(1, PSG_ENTER_QUEUED);
    sample_process(sb, 0, 1, 1);
    sample_leave(sb, slots, running);
    CHECK_INT(sb->slots[waiting].process, 1);
    CHECK_INT(process->busy, 1);
    CHECK_INT(sb->processes[1].busy, 1);
}

TEST(request_with_a_body_is_not_sent_ahead_and_not_overtaken)
{
    uint32_t running, waiting;

    setup();
    running = enter(1, PSG_ENTER_RUNNING);
    enter(1, PSG_ENTER_QUEUED);
    sample_leave(sb, slots, running);
    waiting = enter(0, PSG_ENTER_QUEUED);
    check_nothing_ahead(waiting);
}

TEST(process_that_took_long_once_gets_nothing_ahead)
{
    uint32_t running, waiting;

    setup();
    running = enter(1, PSG_ENTER_RUNNING);
    enter(1, PSG_ENTER_QUEUED);
    sb->slots[running].running = psg_now() - 2 * PSG_QUICK_USEC;
    sample_leave(sb, slots, running);
    CHECK_INT(process->quick, 0);
    waiting = enter(1, PSG_ENTER_QUEUED);
    check_nothing_ahead(waiting);
}

TEST(process_that_takes_long_now_gets_nothing_ahead)
{
    uint32_t running, waiting;

    setup();
    running = enter(1, PSG_ENTER_RUNNING);
    enter(1, PSG_ENTER_QUEUED);
    sample_leave(sb, slots, running);
    process->last_used -= 2 * PSG_QUICK_USEC;
    waiting = enter(1, PSG_ENTER_QUEUED);
    check_nothing_ahead(waiting);
}

TEST(process_gets_no_more_ahead_than_it_may_have)
{
    uint32_t running, waiting;

    setup();
    process->countdown = 1;
    process->requests_left = 3;
    running = enter(1, PSG_ENTER_RUNNING);
    enter(1, PSG_ENTER_QUEUED);
    sample_leave(sb, slots, running);
    waiting = enter(1, PSG_ENTER_QUEUED);
    enter(1, PSG_ENTER_QUEUED);
    CHECK_INT(state_of(waiting), PSG_SLOT_RUNNING);
    enter(1, PSG_ENTER_QUEUED);
    enter(1, PSG_ENTER_QUEUED);
    CHECK_INT(process->busy, 2);
    CHECK_INT(process->requests_left, 0);
    check_ledger();
}

TEST(process_that_wants_to_rest_gets_nothing_ahead_any_more)
{
    uint32_t running, waiting;

    setup();
    running = enter(1, PSG_ENTER_RUNNING);
    enter(1, PSG_ENTER_QUEUED);
    (void)psg_slot_rest(sb, running);
    process->resting = 0;
    sample_leave(sb, slots, running);
    waiting = enter(1, PSG_ENTER_QUEUED);
    check_nothing_ahead(waiting);
}

TEST(process_of_which_nothing_is_known_gets_nothing_ahead)
{
    uint32_t running, waiting;

    setup();
    process->ahead = 0;
    running = enter(1, PSG_ENTER_RUNNING);
    enter(1, PSG_ENTER_QUEUED);
    sample_leave(sb, slots, running);
    waiting = enter(1, PSG_ENTER_QUEUED);
    process->ahead = PSG_AHEAD + 1; /* a child's scribbling */
    check_nothing_ahead(waiting);
}

TEST(quick_process_with_many_requests_is_crowded)
{
    uint32_t running;

    setup();
    running = enter(0, PSG_ENTER_RUNNING);
    for (int i = 2; i < PSG_CROWD; i++) {
        enter(0, PSG_ENTER_QUEUED);
    }
    process->quick = PSG_QUICK_COUNT;
    CHECK(!psg_slot_is_crowded(sb, running));
    enter(0, PSG_ENTER_QUEUED);
    CHECK(psg_slot_is_crowded(sb, running));
    process->quick = PSG_QUICK_COUNT - 1;
    CHECK(!psg_slot_is_crowded(sb, running));
}

TEST(slot_with_senseless_numbers_is_not_crowded)
{
    uint32_t running;

    setup();
    process->quick = PSG_QUICK_COUNT;
    process->busy = PSG_CROWD;
    running = psg_slot_claim(slots);
    sb->slots[running].group = PSG_MAX_GROUPS;
    sb->slots[running].process = 0;
    CHECK(!psg_slot_is_crowded(sb, running));
    sb->slots[running].group = 0;
    CHECK(psg_slot_is_crowded(sb, running));
    sb->slots[running].process = PSG_MAX_PROCESSES;
    CHECK(!psg_slot_is_crowded(sb, running));
}
