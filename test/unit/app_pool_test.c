/* SPDX-License-Identifier: Apache-2.0 */

/* All apps together: when processes start and end, what failures mean for those
 * who wait, and how an app is known again. */
#include "test.h"

#include <signal.h>
#include <string.h>

#include "fake_core.h"

TEST(pool_starts_one_process_for_many_waiters)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    CHECK_INT(fake_count(fake, 0), 0); /* asking for it starts nothing */
    for (int i = 0; i < 10; i++) {
        CHECK_INT(fake_state(fake, fake_enter(fake, group)), PSG_SLOT_QUEUED);
    }
    fake_pass(fake, 1);
    CHECK_INT(fake_count(fake, 0), 1);
}

TEST(pool_needs_one_process_without_a_limit_of_requests)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    for (int i = 0; i < 50; i++) {
        fake_enter(fake, group);
    }
    fake_ready(group, 0);
    fake_pass(fake, 1);
    CHECK_INT(fake_count(fake, 0), 1);
    CHECK_INT(fake->core.sb->groups[group->index].queued, 0);
}

TEST(pool_starts_as_many_as_are_to_stay)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", "PassengerMinInstances", "3");
    uint32_t slot;

    fake_pass(fake, 2);
    app_pool_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 0); /* not before it is used */
    slot = fake_enter(fake, group);
    for (int i = 0; i < 3; i++) {
        fake_ready(group, 1);
    }
    CHECK_INT(fake_count(fake, 0), 3);
    fake_leave(fake, slot);
    fake_pass(fake, 400);
    app_pool_tick(&fake->core);
    CHECK_INT(group->count[PSG_PROCESS_READY], 3);
    fake_exit(group, PSG_PROCESS_READY, SIGKILL);
    fake_pass(fake, 1);
    CHECK_INT(fake_count(fake, 0), 4); /* replaced without a request */
}

TEST(pool_ends_idle_processes_but_those_that_stay)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t slots[3];

    for (int i = 0; i < 3; i++) {
        slots[i] = fake_enter(fake, group);
    }
    for (int i = 0; i < 3; i++) {
        fake_ready(group, 1);
    }
    fake_leave(fake, slots[0]);
    fake_leave(fake, slots[1]);
    fake_pass(fake, 299);
    app_pool_tick(&fake->core);
    CHECK_INT(group->count[PSG_PROCESS_READY], 3);
    fake_pass(fake, 2);
    app_pool_tick(&fake->core);
    CHECK_INT(group->count[PSG_PROCESS_READY], 1); /* the busy one */
    CHECK_INT(group->count[PSG_PROCESS_STOPPING], 2);
    CHECK_INT(fake_state(fake, slots[2]), PSG_SLOT_RUNNING);
}

TEST(pool_never_ends_idle_processes_if_told_so)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", "PassengerMinInstances", "0");
    psg_options_t options = *fake->core.options;

    options.pool_idle_time = 0;
    fake->core.options = &options;
    fake_leave(fake, fake_enter(fake, group));
    fake_ready(group, 1);
    fake_pass(fake, 1000);
    app_pool_tick(&fake->core);
    CHECK_INT(group->count[PSG_PROCESS_READY], 1);
    options.pool_idle_time = 10;
    app_pool_tick(&fake->core);
    CHECK_INT(group->count[PSG_PROCESS_READY], 0);
}

TEST(pool_fails_who_waits_for_an_app_that_does_not_start)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t first = fake_enter(fake, group), second = fake_enter(fake, group);
    const psg_group_t *entry = &fake->core.sb->groups[group->index];

    fake_exit(group, PSG_PROCESS_SPAWNING, 7 << 8);
    CHECK_INT(fake_state(fake, first), PSG_SLOT_FAILED);
    CHECK_INT(fake_state(fake, second), PSG_SLOT_FAILED);
    CHECK_CONTAINS(entry->error.summary, "exit status 7");
    CHECK_INT(strlen(entry->error.id), 8);
    CHECK_CONTAINS(fake_log(), entry->error.id);
    CHECK_INT(entry->spawn_failures, 1);
}

TEST(pool_tries_a_failing_app_when_it_is_asked_for)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t slot;

    fake_enter(fake, group);
    fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
    CHECK(fake_enter(fake, group) == PSG_NONE);
    CHECK_INT(fake_count(fake, 0), 1);
    fake_pass(fake, 5);
    CHECK_INT(fake_count(fake, 0), 1); /* nobody asks for it */
    slot = fake_enter(fake, group);
    CHECK_INT(fake_count(fake, 0), 2);
    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
}

TEST(pool_serves_on_when_one_more_process_does_not_start)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t first = fake_enter(fake, group), second;

    fake_ready(group, 1);
    second = fake_enter(fake, group);
    fake_pass(fake, 0.3);
    fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
    CHECK_INT(fake_state(fake, second), PSG_SLOT_QUEUED);
    fake_leave(fake, first);
    CHECK_INT(fake_state(fake, second), PSG_SLOT_RUNNING);
}

TEST(pool_reports_when_the_watchdog_cannot_start_anything)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t slot;

    fake->refuse_spawn = 1;
    slot = fake_enter(fake, group);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_FAILED);
    CHECK_CONTAINS(fake->core.sb->groups[group->index].error.summary,
                   "the test does not want it");
    CHECK_INT(app_pool_size(&fake->core), 0);
}

TEST(pool_replaces_a_crashed_process_at_once_if_requests_wait)
{
    fake_core_t *fake = fake_core(1, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t first = fake_enter(fake, group), second;

    fake_ready(group, 1);
    fake_pass(fake, 5);
    second = fake_enter(fake, group);
    fake_exit(group, PSG_PROCESS_READY, SIGKILL);
    CHECK_INT(fake_count(fake, 0), 2);
    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, second), PSG_SLOT_RUNNING);
    fake_leave(fake, first); /* on a process that is gone: not the new one's */
    CHECK_INT(fake_state(fake, second), PSG_SLOT_RUNNING);
    CHECK_INT(
        fake->core.sb->processes[fake->core.sb->slots[second].process].busy, 1);
}

TEST(pool_does_not_spin_with_an_app_that_crashes_when_ready)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    fake_enter(fake, group);
    fake_enter(fake, group);
    for (int i = 0; i < 1000; i++) {
        app_process_t *proc = fake_process(group, PSG_PROCESS_SPAWNING);

        if (proc) {
            app_process_ready(proc, PSG_FORMAT_SESSION, 1, 1);
            app_process_exited(proc, SIGSEGV);
        }
        fake_pass(fake, 0.01);
    }
    CHECK(fake_count(fake, 0) <= 12);
}

TEST(pool_is_told_again_when_a_queue_was_seen_empty)
{
    fake_core_t *fake = fake_core(1, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    const psg_group_t *entry = &fake->core.sb->groups[group->index];
    uint32_t first = fake_enter(fake, group), second;

    CHECK_INT(entry->wanted, 1);
    fake_ready(group, 1);
    second = fake_enter(fake, group);
    fake_pass(fake, 5);
    CHECK_INT(entry->wanted, 1); /* somebody waits still */
    fake_leave(fake, first);
    CHECK_INT(fake_state(fake, second), PSG_SLOT_RUNNING);
    fake_pass(fake, 0.6);
    CHECK_INT(entry->wanted, 0);
    CHECK(group->look.loop == NULL); /* and nothing ticks for it any more */
}

TEST(pool_finds_waiters_nobody_told_about)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t slot = psg_slot_claim(fake->slots);
    int must_tell;

    CHECK_INT(psg_slot_enter(fake->core.sb, slot, group->index,
                             group->generation, &must_tell),
              PSG_ENTER_QUEUED);
    app_pool_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 1);
}

TEST(pool_knows_an_app_again)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *a = fake_group(fake, "/a", NULL, NULL);

    CHECK(fake_group(fake, "/a", NULL, NULL) == a);
    CHECK(fake_group(fake, "/b", NULL, NULL) != a);
    CHECK(fake_group(fake, "/a", "PassengerAppEnv", "test") != a);
    CHECK(fake_group(fake, "/a", "PassengerPython", "/opt/python") != a);
}

TEST(pool_changes_limits_of_an_app_at_once)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    CHECK_INT(fake->core.sb->groups[group->index].queue_limit, 100);
    fake_enter(fake, group);
    fake_ready(group, 1);
    CHECK(fake_group(fake, "/a", "PassengerMaxRequestQueueSize", "2") == group);
    CHECK_INT(fake->core.sb->groups[group->index].queue_limit, 2);
    CHECK_INT(group->count[PSG_PROCESS_READY], 1); /* nobody was ended */
    CHECK(fake_enter(fake, group) != PSG_NONE);
    CHECK(fake_enter(fake, group) != PSG_NONE);
    CHECK(fake_enter(fake, group) == PSG_NONE);
}

TEST(pool_drains_processes_of_an_old_interpreter)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *old = fake_group(fake, "/a", NULL, NULL);
    app_group_t *other = fake_group(fake, "/b", NULL, NULL);
    app_group_t *new;

    fake_leave(fake, fake_enter(fake, old));
    fake_ready(old, 1);
    fake_leave(fake, fake_enter(fake, other));
    fake_ready(other, 1);
    fake->core.configured++;
    new = fake_group(fake, "/a", "PassengerPython", "/opt/python");
    CHECK(new != old);
    CHECK_INT(old->count[PSG_PROCESS_STOPPING], 1);
    CHECK_INT(other->count[PSG_PROCESS_READY], 1);
}

TEST(pool_forgets_groups_nobody_uses)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t index = group->index, generation = group->generation, slot;
    int must_tell;

    fake_pass(fake, 599);
    app_pool_tick(&fake->core);
    CHECK(app_pool_group(&fake->core, index, generation) == group);
    fake_pass(fake, 2);
    app_pool_tick(&fake->core);
    CHECK(app_pool_group(&fake->core, index, generation) == NULL);
    slot = psg_slot_claim(fake->slots);
    CHECK_INT(
        psg_slot_enter(fake->core.sb, slot, index, generation, &must_tell),
        PSG_ENTER_GONE);
    CHECK(fake_group(fake, "/a", NULL, NULL) != NULL);
}

TEST(pool_starts_what_is_wanted_from_the_beginning)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", "PassengerMinInstances", "2");
    app_group_t *none = fake_group(fake, "/b", "PassengerMinInstances", "0");

    app_group_pre_start(group);
    app_group_pre_start(none);
    fake_ready(group, 1);
    fake_ready(group, 1);
    fake_ready(none, 1);
    app_group_pre_start(group); /* a reload */
    app_group_pre_start(none);
    CHECK_INT(fake_count(fake, 0), 3);
    fake_exit(group, PSG_PROCESS_READY, SIGKILL);
    fake_exit(none, PSG_PROCESS_READY, SIGKILL);
    fake_pass(fake, 2);
    app_pool_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 4);
}

TEST(pool_keeps_what_was_asked_for_just_before_a_configuration)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *old = fake_group(fake, "/a", NULL, NULL), *recent;

    app_group_pre_start(old);
    fake_pass(fake, 2);
    recent = fake_group(fake, "/b", NULL, NULL);
    app_group_pre_start(recent);
    fake->core.configured++;
    app_pool_keep_recent(&fake->core);
    CHECK_INT(app_group_minimum(old), 0);
    CHECK_INT(app_group_minimum(recent), 1);
}
