/* SPDX-License-Identifier: Apache-2.0 */

/* Slots that wish for one process of their group. */
#include "test.h"

#include "group_ledger.h"
#include "sample_scoreboard.h"

enum {
    MANY = 40
};

static psg_scoreboard_t *sb;
static psg_slot_pool_t *slots;

/* Group 0 with processes 0 and 1, one request at once each; their sticky ids are
 * 1 and 2. */
static void setup(void)
{
    sb = sample_app(&slots, 1);
    sample_process(sb, 0, 1, 1);
}

static uint32_t enter(psg_enter_e expected)
{
    return sample_enter(sb, slots, 0, expected);
}

static uint32_t enter_wishing(uint32_t id, psg_enter_e expected)
{
    uint32_t slot = psg_slot_claim(slots);
    int must_tell;

    psg_slot_wish(sb, slot, 0, &id, 1);
    CHECK_INT(psg_slot_enter(sb, slot, 0, 1, &must_tell), expected);
    return slot;
}

/* As the core does it. */
static void set_state(uint32_t process, psg_process_state_e state)
{
    CHECK_INT(psg_group_lock_timed(sb, 0, 1000000), APR_SUCCESS);
    sb->processes[process].state = state;
    psg_group_dispatch(sb, 0);
    group_ledger_check(sb, 0);
    psg_group_unlock(sb, 0);
}

static void leave(uint32_t slot)
{
    sample_leave(sb, slots, slot);
    group_ledger_check(sb, 0);
}

static void check_runs(uint32_t slot, uint32_t process)
{
    CHECK_INT(sb->slots[slot].state, PSG_SLOT_RUNNING);
    CHECK_INT(sb->slots[slot].process, process);
}

TEST(wished_process_is_taken_even_if_it_is_not_the_first)
{
    setup();
    check_runs(enter_wishing(2, PSG_ENTER_RUNNING), 1);
}

TEST(wished_process_is_waited_for_though_another_is_free)
{
    uint32_t runs, waits;

    setup();
    runs = enter_wishing(2, PSG_ENTER_RUNNING);
    waits = enter_wishing(2, PSG_ENTER_QUEUED);
    CHECK_INT(sb->groups[0].wishes, 1);
    leave(runs);
    check_runs(waits, 1);
    CHECK_INT(sb->groups[0].wishes, 0);
}

TEST(who_wants_a_busy_process_delays_nobody)
{
    uint32_t held, waits, other;

    setup();
    held = enter_wishing(1, PSG_ENTER_RUNNING);
    waits = enter_wishing(1, PSG_ENTER_QUEUED);
    for (int i = 0; i < MANY; i++) {
        other = enter(PSG_ENTER_RUNNING);
        check_runs(other, 1);
        leave(other);
    }
    CHECK_INT(sb->slots[waits].state, PSG_SLOT_QUEUED);
    leave(held);
    check_runs(waits, 0);
}

TEST(those_who_wait_are_served_in_order_whatever_they_wish)
{
    uint32_t first, second, any, wishes, any_too;

    setup();
    first = enter_wishing(1, PSG_ENTER_RUNNING);
    second = enter_wishing(2, PSG_ENTER_RUNNING);
    wishes = enter_wishing(1, PSG_ENTER_QUEUED);
    any = enter(PSG_ENTER_QUEUED);
    any_too = enter(PSG_ENTER_QUEUED);
    leave(second);
    check_runs(any, 1);
    leave(first);
    check_runs(wishes, 0);
    leave(wishes);
    check_runs(any_too, 0);
}

TEST(waiters_for_one_process_are_served_in_order)
{
    uint32_t waits[MANY];
    uint32_t held;

    setup();
    held = enter_wishing(1, PSG_ENTER_RUNNING);
    for (int i = 0; i < MANY; i++) {
        waits[i] = enter_wishing(1, PSG_ENTER_QUEUED);
    }
    for (int i = 0; i < MANY; i++) {
        leave(held);
        check_runs(waits[i], 0);
        held = waits[i];
    }
}

TEST(wish_for_a_process_that_drains_is_given_up)
{
    uint32_t waits;

    setup();
    enter_wishing(1, PSG_ENTER_RUNNING);
    waits = enter_wishing(1, PSG_ENTER_QUEUED);
    set_state(0, PSG_PROCESS_DRAINING);
    check_runs(waits, 1);
}

TEST(wish_is_given_up_in_the_queue)
{
    uint32_t second, waits;

    setup();
    enter_wishing(1, PSG_ENTER_RUNNING);
    second = enter_wishing(2, PSG_ENTER_RUNNING);
    waits = enter_wishing(1, PSG_ENTER_QUEUED);
    set_state(0, PSG_PROCESS_DRAINING);
    CHECK_INT(sb->groups[0].wishes, 0);
    CHECK_INT(sb->groups[0].queued, 1);
    leave(second);
    check_runs(waits, 1);
}

TEST(wish_for_another_apps_process_is_none)
{
    setup();
    sample_group(sb, 1);
    sample_process(sb, 1, 2, 1);
    check_runs(enter_wishing(3, PSG_ENTER_RUNNING), 0);
    check_runs(enter_wishing(UINT32_MAX, PSG_ENTER_RUNNING), 1);
}

TEST(first_wish_that_can_be_had_counts)
{
    const uint32_t ids[] = {77, UINT32_MAX, 2, 1};
    uint32_t slot;
    int must_tell;

    setup();
    slot = psg_slot_claim(slots);
    psg_slot_wish(sb, slot, 0, ids, 4);
    CHECK_INT(psg_slot_enter(sb, slot, 0, 1, &must_tell), PSG_ENTER_RUNNING);
    check_runs(slot, 1);
}

TEST(process_that_had_all_its_requests_is_not_wished_for)
{
    setup();
    group_ledger_allot(sb, 0, 1);
    leave(enter_wishing(1, PSG_ENTER_RUNNING));
    check_runs(enter_wishing(1, PSG_ENTER_RUNNING), 1);
}

TEST(wishes_are_counted_anew_by_a_repair)
{
    uint32_t held, waits;

    setup();
    held = enter_wishing(1, PSG_ENTER_RUNNING);
    waits = enter_wishing(1, PSG_ENTER_QUEUED);
    enter_wishing(1, PSG_ENTER_QUEUED);
    CHECK_INT(psg_group_lock_timed(sb, 0, 1000000), APR_SUCCESS);
    sb->groups[0].wishes = 0;
    sb->groups[0].queue_head = PSG_NONE;
    psg_group_repair(sb, 0);
    group_ledger_check(sb, 0);
    psg_group_unlock(sb, 0);
    CHECK_INT(sb->groups[0].wishes, 2);
    leave(held);
    check_runs(waits, 0);
}

TEST(who_leaves_the_queue_takes_his_wish_along)
{
    uint32_t waits;

    setup();
    enter_wishing(1, PSG_ENTER_RUNNING);
    waits = enter_wishing(1, PSG_ENTER_QUEUED);
    psg_slot_abandon(sb, waits);
    CHECK_INT(sb->groups[0].wishes, 0);
    group_ledger_check(sb, 0);
}
