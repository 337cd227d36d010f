/* SPDX-License-Identifier: Apache-2.0 */

/* What happens to a process whose request takes too long. */
#include "test.h"

#include <signal.h>
#include <string.h>

#include "app_restart.h"
#include "fake_core.h"
#include "request_overrun.h"

static fake_core_t *fake;
static app_group_t *group;

/* A process that serves so many at once, and a request that may take a
 * second. */
static uint32_t setup(uint32_t concurrency)
{
    uint32_t slot;

    fake = fake_core(1, 0);
    group = fake_group(fake, "/srv/app", NULL, NULL);
    CHECK_INT(app_process_start(group), APR_SUCCESS);
    fake_ready(group, concurrency);
    slot = fake_enter(fake, group);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    fake->core.sb->slots[slot].time_limit = 1000;
    return slot;
}

static void pass(double seconds)
{
    fake_pass(fake, seconds);
    request_overrun_tick(&fake->core);
}

TEST(overrun_shows_stacks_and_is_killed_a_second_later)
{
    psg_slot_t *slot;
    uint32_t index = setup(1);

    slot = &fake->core.sb->slots[index];
    strcpy(slot->method, "GET");
    strcpy(slot->uri, "/slow'x");
    pass(0.9);
    CHECK_INT(fake_count(fake, SIGQUIT), 0);
    pass(0.2);
    CHECK_INT(fake_count(fake, SIGQUIT), 1);
    CHECK_INT(group->first->state, PSG_PROCESS_READY);
    CHECK_CONTAINS(fake_log(), "PSG2170");
    CHECK_CONTAINS(fake_log(), "GET '/slow?x' of");
    pass(0.5);
    CHECK_INT(fake_count(fake, SIGKILL), 0);
    pass(0.5);
    CHECK_INT(fake_count(fake, SIGQUIT), 1);
    CHECK_INT(fake_count(fake, SIGKILL), 1);
    CHECK_INT(group->first->state, PSG_PROCESS_STOPPING);
    CHECK_CONTAINS(fake_log(), "PSG2171");
    pass(1);
    CHECK_INT(fake_count(fake, SIGKILL), 1); /* it is dying already */
}

TEST(overrun_that_ends_in_time_is_not_killed)
{
    uint32_t slot = setup(1);

    pass(1.1);
    CHECK_INT(fake_count(fake, SIGQUIT), 1);
    fake_leave(fake, slot);
    pass(1);
    CHECK_INT(fake_count(fake, SIGKILL), 0);
    pass(1);
    slot = fake_enter(fake, group);
    fake->core.sb->slots[slot].running += 3100000; /* of the real clock */
    fake->core.sb->slots[slot].time_limit = 1000;
    pass(1.1);
    CHECK_INT(fake_count(fake, SIGQUIT), 2); /* another one, from the start */
    CHECK_INT(fake_count(fake, SIGKILL), 0);
}

TEST(overruns_of_several_requests_are_one)
{
    uint32_t slots[3];

    slots[0] = setup(0);
    for (int i = 1; i < 3; i++) {
        slots[i] = fake_enter(fake, group);
        fake->core.sb->slots[slots[i]].time_limit = 1000;
    }
    pass(1.1);
    pass(1);
    CHECK_INT(fake_count(fake, SIGQUIT), 1);
    CHECK_INT(fake_count(fake, SIGKILL), 1);
}

TEST(requests_without_a_limit_may_take_any_time)
{
    uint32_t slot = setup(0), waiting;

    fake->core.sb->slots[slot].time_limit = 0;
    fake->core.sb->processes[group->first->index].concurrency = 1;
    waiting = fake_enter(fake, group);
    CHECK_INT(fake_state(fake, waiting), PSG_SLOT_QUEUED);
    fake->core.sb->slots[waiting].time_limit = 1; /* waits, does not run */
    pass(1000);
    pass(1);
    CHECK_INT(fake_count(fake, SIGQUIT), 0);
    CHECK_INT(fake_count(fake, SIGKILL), 0);
}

TEST(overrun_of_a_process_that_is_gone_means_nothing)
{
    uint32_t slot = setup(1);

    fake->core.sb->slots[slot].process_generation++;
    pass(10);
    fake->core.sb->slots[slot].process = PSG_NONE;
    pass(10);
    CHECK_INT(fake_count(fake, SIGQUIT), 0);
}

/* It was killed before it served anybody: the version may be no good. */
TEST(overrun_of_a_new_version_keeps_the_old_processes)
{
    fake = fake_core(4, 0);
    group = fake_group(fake, "/srv/app", "PassengerMinInstances", "3");
    CHECK_INT(app_process_start(group), APR_SUCCESS);
    for (int i = 0; i < 3; i++) {
        fake_ready(group, 1);
    }
    app_restart_group(group, "the test wants it");
    fake_ready(group, 1);
    for (int i = 0; i < 3; i++) { /* one of them is the new one's */
        uint32_t slot = fake_enter(fake, group);
        uint32_t process = fake->core.sb->slots[slot].process;

        if (fake->core.sb->processes[process].epoch == group->epoch) {
            fake->core.sb->slots[slot].time_limit = 1000;
        }
    }
    pass(1.1);
    pass(1);
    CHECK_INT(fake_count(fake, SIGKILL), 1);
    CHECK_CONTAINS(fake_log(), "PSG2129");
}
