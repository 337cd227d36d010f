/* SPDX-License-Identifier: Apache-2.0 */

/* Commands for events: few at a time, not for long, and all of them reaped. */
#include "test.h"

#include <string.h>
#include <unistd.h>

#include "event_hooks.h"
#include "fake_core.h"
#include "process_tree.h"

enum {
    MANY = 30,
    AT_ONCE = 8
};

static fake_core_t *core_with(const char *ctl)
{
    fake_core_t *fake = fake_core(6, 0);
    psg_options_t *options = psg_options_create(test_pool());
    const char *wrong = psg_options_set(options, PSG_OPT_ctl, ctl, test_pool());

    CHECK_STR(wrong ? wrong : "", "");
    fake->core.options = options;
    return fake;
}

static int sleepers(void)
{
    pid_t pids[MANY];

    return process_find_all(getpid(), "sleep 9876", pids, MANY);
}

static int turns_until_none(fake_core_t *fake)
{
    CHECK_INT(event_loop_turn(fake->core.loop, 10000), APR_SUCCESS);
    return sleepers() == 0;
}

TEST(hooks_that_hang_are_few_and_are_killed)
{
    fake_core_t *fake =
        core_with("hook_spawn_failed=exec sleep 9876 # for ever");
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    for (int i = 0; i < MANY; i++) {
        event_hooks_run(group, HOOK_SPAWN_FAILED, 0);
    }
    WAIT_UNTIL(sleepers() == AT_ONCE);
    event_hooks_run(group, HOOK_ATTACHED_PROCESS, 1); /* has no command */
    fake_pass(fake, 29);
    CHECK_INT(sleepers(), AT_ONCE);
    fake_pass(fake, 2);
    WAIT_UNTIL(turns_until_none(fake));
    CHECK_CONTAINS(fake_log(), "PSG2181");
    event_hooks_run(group, HOOK_SPAWN_FAILED, 0);
    CHECK_CONTAINS(fake_log(), "PSG2183: 22 events");
    WAIT_UNTIL(sleepers() == 1); /* there is room again */
    fake_pass(fake, 31);
    WAIT_UNTIL(turns_until_none(fake));
}

static int says(fake_core_t *fake, const char *text)
{
    CHECK_INT(event_loop_turn(fake->core.loop, 10000), APR_SUCCESS);
    return strstr(fake_log(), text) != NULL;
}

TEST(hook_that_fails_is_logged_with_what_it_said)
{
    fake_core_t *fake =
        core_with("hook_attached_process=echo about $PASSENGER_PROCESS_PID; "
                  "exit 3");

    event_hooks_run(fake_group(fake, "/a", NULL, NULL), HOOK_ATTACHED_PROCESS,
                    77);
    WAIT_UNTIL(says(fake, "PSG2182"));
    CHECK_CONTAINS(fake_log(), "about 77");
    CHECK_CONTAINS(fake_log(), "exit status 3");
}

TEST(hook_for_a_full_queue_runs_once_for_what_is_new)
{
    fake_core_t *fake = core_with("hook_queue_full_error=exec sleep 9876");
    app_group_t *group;

    group = fake_group(fake, "/a", NULL, NULL);
    fake->core.sb->groups[group->index].rejected = 7;
    fake = fake_core_after(fake); /* the core before knew of them */
    group = app_pool_group(&fake->core, 0, fake->core.sb->groups[0].generation);
    CHECK(group != NULL);
    CHECK_INT(group->rejected_seen, 7);
    fake->core.sb->groups[0].rejected = 9;
    app_pool_tick(&fake->core);
    app_pool_tick(&fake->core);
    WAIT_UNTIL(sleepers() == 1);
    fake_pass(fake, 31);
    WAIT_UNTIL(turns_until_none(fake));
}
