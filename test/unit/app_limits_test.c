/* SPDX-License-Identifier: Apache-2.0 */

/* The limits of an app and of its processes. */
#include "test.h"

#include <signal.h>
#include <string.h>

#include "app_limits.h"
#include "fake_core.h"

#define ROOT "/srv/app"

static psg_process_t *entry_of(const app_process_t *proc)
{
    return &proc->core->sb->processes[proc->index];
}

/* A group with one process that is READY. */
static app_group_t *group_with(fake_core_t *fake, const char *directive,
                               const char *value, uint32_t concurrency)
{
    app_group_t *group = fake_group(fake, ROOT, directive, value);

    CHECK_INT(app_process_start(group), APR_SUCCESS);
    fake_ready(group, concurrency);
    return group;
}

TEST(smaller_limit_of_instances_counts)
{
    fake_core_t *fake = fake_core(20, 0);

    CHECK_INT(app_group_limit(fake_group(fake, "/a", NULL, NULL)), 0);
    CHECK_INT(
        app_group_limit(fake_group(fake, "/b", "PassengerMaxInstances", "3")),
        3);
    fake = fake_core(20, 2);
    CHECK_INT(app_group_limit(fake_group(fake, "/a", NULL, NULL)), 2);
    CHECK_INT(
        app_group_limit(fake_group(fake, "/b", "PassengerMaxInstances", "3")),
        2);
    CHECK_INT(
        app_group_limit(fake_group(fake, "/c", "PassengerMaxInstances", "1")),
        1);
}

TEST(app_gets_no_more_instances_than_its_own_limit)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", "PassengerMaxInstances", "2");

    for (int i = 0; i < 10; i++) {
        fake_enter(fake, group);
    }
    fake_ready(group, 1);
    fake_pass(fake, 1);
    fake_ready(group, 1);
    fake_pass(fake, 5);
    CHECK_INT(fake_count(fake, 0), 2);
    CHECK_INT(fake->core.sb->groups[group->index].queued, 8);
}

TEST(forced_concurrency_replaces_what_the_loader_says)
{
    static const struct {
        const char *forced;
        uint32_t said, expected;
    } rows[] = {{"-1", 7, 7}, {"0", 7, 0}, {"3", 7, 3}, {"3", 0, 3}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_core_t *fake = fake_core(6, 0);
        app_group_t *group =
            group_with(fake, "PassengerForceMaxConcurrentRequestsPerProcess",
                       rows[i].forced, rows[i].said);

        CHECK_INT(entry_of(group->first)->concurrency, rows[i].expected);
    }
}

TEST(process_gets_as_many_requests_as_it_may_and_is_replaced)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = group_with(fake, "PassengerMaxRequests", "2", 1);
    uint32_t first = group->first->index, slot;

    fake_leave(fake, fake_enter(fake, group));
    app_limits_check_requests(group->first);
    CHECK_INT(group->first->state, PSG_PROCESS_READY);
    slot = fake_enter(fake, group);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    CHECK(psg_slot_is_last(fake->core.sb, slot));
    app_limits_check_requests(group->first);
    fake_leave(fake, slot);
    CHECK_INT(fake->core.sb->processes[first].served, 2);
    slot = fake_enter(fake, group);
    fake_pass(fake, 1);
    if (fake_process(group, PSG_PROCESS_SPAWNING)) {
        fake_ready(group, 1);
    }
    fake_pass(fake, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    CHECK(fake->core.sb->slots[slot].process != first);
    CHECK_INT(fake->core.sb->processes[first].served, 2);
    CHECK_CONTAINS(fake_log(), "PassengerMaxRequests");
}

TEST(tick_finds_a_used_up_process_nobody_told_about)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = group_with(fake, "PassengerMaxRequests", "1", 1);
    uint32_t first = group->first->index, slot;

    fake_leave(fake, fake_enter(fake, group));
    app_pool_tick(&fake->core);
    slot = fake_enter(fake, group);
    fake_pass(fake, 1);
    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    CHECK(fake->core.sb->slots[slot].process != first);
}

TEST(changed_limit_of_requests_counts_those_there_were)
{
    fake_core_t *fake = fake_core(1, 0);
    app_group_t *group = group_with(fake, "PassengerMaxRequests", "10", 1);

    fake_leave(fake, fake_enter(fake, group));
    fake_leave(fake, fake_enter(fake, group));
    CHECK(fake_group(fake, ROOT, "PassengerMaxRequests", "3") == group);
    CHECK_INT(entry_of(group->first)->requests_left, 1);
    fake_leave(fake, fake_enter(fake, group));
    CHECK_INT(fake_state(fake, fake_enter(fake, group)), PSG_SLOT_QUEUED);
    CHECK(fake_group(fake, ROOT, NULL, NULL) == group);
    CHECK_INT(entry_of(group->first)->countdown, 0);
}
