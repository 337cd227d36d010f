/* SPDX-License-Identifier: Apache-2.0 */

/* When an app gets a preloader, what it is used for, and what its failures
 * mean. The watchdog is a fake: see fake_core.h. */
#include "test.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app_preloader.h"
#include "app_restart.h"
#include "app_restore.h"
#include "fake_core.h"

static app_group_t *smart_group(fake_core_t *fake)
{
    return fake_group(fake, "/srv/app", "PassengerSpawnMethod", "smart");
}

/* The preloader says that it can fork. */
static void preloader_ready(app_group_t *group)
{
    CHECK(group->preloader != NULL);
    app_process_event(group->preloader, ON_READY, "it can fork processes");
}

/* The process that is being started is there. */
static app_process_t *born(app_group_t *group)
{
    app_process_t *proc = fake_process(group, PSG_PROCESS_SPAWNING);

    CHECK(proc != NULL);
    proc->pid = 4711;
    return proc;
}

/* A group with a request that waits, its preloader and nothing else. */
static app_group_t *group_with_preloader(fake_core_t *fake, uint32_t *slot)
{
    app_group_t *group = smart_group(fake);

    *slot = fake_enter(fake, group);
    preloader_ready(group);
    return group;
}

TEST(preloader_comes_first_and_then_processes)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = smart_group(fake);
    uint32_t slot = fake_enter(fake, group);
    app_process_t *preloader = group->preloader, *proc;

    CHECK_INT(fake_count(fake, 0), 1);
    CHECK(preloader && preloader->kind == PSG_KIND_PRELOADER);
    CHECK(!group->first);
    CHECK_INT(app_pool_size(&fake->core), 0);
    CHECK_INT(fake->core.sb->processes[preloader->index].kind,
              PSG_KIND_PRELOADER);
    CHECK_INT(fake->core.sb->groups[group->index].first_process, PSG_NONE);
    fake_pass(fake, 5);
    CHECK_INT(fake_count(fake, 0), 1); /* all wait for it */
    preloader_ready(group);
    CHECK_INT(fake_count(fake, 0), 2);
    proc = born(group);
    CHECK(proc->is_forked && proc->preloader == preloader->index);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_QUEUED);
    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
}

TEST(preloader_takes_no_request_even_if_the_group_is_repaired)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);
    psg_scoreboard_t *sb = fake->core.sb;

    CHECK_INT(psg_group_lock(sb, group->index), APR_SUCCESS);
    psg_group_repair(sb, group->index);
    psg_group_unlock(sb, group->index);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_QUEUED);
    CHECK(sb->groups[group->index].first_process != group->preloader->index);
}

TEST(preloader_is_used_only_where_it_can_be)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *direct = fake_group(fake, "/a", NULL, NULL); /* Python, auto */
    app_group_t *command =
        fake_group(fake, "/b", "PassengerAppStartCommand", "true");

    fake_enter(fake, direct);
    CHECK(!direct->preloader && direct->first);
    ((psg_options_t *)command->spec->options)->spawn_method = "smart";
    fake_enter(fake, command);
    CHECK(!command->preloader && command->first);
    CHECK_CONTAINS(fake_log(), "PSG2160: app '/b'");
}

TEST(app_that_cannot_be_preloaded_fails_as_any_does)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = smart_group(fake);
    uint32_t slot = fake_enter(fake, group);

    group->preloader->failure.step = "load";
    group->preloader->failure.summary = "no such module";
    app_process_event(group->preloader, ON_FAILED, "no such module");
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_QUEUED);
    app_process_exited(group->preloader, 1 << 8);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_FAILED);
    CHECK_STR(fake->core.sb->groups[group->index].error.summary,
              "no such module");
    fake_leave(fake, slot);
    for (int i = 0; i < 4; i++) { /* always by a preloader */
        fake_pass(fake, 8.1);
        slot = fake_enter(fake, group);
        CHECK(group->preloader && !group->first);
        group->preloader->failure.step = "load";
        group->preloader->failure.summary = "no such module";
        app_process_exited(group->preloader, 1 << 8);
        fake_leave(fake, slot);
    }
}

TEST(ended_preloader_is_replaced_when_a_process_is_needed)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot, second;
    app_group_t *group = group_with_preloader(fake, &slot);

    born(group);
    fake_ready(group, 1);
    app_process_exited(group->preloader, SIGKILL);
    CHECK_CONTAINS(fake_log(), "PSG2164");
    CHECK(!group->preloader);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    fake_pass(fake, 3);
    CHECK(!group->preloader);
    second = fake_enter(fake, group);
    CHECK(group->preloader != NULL);
    preloader_ready(group);
    born(group);
    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, second), PSG_SLOT_RUNNING);
}

/* What waits, waits on; the failed fork is nobody's error. */
TEST(fork_that_does_not_happen_is_tried_with_a_new_preloader)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);
    app_process_t *old = group->preloader;

    app_process_lost(fake_process(group, PSG_PROCESS_SPAWNING),
                     "its preloader did not fork it");
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_QUEUED);
    CHECK_INT(fake_count(fake, SIGKILL), 1);
    CHECK(group->preloader && group->preloader != old);
    CHECK_INT(old->state, PSG_PROCESS_STOPPING);
    app_process_exited(old, SIGKILL);
    preloader_ready(group);
    born(group);
    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    CHECK_INT(fake->core.sb->groups[group->index].spawn_failures, 0);
}

TEST(broken_preloader_does_not_keep_an_app_down)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);

    app_process_lost(fake_process(group, PSG_PROCESS_SPAWNING), "no fork");
    preloader_ready(group);
    app_process_lost(fake_process(group, PSG_PROCESS_SPAWNING), "no fork");
    CHECK_CONTAINS(fake_log(), "PSG2161");
    CHECK(!group->preloader);
    CHECK(!born(group)->is_forked);
    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    fake_enter(fake, group);
    fake_pass(fake, 0.3);
    CHECK(!group->preloader);
    fake_ready(group, 1);
    fake_pass(fake, 61);
    fake_enter(fake, group);
    fake_pass(fake, 0.3);
    CHECK(group->preloader != NULL); /* it gets another chance */
}

TEST(preloader_that_ends_while_it_loads_is_not_used_for_long)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = smart_group(fake);

    for (int i = 0; i < 2; i++) {
        uint32_t slot = fake_enter(fake, group);

        app_process_exited(group->preloader, SIGSEGV);
        CHECK_INT(fake_state(fake, slot), PSG_SLOT_FAILED);
        fake_leave(fake, slot);
        fake_pass(fake, 2.1);
    }
    fake_enter(fake, group);
    CHECK(!group->preloader && group->first && !group->first->is_forked);
}

TEST(process_that_fails_after_its_birth_is_a_failed_start)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);

    born(group);
    fake_exit(group, PSG_PROCESS_SPAWNING, SIGSEGV);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_FAILED);
    CHECK(group->preloader != NULL);
}

TEST(idle_preloader_is_ended)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);
    app_process_t *preloader = group->preloader;

    born(group);
    fake_ready(group, 1);
    fake_pass(fake, 299);
    app_pool_tick(&fake->core);
    CHECK(group->preloader == preloader);
    fake_pass(fake, 2);
    app_pool_tick(&fake->core);
    CHECK(!group->preloader);
    CHECK_INT(preloader->state, PSG_PROCESS_STOPPING);
    CHECK_INT(app_preloader_count(group), 1);
    app_process_exited(preloader, 0);
    CHECK_INT(app_preloader_count(group), 0);
    CHECK_LACKS(fake_log(), "PSG2164");
}

TEST(restarted_app_is_loaded_anew_before_the_old_preloader_ends)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);
    app_process_t *old = group->preloader, *proc;

    born(group);
    fake_ready(group, 1);
    app_restart_group(group, "the test wants it");
    CHECK(group->preloader && group->preloader != old);
    CHECK_INT(old->state, PSG_PROCESS_READY);
    preloader_ready(group);
    proc = born(group);
    CHECK_INT(proc->epoch, group->epoch);
    CHECK_INT(proc->preloader, group->preloader->index);
    app_pool_tick(&fake->core);
    CHECK_INT(old->state, PSG_PROCESS_STOPPING);
}

/* Restarts that come faster than the app loads: it gets up all the same. */
TEST(restart_while_the_preloader_loads_does_not_begin_again)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = smart_group(fake);
    uint32_t slot = fake_enter(fake, group);
    app_process_t *first = group->preloader;

    app_restart_group(group, "the test wants it");
    CHECK(group->preloader == first);
    preloader_ready(group);
    born(group);
    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    CHECK(group->preloader != first); /* and now the new version */
}

TEST(group_with_a_preloader_is_not_forgotten)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);
    app_process_t *preloader = group->preloader;

    ((psg_options_t *)group->spec->options)->max_preloader_idle_time = 0;
    ((psg_options_t *)group->spec->options)->min_instances = 0;
    born(group);
    fake_ready(group, 1);
    fake_leave(fake, slot);
    app_process_stop(group->first, "the test wants it");
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    fake_pass(fake, 601);
    app_pool_tick(&fake->core);
    CHECK_INT(preloader->state, PSG_PROCESS_STOPPING);
    app_process_exited(preloader, 0);
    app_pool_tick(&fake->core);
    CHECK_INT(apr_hash_count(fake->core.apps->groups), 0);
}

TEST(new_core_adopts_the_preloader)
{
    fake_core_t *fake = fake_core(6, 0), *next;
    uint32_t slot;
    app_group_t *old = group_with_preloader(fake, &slot), *group;
    int fds[3], pair[2];

    next = fake_core_after(fake);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK_INT(pipe(pair), 0);
    fds[1] = pair[0];
    fds[2] = dup(pair[0]);
    CHECK_INT(app_restore_process(&next->core, old->preloader->index,
                                  old->preloader->generation, 4712, fds),
              APR_SUCCESS);
    app_restore_end(&next->core);
    group = app_pool_group(&next->core, old->index, old->generation);
    CHECK(group && group->preloader && group->preloader->pid == 4712);
    CHECK_INT(app_pool_size(&next->core), 1);
    CHECK(born(group)->preloader == group->preloader->index);
    CHECK_INT(fake_state(next, slot), PSG_SLOT_QUEUED);
}

/* What was born and does not get up may be the fork's fault. */
TEST(app_whose_forked_processes_fail_is_started_directly)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);

    for (int i = 0; i < 2; i++) {
        born(group);
        fake_exit(group, PSG_PROCESS_SPAWNING, SIGSEGV);
        CHECK_INT(fake_state(fake, slot), PSG_SLOT_FAILED);
        fake_leave(fake, slot);
        fake_pass(fake, 61);
        slot = fake_enter(fake, group);
        fake_pass(fake, 0.3);
        if (i == 0) {
            CHECK(born(group)->is_forked);
        }
    }
    CHECK_CONTAINS(fake_log(), "PSG2161");
}

TEST(preloader_that_grew_too_large_is_replaced)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);
    app_process_t *preloader = group->preloader;

    app_preloader_check_memory(preloader, 50, 100);
    app_preloader_check_memory(preloader, 100, 100);
    CHECK(group->preloader == preloader);
    app_preloader_check_memory(preloader, 101, 100);
    CHECK(!group->preloader);
    CHECK_INT(preloader->state, PSG_PROCESS_STOPPING);
}

/* A new one would be as large. */
TEST(preloader_of_an_app_that_is_too_large_stays)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);

    app_preloader_check_memory(group->preloader, 150, 100);
    app_preloader_check_memory(group->preloader, 160, 100);
    CHECK(group->preloader != NULL);
}

TEST(no_preloader_with_always_restart)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);

    born(group);
    fake_ready(group, 1);
    group->always_restart = 1;
    app_pool_tick(&fake->core);
    CHECK(!group->preloader);
    fake_enter(fake, group);
    fake_pass(fake, 0.3);
    CHECK(!group->preloader);
    CHECK(!born(group)->is_forked);
}

TEST(restarted_app_gets_no_process_of_the_old_version)
{
    fake_core_t *fake = fake_core(6, 0);
    uint32_t slot;
    app_group_t *group = group_with_preloader(fake, &slot);
    app_process_t *old;

    ((psg_options_t *)group->spec->options)->min_instances = 0;
    app_process_lost(fake_process(group, PSG_PROCESS_SPAWNING), "no fork");
    old = group->preloader;
    fake_leave(fake, slot);
    preloader_ready(group); /* but nobody needs a process any more */
    CHECK_INT(app_group_size(group), 0);
    app_restart_group(group, "the test wants it");
    fake_enter(fake, group);
    fake_pass(fake, 0.3);
    CHECK(group->preloader && group->preloader != old);
}
