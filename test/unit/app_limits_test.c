/* SPDX-License-Identifier: Apache-2.0 */

/* The limits of an app and of its processes. */
#include "test.h"

#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

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

    CHECK_INT(app_limits_instances(fake_group(fake, "/a", NULL, NULL)), 0);
    CHECK_INT(app_limits_instances(
                  fake_group(fake, "/b", "PassengerMaxInstances", "3")),
              3);
    fake = fake_core(20, 2);
    CHECK_INT(app_limits_instances(fake_group(fake, "/a", NULL, NULL)), 2);
    CHECK_INT(app_limits_instances(
                  fake_group(fake, "/b", "PassengerMaxInstances", "3")),
              2);
    CHECK_INT(app_limits_instances(
                  fake_group(fake, "/c", "PassengerMaxInstances", "1")),
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

/* The group's process is this one, for /proc. */
static app_process_t *with_memory(fake_core_t *fake, const char *directive,
                                  const char *mib)
{
    app_group_t *group = group_with(fake, directive, mib, 1);

    group->first->pid = getpid();
    return group->first;
}

TEST(process_above_the_memory_limit_is_replaced)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = with_memory(fake, "PassengerMemoryLimit", "1");
    app_group_t *group = proc->group;

    app_limits_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 1); /* it has served nothing yet */
    fake_leave(fake, fake_enter(fake, group));
    app_limits_tick(&fake->core);
    app_limits_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 2);
    CHECK_INT(proc->state, PSG_PROCESS_READY); /* until the new one is */
    fake_ready(group, 1);
    CHECK_INT(proc->state, PSG_PROCESS_STOPPING);
    CHECK_CONTAINS(fake_log(), "MiB of memory, PassengerMemoryLimit is 1 MiB");
    CHECK_INT(fake_count(fake, SIGKILL), 0);
}

TEST(app_that_needs_more_than_its_limit_is_not_restarted_all_the_time)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = with_memory(fake, "PassengerMemoryLimit", "1");
    app_group_t *group = proc->group;

    for (int i = 0; i < 25; i++) {
        fake_leave(fake, fake_enter(fake, group));
        app_limits_tick(&fake->core);
        if (fake_process(group, PSG_PROCESS_SPAWNING)) {
            fake_ready(group, 1);
            fake_exit(group, PSG_PROCESS_STOPPING, 0);
        }
        group->first->pid = getpid();
        fake_pass(fake, 1);
    }
    CHECK(fake_count(fake, 0) >= 3); /* with the first one */
    CHECK(fake_count(fake, 0) <= 4);
}

TEST(process_below_the_memory_limits_is_left_alone)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *soft = with_memory(fake, "PassengerMemoryLimit", "100000");

    fake_leave(fake, fake_enter(fake, soft->group));
    app_limits_tick(&fake->core);
    CHECK_INT(soft->state, PSG_PROCESS_READY);
    CHECK(fake_group(fake, ROOT, "PassengerHardMemoryLimit", "100000")
          == soft->group);
    app_limits_tick(&fake->core);
    CHECK_INT(soft->state, PSG_PROCESS_READY);
    CHECK_INT(fake_count(fake, 0), 1);
}

TEST(process_above_the_hard_memory_limit_is_killed)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = with_memory(fake, "PassengerHardMemoryLimit", "1");

    app_limits_tick(&fake->core);
    CHECK_INT(fake_count(fake, SIGKILL), 1);
    CHECK_INT(proc->state, PSG_PROCESS_STOPPING);
    CHECK_CONTAINS(fake_log(),
                   "PassengerHardMemoryLimit is 1 MiB; it is killed");
    app_limits_tick(&fake->core);
    CHECK_INT(fake_count(fake, SIGKILL), 1);
}

TEST(who_waits_for_an_app_too_large_to_start_is_told)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group =
        fake_group(fake, ROOT, "PassengerHardMemoryLimit", "1");
    uint32_t slot = fake_enter(fake, group);

    group->first->pid = getpid();
    app_limits_tick(&fake->core);
    CHECK_INT(fake_count(fake, SIGKILL), 1);
    fake_exit(group, PSG_PROCESS_STOPPING, SIGKILL);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_FAILED);
    CHECK_CONTAINS(fake->core.sb->groups[group->index].error.summary,
                   "PassengerHardMemoryLimit");
}

TEST(pid_that_is_another_process_now_is_not_judged)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = with_memory(fake, "PassengerHardMemoryLimit", "1");

    proc->start_time = 1; /* that process began when the system did */
    app_limits_tick(&fake->core);
    CHECK_INT(proc->state, PSG_PROCESS_READY);
    CHECK_INT(fake_count(fake, SIGKILL), 0);
}

/* In a namespace of its own the test sees /proc as others see it who may not
 * see all. */
TEST(hidden_processes_are_said_once)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = with_memory(fake, "PassengerHardMemoryLimit", "1");
    const char *said;

    if (unshare(CLONE_NEWNS) != 0
        || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mount("proc", "/proc", "proc", 0, "hidepid=invisible") != 0) {
        SKIP("needs root, to mount /proc in another way");
    }
    CHECK_INT(setgroups(0, NULL), 0);
    CHECK_INT(setegid(65534), 0);
    CHECK_INT(seteuid(65534), 0);
    proc->pid = 1;
    app_limits_tick(&fake->core);
    app_limits_tick(&fake->core);
    CHECK_INT(seteuid(0), 0);
    said = strstr(fake_log(), "PSG2174");
    CHECK(said != NULL);
    CHECK(strstr(said + 1, "PSG2174") == NULL);
    CHECK_INT(proc->state, PSG_PROCESS_READY);
}

TEST(process_that_is_gone_is_not_called_hidden)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = with_memory(fake, "PassengerHardMemoryLimit", "1");

    proc->pid = fork();
    if (proc->pid == 0) {
        _exit(0);
    }
    CHECK_INT(waitpid(proc->pid, NULL, 0), proc->pid);
    app_limits_tick(&fake->core);
    CHECK_LACKS(fake_log(), "PSG2174");
    CHECK_INT(proc->state, PSG_PROCESS_READY);
}

static void overload(app_process_t *proc)
{
    proc->load = (app_load_t){.looks = APP_LOAD_LOOKS};
    for (int i = 0; i < APP_LOAD_LOOKS; i++) {
        proc->load.percent[i] = 100;
        proc->load.requests[i] = 4;
    }
}

TEST(overloaded_app_gets_one_more_process_at_a_time)
{
    fake_core_t *fake = fake_core(3, 0);
    app_group_t *group = group_with(fake, NULL, NULL, 0);

    app_limits_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 1);
    overload(group->first);
    for (int i = 0; i < 5; i++) {
        app_limits_tick(&fake->core);
        fake_pass(fake, 1);
    }
    CHECK_INT(fake_count(fake, 0), 2); /* and no more while that starts */
    fake_ready(group, 0);
    fake_pass(fake, 1);
    app_limits_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 2); /* that one has done nothing yet */
    overload(group->last);
    app_limits_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 3);
    fake_ready(group, 0);
    overload(group->last);
    app_limits_tick(&fake->core);
    fake_pass(fake, 1);
    CHECK_INT(fake_count(fake, 0), 3); /* the pool is full */
}

TEST(overloaded_app_respects_its_limit_of_instances)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = group_with(fake, "PassengerMaxInstances", "1", 0);

    overload(group->first);
    for (int i = 0; i < 5; i++) {
        app_limits_tick(&fake->core);
        fake_pass(fake, 1);
    }
    CHECK_INT(fake_count(fake, 0), 1);
}

TEST(app_with_limited_concurrency_is_not_scaled_by_load)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = group_with(fake, NULL, NULL, 4);

    overload(group->first);
    app_limits_tick(&fake->core);
    CHECK_INT(fake_count(fake, 0), 1);
}

TEST(process_more_than_the_load_needs_ends_after_long)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = group_with(fake, NULL, NULL, 0);

    overload(group->first);
    app_limits_tick(&fake->core);
    fake_ready(group, 0);
    CHECK_INT(group->count[PSG_PROCESS_READY], 2);
    fake_enter(fake, group); /* both are in use: none gets idle */
    fake_enter(fake, group);
    group->first->load.looks = 0;
    app_limits_tick(&fake->core);
    fake_pass(fake, 299);
    app_limits_tick(&fake->core);
    CHECK_INT(group->count[PSG_PROCESS_READY], 2);
    fake_pass(fake, 2);
    app_limits_tick(&fake->core);
    CHECK_INT(group->count[PSG_PROCESS_READY], 1);
    CHECK_INT(group->count[PSG_PROCESS_DRAINING], 1);
    fake_pass(fake, 400);
    app_limits_tick(&fake->core);
    CHECK_INT(group->count[PSG_PROCESS_READY], 1); /* the last one stays */
}
