/* SPDX-License-Identifier: Apache-2.0 */

/* What failures of an app cost: fewer and fewer starts, and answers at once. */
#include "test.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "app_backoff.h"
#include "app_limits.h"
#include "app_restart.h"
#include "app_restore.h"
#include "fake_core.h"

static const psg_group_t *entry_of(const app_group_t *group)
{
    return &group->core->sb->groups[group->index];
}

/* Like the clock of the core, in whole seconds from now; 0 = not published. */
static int retry_in(fake_core_t *fake, const app_group_t *group)
{
    uint64_t retry_at = entry_of(group)->retry_at;
    uint64_t now = event_loop_now(fake->core.loop);

    return retry_at > now ? (int)((retry_at - now + 999999) / 1000000) : 0;
}

static uint32_t enter_after(fake_core_t *fake, app_group_t *group,
                            double seconds)
{
    fake_pass(fake, seconds);
    return fake_enter(fake, group);
}

TEST(backoff_doubles_up_to_a_minute)
{
    static const int delays[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t slot = fake_enter(fake, group);

    for (int i = 0; i < 9; i++) {
        fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
        CHECK_INT(fake_state(fake, slot), PSG_SLOT_FAILED);
        CHECK_INT(retry_in(fake, group), delays[i]);
        CHECK(fake_enter(fake, group) == PSG_NONE);
        fake_pass(fake, delays[i] - 0.1);
        CHECK_INT(retry_in(fake, group), 1);
        CHECK_INT(fake_count(fake, 0), i + 1);
        slot = enter_after(fake, group, 0.2);
        CHECK(slot != PSG_NONE);
        CHECK_INT(fake_count(fake, 0), i + 2);
    }
    CHECK_CONTAINS(fake_log(), "tried again in 32 s");
}

TEST(backoff_is_over_when_a_process_lived_well)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    fake_enter(fake, group);
    for (int i = 0; i < 3; i++) {
        fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
        enter_after(fake, group, 60);
    }
    fake_ready(group, 1);
    fake_pass(fake, 1);
    app_pool_tick(&fake->core);
    CHECK_INT(group->failures, 3); /* it may crash still */
    fake_pass(fake, 5);
    app_pool_tick(&fake->core);
    CHECK_INT(group->failures, 0);
}

TEST(backoff_is_over_after_a_restart)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    fake_enter(fake, group);
    for (int i = 0; i < 6; i++) {
        fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
        if (i < 5) {
            enter_after(fake, group, 60);
        }
    }
    CHECK_INT(retry_in(fake, group), 32);
    app_restart_group(group, "it was repaired");
    CHECK_INT(entry_of(group)->retry_at, 0);
    CHECK(fake_enter(fake, group) != PSG_NONE);
    CHECK_INT(group->count[PSG_PROCESS_SPAWNING], 1);
}

TEST(backoff_is_over_after_a_reload)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    fake_enter(fake, group);
    fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
    CHECK(fake_group(fake, "/a", NULL, NULL) == group);
    CHECK_INT(retry_in(fake, group), 1);
    fake->core.configured++;
    CHECK(fake_group(fake, "/a", NULL, NULL) == group);
    CHECK_INT(entry_of(group)->retry_at, 0);
    CHECK(fake_enter(fake, group) != PSG_NONE);
}

TEST(backoff_lets_requests_in_while_a_process_serves)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t first = fake_enter(fake, group), second;

    fake_ready(group, 1);
    second = fake_enter(fake, group);
    fake_pass(fake, 0.3);
    fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
    CHECK_INT(entry_of(group)->retry_at, 0);
    CHECK_INT(fake_state(fake, second), PSG_SLOT_QUEUED);
    fake_exit(group, PSG_PROCESS_READY, SIGKILL);
    CHECK_INT(retry_in(fake, group), 1); /* now nobody does */
    CHECK(fake_enter(fake, group) == PSG_NONE);
    fake_leave(fake, first);
}

/* The next process, which is READY as soon as it is tried. */
static app_process_t *next_ready(fake_core_t *fake, app_group_t *group)
{
    app_process_t *proc;

    for (int i = 0; i < 700 && !fake_process(group, PSG_PROCESS_SPAWNING);
         i++) {
        fake_pass(fake, 0.1);
        app_pool_tick(&fake->core);
        if (group->first == NULL && entry_of(group)->queued == 0) {
            fake_enter(fake, group);
        }
    }
    proc = fake_process(group, PSG_PROCESS_SPAWNING);
    CHECK(proc != NULL);
    app_process_ready(proc, PSG_FORMAT_SESSION, 1, 1);
    return proc;
}

static void crash(fake_core_t *fake, app_group_t *group, int status)
{
    app_process_exited(next_ready(fake, group), status);
}

TEST(backoff_of_crashes_begins_with_the_second)
{
    static const int delays[] = {0, 1, 2, 4, 8, 16, 32, 60, 60};
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    fake_enter(fake, group);
    for (int i = 0; i < 9; i++) {
        uint64_t now;

        crash(fake, group, SIGSEGV);
        now = event_loop_now(fake->core.loop);
        CHECK_INT(group->count[PSG_PROCESS_SPAWNING], i == 0);
        CHECK_INT(group->next_start > now
                      ? (group->next_start - now + 999999) / 1000000
                      : 0,
                  delays[i]);
        CHECK_INT(retry_in(fake, group), i < 3 ? 0 : delays[i]);
    }
    CHECK_CONTAINS(entry_of(group)->error.summary,
                   "it ends soon after it is ready (signal 11");
}

/* There is always another one that gets ready. */
TEST(backoff_of_crashes_holds_while_another_process_starts)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", "PassengerMinInstances", "2");

    fake_enter(fake, group);
    for (int i = 0; i < 200; i++) {
        if (fake_process(group, PSG_PROCESS_READY)) {
            fake_exit(group, PSG_PROCESS_READY, SIGSEGV);
        }
        if (fake_process(group, PSG_PROCESS_SPAWNING)) {
            fake_ready(group, 1);
        }
        fake_pass(fake, 0.1);
        app_pool_tick(&fake->core);
    }
    CHECK(fake_count(fake, 0) <= 10); /* after 0, 0, 1, 3, 7, 15 s and so on */
}

TEST(backoff_is_short_if_somebody_kills_the_processes)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    fake_enter(fake, group);
    for (int i = 0; i < 9; i++) {
        crash(fake, group, SIGKILL);
        CHECK_INT(entry_of(group)->retry_at, 0);
        CHECK(group->next_start <= event_loop_now(fake->core.loop) + 1000000);
    }
}

/* The page says why, and the machine is not busy with starting it. */
TEST(backoff_counts_kills_for_the_hard_memory_limit)
{
    static const int delays[] = {0, 1, 2, 4, 8, 16, 32, 60};
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group =
        fake_group(fake, "/a", "PassengerHardMemoryLimit", "1");

    fake_enter(fake, group);
    for (int i = 0; i < 8; i++) {
        app_process_t *proc = next_ready(fake, group);
        uint64_t now;

        proc->pid = getpid(); /* that has more than a MiB */
        app_limits_tick(&fake->core);
        CHECK_INT(proc->state, PSG_PROCESS_STOPPING);
        app_process_exited(proc, SIGKILL);
        now = event_loop_now(fake->core.loop);
        CHECK_INT(group->next_start > now
                      ? (group->next_start - now + 999999) / 1000000
                      : 0,
                  delays[i]);
        CHECK_INT(retry_in(fake, group), i < 3 ? 0 : delays[i]);
    }
    CHECK_CONTAINS(entry_of(group)->error.summary, "PassengerHardMemoryLimit");
    CHECK_LACKS(fake_log(), "ended by itself");
}

TEST(backoff_is_short_in_development)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group =
        fake_group(fake, "/a", "PassengerAppEnv", "development");

    fake_enter(fake, group);
    for (int i = 0; i < 9; i++) {
        fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
        CHECK_INT(retry_in(fake, group), 1);
        CHECK(fake_enter(fake, group) == PSG_NONE);
        CHECK(enter_after(fake, group, 1.1) != PSG_NONE);
        CHECK_INT(group->count[PSG_PROCESS_SPAWNING], 1);
    }
}

TEST(backoff_does_not_count_processes_that_served)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    uint32_t slot = fake_enter(fake, group);

    for (int i = 0; i < 9; i++) {
        fake_ready(group, 1);
        for (int j = 0; j < 20; j++) {
            CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
            fake_leave(fake, slot);
            slot = fake_enter(fake, group);
        }
        fake_leave(fake, slot);
        fake_exit(group, PSG_PROCESS_READY, SIGSEGV);
        slot = fake_enter(fake, group);
        CHECK_INT(group->count[PSG_PROCESS_SPAWNING], 1); /* at once */
    }
}

TEST(backoff_outlives_the_core)
{
    fake_core_t *fake = fake_core(6, 0), *next;
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    fake_enter(fake, group);
    for (int i = 0; i < 4; i++) {
        fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
        if (i < 3) {
            enter_after(fake, group, 60);
        }
    }
    next = fake_core_after(fake);
    app_restore_end(&next->core);
    group = app_pool_group(&next->core, group->index, group->generation);
    CHECK_INT(retry_in(next, group), 8);
    CHECK(fake_enter(next, group) == PSG_NONE);
    CHECK(enter_after(next, group, 8.1) != PSG_NONE);
    CHECK_INT(group->count[PSG_PROCESS_SPAWNING], 1);
}
