/* SPDX-License-Identifier: Apache-2.0 */

/* Who starts next: the limits on starts hold, and users take turns whatever the
 * apps of one of them do. */
#include "test.h"

#include <stdlib.h>

#include <apr_strings.h>

#include "fake_core.h"
#include "start_queue.h"

enum {
    ALICE = 1001,
    BOB,
    CAROL,
    START_TIMEOUT = 90,
    COLD_APPS = 500,
};

/* A core that runs as root, with a large pool and that limit on starts. */
static fake_core_t *core_with(int starts, int starts_per_user)
{
    fake_core_t *fake = fake_core(1000, 0);
    psg_options_t *options = psg_options_create(test_pool());

    *options = *fake->core.options;
    options->max_concurrent_starts = starts;
    options->max_concurrent_starts_per_user = starts_per_user;
    fake->core.options = options;
    fake->core.can_switch_user = 1;
    return fake;
}

/* Another app of that user, for which a request waits. */
static app_group_t *cold_app(fake_core_t *fake, uint32_t owner)
{
    app_group_t *group =
        fake_group_of(fake,
                      apr_psprintf(test_pool(), "/%u/%u", owner,
                                   apr_hash_count(fake->core.apps->groups)),
                      owner);

    CHECK(fake_enter(fake, group) != PSG_NONE);
    return group;
}

static void cold_apps(app_group_t **groups, int count, fake_core_t *fake,
                      uint32_t owner)
{
    for (int i = 0; i < count; i++) {
        groups[i] = cold_app(fake, owner);
    }
}

static uint32_t starting(app_group_t *const *groups, int count)
{
    uint32_t found = 0;

    for (int i = 0; i < count; i++) {
        found += groups[i]->count[PSG_PROCESS_SPAWNING];
    }
    return found;
}

TEST(start_queue_limits_starts_on_the_host)
{
    fake_core_t *fake = core_with(3, 0);
    app_group_t *groups[10];

    fake->core.can_switch_user = 0; /* all are one user */
    cold_apps(groups, 10, fake, ALICE);
    CHECK_INT(fake_count(fake, 0), 3);
    fake_ready(groups[0], 1);
    CHECK_INT(fake_count(fake, 0), 4);
    fake_pass(fake, 2);
    app_pool_tick(&fake->core);
    CHECK_INT(starting(groups, 10), 3);
}

TEST(start_queue_serves_who_came_first)
{
    fake_core_t *fake = core_with(2, 1);
    app_group_t *groups[4];

    cold_apps(groups, 4, fake, ALICE);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(starting(groups, 4), 1);
        fake_ready(groups[i], 1);
    }
}

TEST(start_queue_knows_its_default_limits)
{
    fake_core_t *fake = core_with(0, 0);
    uint32_t most = start_queue_most(&fake->core);
    app_group_t *alices[40], *bobs[40];

    CHECK(most >= 2 && most % 2 == 0);
    cold_apps(alices, 40, fake, ALICE);
    CHECK_INT(starting(alices, 40), most / 2 < 40 ? most / 2 : 40);
    cold_apps(bobs, 40, fake, BOB);
    CHECK_INT(starting(bobs, 40), most / 2 < 40 ? most / 2 : 40);
}

TEST(start_queue_that_hangs_delays_no_other_user)
{
    fake_core_t *fake = core_with(4, 2);
    app_group_t *hanging[30], *bobs;

    cold_apps(hanging, 30, fake, ALICE);
    for (int i = 0; i < START_TIMEOUT; i++) {
        bobs = cold_app(fake, BOB);
        CHECK_INT(bobs->count[PSG_PROCESS_SPAWNING], 1); /* at once */
        fake_ready(bobs, 1);
        fake_pass(fake, 0.5);
        CHECK_INT(starting(hanging, 30), 2);
    }
}

TEST(start_queue_goes_on_after_a_start_that_hung)
{
    fake_core_t *fake = core_with(2, 1);
    app_group_t *groups[2];

    cold_apps(groups, 2, fake, ALICE);
    fake_pass(fake, START_TIMEOUT + 0.1);
    CHECK_INT(groups[0]->count[PSG_PROCESS_STOPPING], 1);
    fake_exit(groups[0], PSG_PROCESS_STOPPING, 9);
    CHECK_INT(groups[1]->count[PSG_PROCESS_SPAWNING], 1);
}

TEST(start_queue_lets_users_take_turns)
{
    fake_core_t *fake = core_with(1, 1);
    app_group_t *alices[20], *bobs[4], *carols[4], *first;

    first = cold_app(fake, ALICE);
    cold_apps(alices, 20, fake, ALICE);
    cold_apps(bobs, 4, fake, BOB);
    cold_apps(carols, 4, fake, CAROL);
    fake_ready(first, 1);
    for (int i = 0; i < 4; i++) {
        fake_ready(alices[i], 1);
        fake_ready(bobs[i], 1);
        fake_ready(carols[i], 1);
    }
    fake_ready(alices[4], 1);
}

/* The process that starts fails, and visitors try again and again. */
static int crash_all(fake_core_t *fake, app_group_t *const *groups,
                     uint32_t *slots, int count)
{
    int crashed = 0;

    for (int i = 0; i < count; i++) {
        if (fake_process(groups[i], PSG_PROCESS_SPAWNING)) {
            fake_exit(groups[i], PSG_PROCESS_SPAWNING, 1 << 8);
            crashed++;
        }
        if (slots[i] != PSG_NONE
            && fake_state(fake, slots[i]) == PSG_SLOT_FAILED) {
            fake_leave(fake, slots[i]);
            slots[i] = PSG_NONE;
        }
        if (slots[i] == PSG_NONE) { /* stays so while the app backs off */
            slots[i] = fake_enter(fake, groups[i]);
        }
    }
    return crashed;
}

TEST(start_queue_gives_crashing_apps_no_more_than_their_share)
{
    enum {
        CRASHING = 60,
        OTHERS = 10
    };
    fake_core_t *fake = core_with(1, 1);
    app_group_t *crashing[CRASHING], *bobs[OTHERS];
    uint32_t slots[CRASHING];
    int crashed = 0, served = 0;

    for (int i = 0; i < CRASHING; i++) {
        crashing[i] = fake_group_of(
            fake, apr_psprintf(test_pool(), "/crash%d", i), ALICE);
        slots[i] = fake_enter(fake, crashing[i]);
    }
    cold_apps(bobs, OTHERS, fake, BOB);
    for (int turn = 0; turn < 100 && served < OTHERS; turn++) {
        if (fake_process(bobs[served], PSG_PROCESS_SPAWNING)) {
            fake_ready(bobs[served++], 1);
        }
        crashed += crash_all(fake, crashing, slots, CRASHING) > 0;
        fake_pass(fake, 0.5);
    }
    CHECK_INT(served, OTHERS);
    CHECK(crashed <= OTHERS + 1);
}

TEST(start_queue_forgets_who_waits_no_more)
{
    fake_core_t *fake = core_with(1, 1);
    app_group_t *first = cold_app(fake, ALICE);
    app_group_t *gone = fake_group_of(fake, "/gone", BOB);
    uint32_t slot = fake_enter(fake, gone);
    app_group_t *last = cold_app(fake, CAROL);

    CHECK(gone->is_in_line);
    fake_leave(fake, slot);
    fake_ready(first, 1);
    CHECK_INT(app_group_size(gone), 0);
    CHECK_INT(last->count[PSG_PROCESS_SPAWNING], 1);
    CHECK(!gone->is_in_line);
}

/* The process that starts gets ready, requests that run end. */
static int serve_all(fake_core_t *fake, app_group_t *const *groups,
                     uint32_t *slots)
{
    int waiting = 0;

    for (int i = 0; i < COLD_APPS; i++) {
        if (fake_process(groups[i], PSG_PROCESS_SPAWNING)) {
            fake_ready(groups[i], 1);
        }
        while (fake_process(groups[i], PSG_PROCESS_STOPPING)) {
            fake_exit(groups[i], PSG_PROCESS_STOPPING, 0);
        }
        if (slots[i] != PSG_NONE
            && fake_state(fake, slots[i]) == PSG_SLOT_RUNNING) {
            fake_leave(fake, slots[i]);
            slots[i] = PSG_NONE;
        }
        waiting += slots[i] != PSG_NONE;
    }
    return waiting;
}

/* A start takes a quarter of a second here, four at once. */
TEST_DEADLINE(start_queue_serves_hundreds_of_cold_apps, 60)
{
    fake_core_t *fake = core_with(4, 2);
    psg_options_t options = *fake->core.options;
    app_group_t *groups[COLD_APPS];
    uint32_t slots[COLD_APPS];
    int turns = 0;

    options.max_pool_size = 12;
    fake->core.options = &options;
    for (int i = 0; i < COLD_APPS; i++) {
        groups[i] = fake_group_of(fake, apr_psprintf(test_pool(), "/app%d", i),
                                  (uint32_t)(ALICE + i % 50));
        slots[i] = fake_enter(fake, groups[i]);
    }
    do {
        fake->call_count = 0;
        fake_pass(fake, 0.25);
        app_pool_tick(&fake->core);
        CHECK(starting(groups, COLD_APPS) <= 4);
        CHECK(app_pool_size(&fake->core) <= 12);
    } while (serve_all(fake, groups, slots) > 0 && ++turns < 400);
    CHECK(turns < 300);
}

enum {
    USERS = 3,
    APPS = 12, /* i is of user i % USERS */
    REQUESTS = 40,
    STARTS = 5,
    STARTS_OF_USER = 2,
    POOL = 7,
};

static void check_limits(const fake_core_t *fake, app_group_t *const *groups)
{
    uint32_t all = 0, of_user[USERS] = {0};

    for (int i = 0; i < APPS; i++) {
        of_user[i % USERS] += groups[i]->count[PSG_PROCESS_SPAWNING];
        all += groups[i]->count[PSG_PROCESS_SPAWNING];
    }
    for (int i = 0; i < USERS; i++) {
        CHECK(of_user[i] <= STARTS_OF_USER);
    }
    CHECK(all <= STARTS);
    CHECK(app_pool_size(&fake->core) <= POOL);
}

/* Whatever can happen to a process. */
static void move_one(app_process_t *proc)
{
    if (!proc) {
        return;
    }
    switch (rand() % 5) {
    case 0:
        app_process_exited(proc, rand() % 2 ? 9 : 1 << 8);
        break;
    case 1:
        app_process_stop(proc, "by chance");
        break;
    case 2:
        app_process_lost(proc, "by chance");
        break;
    default:
        if (proc->state == PSG_PROCESS_SPAWNING) {
            app_process_ready(proc, PSG_FORMAT_SESSION, 1, 1);
        }
        break;
    }
}

static void play(fake_core_t *fake, app_group_t *const *groups, uint32_t *slots)
{
    for (int i = 0; i < 3000; i++) {
        uint32_t *slot = &slots[rand() % REQUESTS];

        fake->call_count = 0;
        fake->refuse_spawn = rand() % 8 == 0;
        if (*slot == PSG_NONE) {
            *slot = fake_enter(fake, groups[rand() % APPS]);
        }
        else {
            fake_leave(fake, *slot);
            *slot = PSG_NONE;
        }
        move_one(groups[rand() % APPS]->first);
        if (rand() % 30 == 0) {
            fake_pass(fake, rand() % 20);
            app_pool_tick(&fake->core);
        }
        check_limits(fake, groups);
    }
    fake->refuse_spawn = 0;
}

static int count_queued(const fake_core_t *fake, const uint32_t *slots)
{
    int queued = 0;

    for (int i = 0; i < REQUESTS; i++) {
        queued += slots[i] != PSG_NONE
                  && fake_state(fake, slots[i]) == PSG_SLOT_QUEUED;
    }
    return queued;
}

/* Everything behaves from now on: nobody may be left waiting. */
static void settle(fake_core_t *fake, app_group_t *const *groups,
                   uint32_t *slots)
{
    for (int turn = 0; turn < 500 && count_queued(fake, slots) > 0; turn++) {
        fake->call_count = 0;
        for (int i = 0; i < REQUESTS; i++) {
            if (slots[i] != PSG_NONE
                && fake_state(fake, slots[i]) != PSG_SLOT_QUEUED) {
                fake_leave(fake, slots[i]);
                slots[i] = PSG_NONE;
            }
        }
        for (int i = 0; i < APPS; i++) {
            if (fake_process(groups[i], PSG_PROCESS_SPAWNING)) {
                fake_ready(groups[i], 1);
            }
            else if (fake_process(groups[i], PSG_PROCESS_STOPPING)) {
                fake_exit(groups[i], PSG_PROCESS_STOPPING, 0);
            }
        }
        fake_pass(fake, 0.3);
        check_limits(fake, groups);
    }
    CHECK_INT(count_queued(fake, slots), 0);
}

TEST_DEADLINE(start_queue_keeps_its_limits_whatever_happens, 60)
{
    for (unsigned seed = 1; seed <= 5; seed++) {
        fake_core_t *fake = core_with(STARTS, STARTS_OF_USER);
        psg_options_t options = *fake->core.options;
        app_group_t *groups[APPS];
        uint32_t slots[REQUESTS];

        srand(seed);
        options.max_pool_size = POOL;
        fake->core.options = &options;
        for (int i = 0; i < APPS; i++) {
            groups[i] =
                fake_group_of(fake, apr_psprintf(test_pool(), "/app%d", i),
                              (uint32_t)(ALICE + i % USERS));
        }
        for (int i = 0; i < REQUESTS; i++) {
            slots[i] = PSG_NONE;
        }
        play(fake, groups, slots);
        settle(fake, groups, slots);
    }
}
