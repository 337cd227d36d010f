/* SPDX-License-Identifier: Apache-2.0 */

/* What one user may have: never more than that, his own apps take turns, and
 * nobody else waits for him. */
#include "user_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "app_restart.h"
#include "fake_core.h"
#include "test.h"

enum {
    ALICE = 1001,
    BOB,
    MIB = 1 << 20,
};

/* A core that runs as root, with that directive and a pool for `pool`. */
static fake_core_t *core_with(int pool, const char *directive,
                              const char *value)
{
    fake_core_t *fake = fake_core(pool, 0);
    psg_options_t *options =
        apr_pmemdup(test_pool(), fake->core.options, sizeof(*options));
    int i = psg_options_find(directive);

    CHECK(i >= 0);
    CHECK(psg_options_set(options, (psg_option_e)i, value, test_pool())
          == NULL);
    options->max_concurrent_starts = 20;
    options->max_concurrent_starts_per_user = 20;
    fake->core.options = options;
    fake->core.can_switch_user = 1;
    return fake;
}

static int count_of(const char *text)
{
    const char *at = fake_log();
    int count = 0;

    while ((at = strstr(at, text)) != NULL) {
        count++;
        at++;
    }
    return count;
}

/* An app of that user with one process that has nothing to do. */
static app_group_t *idle_app(fake_core_t *fake, const char *root,
                             uint32_t owner)
{
    app_group_t *group = fake_group_of(fake, root, owner);
    uint32_t slot = fake_enter(fake, group);

    fake_ready(group, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    fake_leave(fake, slot);
    return group;
}

TEST(user_limits_let_no_app_above_the_most_start)
{
    fake_core_t *fake = core_with(20, "PassengerMaxAppsPerUser", "2");
    app_group_t *apps[3];
    uint32_t slots[3];

    for (int i = 0; i < 3; i++) {
        apps[i] =
            fake_group_of(fake, apr_psprintf(test_pool(), "/%d", i), ALICE);
        slots[i] = fake_enter(fake, apps[i]);
    }
    fake_ready(apps[0], 1);
    fake_ready(apps[1], 1);
    fake_pass(fake, 3);
    CHECK_INT(fake_count(fake, 0), 2);
    CHECK_INT(fake_state(fake, slots[2]), PSG_SLOT_QUEUED);
    /* An app that is there may have more processes. */
    CHECK(fake_enter(fake, apps[0]) != PSG_NONE);
    CHECK_INT(fake_count(fake, 0), 3);
}

TEST(user_limits_end_the_idle_app_for_another)
{
    fake_core_t *fake = core_with(20, "PassengerMaxAppsPerUser", "2");
    app_group_t *first = idle_app(fake, "/first", ALICE), *second, *third;
    uint32_t slot;

    fake_pass(fake, 1);
    second = idle_app(fake, "/second", ALICE);
    third = fake_group_of(fake, "/third", ALICE);
    slot = fake_enter(fake, third);
    fake_pass(fake, 1);
    CHECK_INT(first->count[PSG_PROCESS_STOPPING], 1);
    CHECK_INT(second->count[PSG_PROCESS_READY], 1);
    CHECK_INT(app_group_size(third), 0);
    fake_exit(first, PSG_PROCESS_STOPPING, 0);
    fake_ready(third, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    app_pool_tick(&fake->core);
    CHECK_INT(app_group_size(first), 0); /* nobody asks for it */
}

TEST(user_limits_delay_no_other_user)
{
    fake_core_t *fake = core_with(20, "PassengerMaxProcessesPerUser", "2");
    app_group_t *busy = fake_group_of(fake, "/busy", ALICE);
    app_group_t *idle = idle_app(fake, "/idle", BOB);

    for (int i = 0; i < 10; i++) {
        fake_enter(fake, busy);
    }
    fake_ready(busy, 1);
    fake_ready(busy, 1);
    fake_pass(fake, 20);
    app_pool_tick(&fake->core);
    CHECK_INT(app_group_size(busy), 2);
    CHECK_INT(idle->count[PSG_PROCESS_READY], 1); /* it is not in the way */
    fake_enter(fake, fake_group_of(fake, "/bobs", BOB));
    CHECK_INT(fake_count(fake, 0), 4); /* at once */
}

TEST(user_limits_let_apps_of_one_user_take_turns)
{
    fake_core_t *fake = core_with(20, "PassengerMaxProcessesPerUser", "2");
    app_group_t *busy = fake_group_of(fake, "/busy", ALICE);
    app_group_t *other = fake_group_of(fake, "/other", ALICE);
    uint32_t running[2], slot;

    for (int i = 0; i < 2; i++) {
        running[i] = fake_enter(fake, busy);
    }
    fake_ready(busy, 1);
    fake_ready(busy, 1);
    slot = fake_enter(fake, other);
    fake_pass(fake, 2);
    CHECK_INT(busy->count[PSG_PROCESS_DRAINING], 1);
    fake_leave(fake, running[0]);
    fake_exit(busy, PSG_PROCESS_STOPPING, 0);
    fake_ready(other, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    CHECK_INT(app_pool_size(&fake->core), 2);
}

TEST(user_limits_do_not_keep_an_app_from_restarting)
{
    fake_core_t *fake = core_with(20, "PassengerMaxProcessesPerUser", "1");
    app_group_t *group = idle_app(fake, "/app", ALICE);

    app_restart_group(group, "the test wants it");
    CHECK_INT(group->count[PSG_PROCESS_STOPPING], 1);
    fake_exit(group, PSG_PROCESS_STOPPING, 0);
    fake_ready(group, 1);
    CHECK_INT(app_pool_size(&fake->core), 1);
    CHECK(!app_restart_has_old(group));
}

TEST(user_limits_are_told_once_a_minute_for_each_user)
{
    fake_core_t *fake = core_with(20, "PassengerMaxProcessesPerUser", "1");

    for (uint32_t user = ALICE; user <= BOB; user++) {
        app_group_t *group =
            fake_group_of(fake, apr_psprintf(test_pool(), "/%u", user), user);

        fake_enter(fake, group);
        fake_ready(group, 1);
        fake_enter(fake, group);
    }
    fake_pass(fake, 50);
    CHECK_INT(count_of("PSG2190"), 2);
    CHECK_INT(count_of("user 1001 may have no more processes: "
                       "PassengerMaxProcessesPerUser is 1"),
              1);
    fake_pass(fake, 20);
    CHECK_INT(count_of("PSG2190"), 4);
}

static app_process_t *with_memory(app_group_t *group, uint64_t mib)
{
    user_limits_note_memory(group->first, mib * MIB);
    return group->first;
}

TEST(user_limits_end_the_largest_idle_process)
{
    fake_core_t *fake = core_with(20, "PassengerMaxMemoryPerUser", "100");
    app_group_t *small = idle_app(fake, "/small", ALICE);
    app_group_t *large = idle_app(fake, "/large", ALICE);
    app_group_t *busy = idle_app(fake, "/busy", ALICE);
    app_group_t *bobs = idle_app(fake, "/bobs", BOB);

    fake_enter(fake, busy);
    with_memory(bobs, 90);
    with_memory(small, 10);
    with_memory(large, 40);
    with_memory(busy, 50);
    user_limits_tick(&fake->core);
    CHECK_INT(fake_count(fake, 15), 0); /* 100 are allowed */
    with_memory(busy, 60);
    user_limits_tick(&fake->core);
    user_limits_tick(&fake->core);
    CHECK_INT(large->count[PSG_PROCESS_STOPPING], 1);
    CHECK_INT(small->count[PSG_PROCESS_READY], 1);
    CHECK_INT(busy->count[PSG_PROCESS_READY], 1);
    CHECK_INT(bobs->count[PSG_PROCESS_READY], 1);
    CHECK_INT(count_of("PSG2191"), 1);
}

TEST(user_limits_start_nothing_above_the_memory_allowed)
{
    fake_core_t *fake = core_with(20, "PassengerMaxMemoryPerUser", "100");
    app_group_t *large = idle_app(fake, "/large", ALICE);
    app_group_t *other = fake_group_of(fake, "/other", ALICE);
    uint32_t running = fake_enter(fake, large);

    with_memory(large, 101);
    fake_enter(fake, other);
    fake_pass(fake, 2);
    CHECK_INT(app_group_size(other), 0);
    CHECK_INT(count_of("PSG2190"), 1);
    fake_leave(fake, running);
    user_limits_tick(&fake->core);
    CHECK_INT(app_group_size(other), 0); /* until it is gone */
    fake_exit(large, PSG_PROCESS_STOPPING, 0);
    CHECK_INT(app_group_size(other), 1);
    CHECK_INT(large->usage->memory, 0);
    CHECK_INT(app_group_size(large), 0); /* it would be too large again */
}

enum {
    APPS = 12, /* i is of user i % USERS */
    USERS = 3,
    REQUESTS = 40,
    POOL = 30,
    MOST_APPS = 2,
    MOST_PROCESSES = 4,
};

static void check_limits(app_group_t *const *groups)
{
    uint32_t apps[USERS] = {0}, processes[USERS] = {0};

    for (int i = 0; i < APPS; i++) {
        apps[i % USERS] += groups[i]->first != NULL;
        processes[i % USERS] += app_group_size(groups[i]);
    }
    for (int i = 0; i < USERS; i++) {
        CHECK(apps[i] <= MOST_APPS);
        CHECK(processes[i] <= MOST_PROCESSES);
        CHECK_INT(processes[i], groups[i]->usage->processes);
        CHECK_INT(apps[i], groups[i]->usage->apps);
    }
}

/* What happens anyhow: starts end well or not, told ones end. */
static void move_on(app_group_t *group, int is_kind)
{
    app_process_t *proc = group->first;

    if (!proc) {
        return;
    }
    if (proc->state == PSG_PROCESS_STOPPING) {
        app_process_exited(proc, 0);
    }
    else if (fake_process(group, PSG_PROCESS_SPAWNING)
             && (is_kind || rand() % 4)) {
        fake_ready(group, 1);
    }
    else if (!is_kind && rand() % 6 == 0) {
        app_process_exited(proc, rand() % 2 ? 9 : 1 << 8);
    }
}

static void play(fake_core_t *fake, app_group_t *const *groups, uint32_t *slots)
{
    for (int i = 0; i < 2000; i++) {
        uint32_t *slot = &slots[rand() % REQUESTS];

        fake->call_count = 0;
        if (*slot == PSG_NONE) {
            *slot = fake_enter(fake, groups[rand() % APPS]);
        }
        else {
            fake_leave(fake, *slot);
            *slot = PSG_NONE;
        }
        move_on(groups[rand() % APPS], 0);
        if (rand() % 30 == 0) {
            fake_pass(fake, rand() % 10);
            app_pool_tick(&fake->core);
        }
        check_limits(groups);
    }
}

/* Requests end as soon as they run; none may wait for ever. */
static int settle(fake_core_t *fake, app_group_t *const *groups,
                  uint32_t *slots)
{
    int queued = 0;

    for (int i = 0; i < REQUESTS; i++) {
        if (slots[i] == PSG_NONE) {
            continue;
        }
        if (fake_state(fake, slots[i]) == PSG_SLOT_QUEUED) {
            queued++;
        }
        else {
            fake_leave(fake, slots[i]);
            slots[i] = PSG_NONE;
        }
    }
    fake->call_count = 0;
    for (int i = 0; i < APPS; i++) {
        move_on(groups[i], 1);
    }
    fake_pass(fake, 0.3);
    check_limits(groups);
    return queued;
}

TEST_DEADLINE(user_limits_hold_whatever_happens, 60)
{
    unsigned seed = (unsigned)psg_now();
    fake_core_t *fake = core_with(POOL, "PassengerMaxAppsPerUser", "2");
    psg_options_t options = *fake->core.options;
    app_group_t *groups[APPS];
    uint32_t slots[REQUESTS];
    int turns = 0;

    printf("seed %u\n", seed);
    srand(seed);
    options.max_processes_per_user = MOST_PROCESSES;
    fake->core.options = &options;
    for (int i = 0; i < APPS; i++) {
        groups[i] = fake_group_of(fake, apr_psprintf(test_pool(), "/app%d", i),
                                  (uint32_t)(ALICE + i % USERS));
    }
    for (int i = 0; i < REQUESTS; i++) {
        slots[i] = PSG_NONE;
    }
    play(fake, groups, slots);
    while (settle(fake, groups, slots) > 0 && turns < 400) {
        turns++;
    }
    CHECK(turns < 400);
}
