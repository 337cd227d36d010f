/* SPDX-License-Identifier: Apache-2.0 */

/* A new version that starts but does not serve: what is left of the old one
 * stays, until there is proof. */
#include "test.h"

#include <signal.h>

#include "app_restart.h"
#include "fake_core.h"

static app_process_t *new_ready(const app_group_t *group)
{
    app_process_t *proc = group->first;

    while (
        proc
        && (proc->state != PSG_PROCESS_READY || proc->epoch != group->epoch)) {
        proc = proc->next;
    }
    CHECK(proc != NULL);
    return proc;
}

/* A restart of three processes; the first new one took the place of an old one
 * and crashes, the second gets ready. */
static app_group_t *restarted_badly(fake_core_t *fake)
{
    app_group_t *group = fake_serving(fake, "/a", 3);

    app_restart_group(group, "the test wants it");
    fake_ready(group, 1);
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    CHECK_INT(fake_old_ready(group), 2);
    app_process_exited(new_ready(group), SIGSEGV);
    fake_ready(group, 1); /* it was starting already */
    return group;
}

static void tick_after(fake_core_t *fake, double seconds)
{
    fake_pass(fake, seconds);
    app_pool_tick(&fake->core);
}

TEST(restart_resists_a_version_that_does_not_serve)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = restarted_badly(fake);

    for (int i = 0; i < 5; i++) {
        CHECK_INT(fake_old_ready(group), 2);
        tick_after(fake, 10);
        CHECK_INT(fake_new_ready(group), 1);
        CHECK_INT(app_group_size(group), 3); /* no other one starts */
        app_process_exited(new_ready(group), SIGSEGV);
        tick_after(fake, 20);
        fake_ready(group, 1);
    }
    CHECK_CONTAINS(fake_log(), "PSG2129: app '/a': its old processes go on");
}

TEST(restart_goes_on_when_a_new_process_served)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = restarted_badly(fake);

    tick_after(fake, 1);
    CHECK_INT(fake_old_ready(group), 2);
    fake->core.sb->processes[new_ready(group)->index].served = 20;
    tick_after(fake, 1);
    CHECK_INT(fake_old_ready(group), 1);
    fake_ready(group, 1);
    CHECK_INT(fake_old_ready(group), 0);
}

TEST(restart_goes_on_when_a_new_process_lived_for_a_minute)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = restarted_badly(fake);

    tick_after(fake, 59);
    CHECK_INT(fake_old_ready(group), 2);
    tick_after(fake, 2);
    CHECK_INT(fake_old_ready(group), 1);
}

TEST(restart_trusts_the_next_version)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = restarted_badly(fake);

    app_restart_group(group, "it was repaired");
    CHECK_INT(fake_old_ready(group), 3);
    for (uint32_t i = 0; i < 3; i++) {
        fake_ready(group, 1);
        CHECK_INT(fake_old_ready(group), 2 - i);
    }
}

TEST(restart_trusts_who_was_killed_by_somebody)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_serving(fake, "/a", 3);

    app_restart_group(group, "the test wants it");
    fake_ready(group, 1);
    app_process_exited(new_ready(group), SIGKILL);
    fake_ready(group, 1);
    CHECK_INT(fake_old_ready(group), 1);
}
