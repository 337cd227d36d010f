/* SPDX-License-Identifier: Apache-2.0 */

/* Restarts in any order with anything else: the limits hold, somebody serves,
 * and in the end everybody is new. */
#include "test.h"

#include <stdlib.h>

#include "app_restart.h"
#include "app_room.h"
#include "fake_core.h"

enum {
    APPS = 3,
    REQUESTS = 40,
    EVENTS = 3000
};

typedef struct {
    fake_core_t *fake;
    app_group_t *groups[APPS];
    uint32_t slots[REQUESTS]; /* or PSG_NONE */
    uint32_t pool, per_app;
} play_t;

static play_t *begin(unsigned seed, uint32_t pool, uint32_t per_app)
{
    static const char *const roots[APPS] = {"/a", "/b", "/c"};
    play_t *play = apr_pcalloc(test_pool(), sizeof(*play));

    srand(seed);
    play->pool = pool;
    play->per_app = per_app;
    play->fake = fake_core((int)pool, (int)per_app);
    for (int i = 0; i < APPS; i++) {
        play->groups[i] = fake_group(play->fake, roots[i], NULL, NULL);
    }
    for (int i = 0; i < REQUESTS; i++) {
        play->slots[i] = PSG_NONE;
    }
    return play;
}

/* What must hold after whatever happened. */
static void check(const play_t *play)
{
    uint32_t all = 0;

    for (int i = 0; i < APPS; i++) {
        const app_group_t *group = play->groups[i];
        uint32_t size = app_group_size(group);
        uint32_t most =
            play->per_app + (app_restart_is_going_on(group) ? 1 : 0);

        CHECK(size <= most);
        all += size;
    }
    CHECK_INT(all, app_pool_size(&play->fake->core));
    CHECK(all <= play->pool);
}

static void come_or_go(play_t *play, app_group_t *group)
{
    uint32_t *slot = &play->slots[rand() % REQUESTS];

    if (*slot == PSG_NONE) {
        *slot = fake_enter(play->fake, group);
    }
    else {
        fake_leave(play->fake, *slot);
        *slot = PSG_NONE;
    }
}

/* New processes may fail; those that serve live until they are told to end. */
static void move_processes(app_group_t *group, int chance_of_failure)
{
    app_process_t *proc;

    if ((proc = fake_process(group, PSG_PROCESS_SPAWNING))) {
        if (rand() % 100 < chance_of_failure) {
            app_process_exited(proc, 1 << 8);
        }
        else {
            app_process_ready(proc, PSG_FORMAT_SESSION, (uint32_t)rand() % 3,
                              1);
        }
    }
    if (rand() % 2 && (proc = fake_process(group, PSG_PROCESS_STOPPING))) {
        app_process_exited(proc, 0);
    }
}

static void pass(play_t *play, double seconds)
{
    fake_pass(play->fake, seconds);
    app_pool_tick(&play->fake->core);
}

static void restart(app_group_t *group)
{
    if (rand() % 2) {
        app_restart_group(group, "by chance");
    }
    else if (group->first) {
        app_restart_process(group->first, "by chance");
    }
}

static void event(play_t *play, app_group_t *group, int chance_of_failure)
{
    play->fake->call_count = 0;
    switch (rand() % 16) {
    case 0:
        restart(group);
        break;
    case 1:
        pass(play, 0.1 * (rand() % 50));
        break;
    case 2:
    case 3:
    case 4:
        move_processes(group, chance_of_failure);
        break;
    default:
        come_or_go(play, group);
        break;
    }
    check(play);
}

/* From now on every start succeeds and every request ends. */
static void settle(play_t *play)
{
    int is_going_on = 1;

    for (int i = 0; i < REQUESTS; i++) {
        if (play->slots[i] != PSG_NONE) {
            fake_leave(play->fake, play->slots[i]);
        }
    }
    for (int turn = 0; turn < 500 && is_going_on; turn++) {
        is_going_on = 0;
        play->fake->call_count = 0;
        for (int i = 0; i < APPS; i++) {
            move_processes(play->groups[i], 0);
            check(play);
            is_going_on |= app_restart_is_going_on(play->groups[i]);
        }
        pass(play, 1);
    }
    CHECK(!is_going_on);
}

TEST(restarts_keep_the_limits_and_come_to_an_end)
{
    for (unsigned seed = 1; seed <= 10; seed++) {
        play_t *play = begin(seed, 2 + seed % 5, 1 + seed % 3);

        for (int i = 0; i < EVENTS; i++) {
            event(play, play->groups[rand() % APPS], 30);
        }
        settle(play);
    }
}

/* There is room for one more, and most new versions do not start. */
TEST(restarts_with_room_leave_nobody_unserved)
{
    for (unsigned seed = 1; seed <= 5; seed++) {
        play_t *play = begin(seed, 20, 3);
        app_group_t *group = play->groups[0];

        ((psg_options_t *)group->spec->options)->min_instances = 2;
        fake_leave(play->fake, fake_enter(play->fake, group));
        move_processes(group, 0);
        move_processes(group, 0);
        for (int i = 0; i < EVENTS; i++) {
            event(play, group, 80);
            CHECK(group->count[PSG_PROCESS_READY] > 0);
        }
        settle(play);
    }
}
