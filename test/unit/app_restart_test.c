/* SPDX-License-Identifier: Apache-2.0 */

/* Replacing processes: the new one first, never more than allowed, and a broken
 * version costs nothing. */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "app_restart.h"
#include "app_restore.h"
#include "fake_core.h"
#include "process_size.h"

/* The group's options, to be changed. */
static psg_options_t *options_of(app_group_t *group)
{
    return (psg_options_t *)group->spec->options;
}

TEST(restart_boots_the_new_process_first)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_serving(fake, "/a", 3);

    app_restart_group(group, "the test wants it");
    CHECK_INT(fake->core.sb->groups[group->index].epoch, 1);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_INT(fake_old_ready(group),
                  3 - i); /* until the new one is ready */
        CHECK_INT(group->count[PSG_PROCESS_SPAWNING], 1);
        fake_ready(group, 1);
        CHECK_INT(fake_old_ready(group), 2 - i);
        CHECK_INT(fake_new_ready(group), i + 1);
        fake_exit(group, PSG_PROCESS_STOPPING, 0);
    }
    fake_pass(fake, 5);
    app_pool_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 6); /* as many as there were, no more */
    CHECK_INT(fake->core.sb->processes[group->first->index].epoch, 1);
}

static void restart_often(fake_core_t *fake, app_group_t *group, int count)
{
    for (int i = 0; i < count; i++) {
        fake->call_count = 0;
        app_restart_group(group, "the test wants it");
        fake_ready(group, 1);
        fake_exit(group, PSG_PROCESS_STOPPING, 0);
        CHECK_INT(event_loop_turn(fake->core.loop, 0), APR_SUCCESS);
    }
}

/* Neither ours nor the scoreboard's. */
TEST(restarts_take_no_memory)
{
    fake_core_t *fake = fake_core(2, 0);
    app_group_t *group = fake_serving(fake, "/a", 1);
    long before;

    restart_often(fake, group, 200);
    before = process_size(getpid()).full;
    restart_often(fake, group, 5000);
    CHECK_INT(group->count[PSG_PROCESS_READY], 1);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    CHECK(process_size(getpid()).full < before + 64);
#else
    (void)before;
#endif
}

TEST(restart_ends_who_is_idle_before_who_is_busy)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_serving(fake, "/a", 2);
    uint32_t slot = fake_enter(fake, group);

    app_restart_group(group, "the test wants it");
    fake_ready(group, 1);
    CHECK_INT(group->count[PSG_PROCESS_STOPPING], 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    fake_ready(group, 1);
    CHECK_INT(group->count[PSG_PROCESS_DRAINING], 1);
    CHECK_INT(fake_new_ready(group), 2);
    fake_leave(fake, slot);
    CHECK_INT(group->count[PSG_PROCESS_STOPPING], 2);
}

TEST(restart_exceeds_the_limit_of_an_app_by_one)
{
    fake_core_t *fake = fake_core(6, 2);
    app_group_t *group = fake_serving(fake, "/a", 2);

    app_restart_group(group, "the test wants it");
    CHECK_INT(app_group_size(group), 3);
    fake_ready(group, 1);
    fake_pass(fake, 2);
    CHECK_INT(app_group_size(group), 3);
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    CHECK_INT(app_group_size(group), 3);
    fake_ready(group, 1);
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    CHECK_INT(fake_new_ready(group), 2);
    CHECK_INT(app_group_size(group), 2);
}

TEST(restart_without_room_goes_one_by_one)
{
    fake_core_t *fake = fake_core(2, 0);
    app_group_t *group = fake_serving(fake, "/a", 2);

    app_restart_group(group, "the test wants it");
    CHECK_INT(fake_old_ready(group), 1);
    CHECK_INT(group->count[PSG_PROCESS_STOPPING], 1);
    fake_pass(fake, 2);
    app_pool_tick(&fake->core);
    CHECK_INT(fake_old_ready(group), 1); /* one at a time */
    CHECK_INT(fake_count(fake, 0), 2);
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    CHECK_INT(group->count[PSG_PROCESS_SPAWNING], 1);
    fake_ready(group, 1);
    CHECK_INT(fake_old_ready(group), 0);
    CHECK_INT(fake_new_ready(group), 1);
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    CHECK_INT(app_pool_size(&fake->core), 1);
}

TEST(restart_of_the_only_process_without_room_lets_requests_wait)
{
    fake_core_t *fake = fake_core(1, 0);
    app_group_t *group = fake_serving(fake, "/a", 1);
    uint32_t slot;

    app_restart_group(group, "the test wants it");
    slot = fake_enter(fake, group);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_QUEUED);
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
}

TEST(restart_takes_the_place_of_an_idle_process_of_another_app)
{
    fake_core_t *fake = fake_core(2, 0);
    app_group_t *group = fake_serving(fake, "/a", 1);
    app_group_t *other = fake_serving(fake, "/b", 1);

    app_restart_group(group, "the test wants it");
    CHECK_INT(fake_old_ready(group), 1);
    CHECK_INT(other->count[PSG_PROCESS_STOPPING], 1);
    fake_exit(other, PSG_PROCESS_STOPPING, 0);
    CHECK_INT(group->count[PSG_PROCESS_SPAWNING], 1);
    CHECK_INT(fake_old_ready(group), 1);
    fake_ready(group, 1);
    CHECK_INT(fake_old_ready(group), 0);
}

TEST(restart_without_room_advances_under_load)
{
    fake_core_t *fake = fake_core(2, 0);
    app_group_t *group = fake_serving(fake, "/a", 2);
    uint32_t slots[8];

    for (int i = 0; i < 8; i++) {
        slots[i] = fake_enter(fake, group);
    }
    app_restart_group(group, "the test wants it");
    CHECK_INT(group->count[PSG_PROCESS_DRAINING], 1);
    fake_leave(fake, slots[0]);
    fake_leave(fake, slots[1]); /* one of them drained */
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    fake_ready(group, 1);
    CHECK_INT(fake_new_ready(group), 1);
    CHECK_INT(fake_old_ready(group), 0);
}

TEST(restart_that_is_not_rolling_drains_all_at_once)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_serving(fake, "/a", 2);
    uint32_t running = fake_enter(fake, group), waiting;

    options_of(group)->rolling_restarts = 0;
    app_restart_group(group, "the test wants it");
    CHECK_INT(group->count[PSG_PROCESS_READY], 0);
    CHECK_INT(group->count[PSG_PROCESS_DRAINING], 1);
    CHECK_INT(group->count[PSG_PROCESS_STOPPING], 1);
    waiting = fake_enter(fake, group);
    CHECK_INT(fake_state(fake, waiting), PSG_SLOT_QUEUED);
    CHECK_INT(fake_state(fake, running), PSG_SLOT_RUNNING);
    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, waiting), PSG_SLOT_RUNNING);
}

TEST(restart_resists_a_version_that_does_not_start)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_serving(fake, "/a", 2);
    const psg_group_t *entry = &fake->core.sb->groups[group->index];

    app_restart_group(group, "the test wants it");
    for (int i = 0; i < 3; i++) {
        fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
        CHECK_INT(fake_old_ready(group), 2);
        CHECK_INT(group->count[PSG_PROCESS_SPAWNING], 0);
        fake_pass(fake, 70);
        app_pool_tick(&fake->core);
        CHECK_INT(group->count[PSG_PROCESS_SPAWNING], 1); /* tried again */
    }
    CHECK_CONTAINS(fake_log(), "old processes go on serving");
    CHECK_CONTAINS(fake_log(), entry->error.id);
    fake_ready(group, 1);
    fake_ready(group, 1);
    CHECK_INT(fake_new_ready(group), 2);
    CHECK_INT(fake_old_ready(group), 0);
}

TEST(restart_does_not_resist_if_told_so)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_serving(fake, "/a", 2);
    uint32_t running = fake_enter(fake, group), slot;

    options_of(group)->resist_deployment_errors = 0;
    app_restart_group(group, "the test wants it");
    fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
    CHECK_INT(group->count[PSG_PROCESS_READY], 0);
    CHECK_INT(fake_state(fake, running), PSG_SLOT_RUNNING);
    slot = fake_enter(fake, group);
    fake_pass(fake, 0.1);
    CHECK(slot == PSG_NONE || fake_state(fake, slot) == PSG_SLOT_FAILED);
}

TEST(restart_without_room_keeps_the_rest_if_the_new_one_fails)
{
    fake_core_t *fake = fake_core(2, 0);
    app_group_t *group = fake_serving(fake, "/a", 2);
    app_group_t *other = fake_group(fake, "/b", NULL, NULL);

    app_restart_group(group, "the test wants it");
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
    CHECK_INT(fake_old_ready(group), 1);
    fake_enter(fake, other); /* takes the place */
    fake_ready(other, 1);
    fake_pass(fake, 100);
    app_pool_tick(&fake->core);
    CHECK_INT(fake_old_ready(group), 1);
    app_restart_group(group, "it was repaired");
    CHECK_INT(fake_old_ready(group), 0);
}

TEST(restart_during_a_restart_replaces_the_new_ones_too)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_serving(fake, "/a", 2);

    app_restart_group(group, "first");
    fake_ready(group, 1);
    CHECK_INT(fake_old_ready(group), 1);
    app_restart_group(group, "second");
    CHECK_INT(fake_old_ready(group), 2);
    CHECK_INT(fake_count(fake, 0), 4);
    fake_ready(group, 1); /* it was started before: it serves, and is old */
    CHECK_INT(fake_old_ready(group), 3);
    for (int i = 0; i < 3; i++) {
        fake_exit(group, PSG_PROCESS_STOPPING, 0);
        fake_ready(group, 1);
    }
    CHECK_INT(fake_old_ready(group), 0);
    CHECK_INT(fake_new_ready(group), 3);
}

TEST(restart_ten_thousand_times_piles_nothing_up)
{
    fake_core_t *fake = fake_core(3, 0);
    app_group_t *group = fake_serving(fake, "/a", 2);

    for (int i = 0; i < 10000; i++) {
        app_restart_group(group, "again");
        CHECK_INT(app_pool_size(&fake->core), 3);
        CHECK_INT(group->count[PSG_PROCESS_READY], 2);
    }
    CHECK_INT(fake_count(fake, 0), 3);
    CHECK_INT(group->epoch, 10000);
}

TEST(restart_is_finished_by_a_new_core)
{
    fake_core_t *fake = fake_core(6, 0), *next;
    app_group_t *group = fake_serving(fake, "/a", 2);

    app_restart_group(group, "the test wants it");
    fake_ready(group, 1);
    next = fake_core_after(fake);
    for (app_process_t *proc = group->first; proc; proc = proc->next) {
        psg_process_t entry = fake->core.sb->processes[proc->index];

        app_process_adopt(
            app_pool_group(&next->core, group->index, group->generation),
            proc->index, &entry);
    }
    app_restore_end(&next->core);
    group = app_pool_group(&next->core, group->index, group->generation);
    CHECK_INT(group->epoch, 1);
    CHECK_INT(fake_old_ready(group), 1);
    CHECK_INT(fake_new_ready(group), 1);
    fake_ready(group, 1);
    CHECK_INT(fake_old_ready(group), 0);
    CHECK_INT(fake_new_ready(group), 2);
}

TEST(restart_of_one_process_leaves_the_others)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_serving(fake, "/a", 3);
    app_process_t *proc = group->first->next;
    uint32_t index = proc->index;

    app_restart_process(proc, "it is too large");
    app_restart_process(proc, "it is too large still");
    CHECK_INT(proc->state, PSG_PROCESS_READY);
    CHECK_INT(fake->core.sb->groups[group->index].epoch, 0);
    fake_ready(group, 1);
    CHECK_INT(proc->index, index);
    CHECK_INT(proc->state, PSG_PROCESS_STOPPING);
    CHECK_INT(fake_new_ready(group), 3);
    app_restart_process(proc, "it ends already");
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    CHECK_INT(fake_count(fake, 0), 4);
    CHECK_CONTAINS(fake_log(), "is to be replaced: it is too large");
    CHECK_LACKS(fake_log(), "too large still");
}

TEST(restart_of_an_app_without_processes_starts_none)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    app_restart_group(group, "the test wants it");
    fake_pass(fake, 2);
    app_pool_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 0);
}
