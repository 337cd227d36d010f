/* SPDX-License-Identifier: Apache-2.0 */

/* The limits over all apps: never more processes than allowed, and everybody
 * gets his turn. */
#include "test.h"

#include <signal.h>
#include <stdlib.h>

#include "app_room.h"
#include "fake_core.h"

TEST(room_starts_one_more_while_requests_wait)
{
    fake_core_t *fake = fake_core(3, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    for (int i = 0; i < 10; i++) {
        fake_enter(fake, group);
    }
    for (int i = 1; i <= 3; i++) {
        CHECK_INT(fake_count(fake, 0), i);
        fake_ready(group, 1);
    }
    fake_pass(fake, 2);
    CHECK_INT(fake_count(fake, 0), 3); /* PassengerMaxPoolSize */
    CHECK_INT(fake->core.sb->groups[group->index].queued, 7);
}

TEST(room_keeps_to_the_limit_of_one_app)
{
    fake_core_t *fake = fake_core(6, 2);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);

    for (int i = 0; i < 10; i++) {
        fake_enter(fake, group);
    }
    fake_ready(group, 1);
    fake_ready(group, 1);
    fake_pass(fake, 2);
    CHECK_INT(fake_count(fake, 0), 2);
}

TEST(room_evicts_who_is_idle_for_longest)
{
    fake_core_t *fake = fake_core(2, 0);
    app_group_t *a = fake_group(fake, "/a", NULL, NULL);
    app_group_t *b = fake_group(fake, "/b", NULL, NULL);
    app_group_t *c = fake_group(fake, "/c", NULL, NULL);
    uint32_t slot;

    fake_leave(fake, fake_enter(fake, a));
    fake_ready(a, 1);
    fake_pass(fake, 1);
    fake_leave(fake, fake_enter(fake, b));
    fake_ready(b, 1);
    slot = fake_enter(fake, c);
    CHECK_INT(a->count[PSG_PROCESS_STOPPING], 1); /* though it should stay */
    CHECK_INT(b->count[PSG_PROCESS_READY], 1);
    fake_pass(fake, 3);
    CHECK_INT(b->count[PSG_PROCESS_READY], 1);    /* one is enough */
    CHECK_INT(c->count[PSG_PROCESS_SPAWNING], 0); /* it counts until it ends */
    fake_exit(a, PSG_PROCESS_STOPPING, 0);
    fake_ready(c, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    CHECK_INT(app_pool_size(&fake->core), 2);
}

TEST(room_gives_a_waiting_app_its_turn)
{
    fake_core_t *fake = fake_core(2, 0);
    app_group_t *a = fake_group(fake, "/a", NULL, NULL);
    app_group_t *b = fake_group(fake, "/b", NULL, NULL);
    uint32_t slot, busy[2];

    busy[0] = fake_enter(fake, a);
    busy[1] = fake_enter(fake, a);
    fake_ready(a, 1);
    fake_ready(a, 1);
    slot = fake_enter(fake, b);
    fake_pass(fake, 0.9);
    CHECK_INT(a->count[PSG_PROCESS_READY], 2); /* perhaps one gets idle */
    fake_pass(fake, 0.5);
    CHECK_INT(a->count[PSG_PROCESS_DRAINING], 1);
    fake_pass(fake, 50);
    CHECK_INT(a->count[PSG_PROCESS_DRAINING], 2); /* the first takes long */
    fake_leave(fake, busy[0]);
    fake_exit(a, PSG_PROCESS_STOPPING, 0);
    fake_ready(b, 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    fake_leave(fake, busy[1]);
}

TEST(room_that_got_smaller_ends_idle_processes)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    psg_options_t options = *fake->core.options;
    uint32_t slots[4];

    for (int i = 0; i < 4; i++) {
        slots[i] = fake_enter(fake, group);
    }
    for (int i = 0; i < 4; i++) {
        fake_ready(group, 1);
    }
    fake_leave(fake, slots[1]);
    fake_leave(fake, slots[2]);
    options.max_pool_size = 2;
    fake->core.options = &options;
    app_pool_tick(&fake->core);
    CHECK_INT(group->count[PSG_PROCESS_READY], 2);
    CHECK_INT(group->count[PSG_PROCESS_STOPPING], 2);
}

enum {
    APPS = 5,
    REQUESTS = 60,
    POOL = 4,
    PER_APP = 3
};

static void check_limits(fake_core_t *fake, app_group_t *const *groups)
{
    uint32_t all = 0, used = 0;

    for (int i = 0; i < APPS; i++) {
        uint32_t size = 0;
        app_process_t *proc;

        for (proc = groups[i]->first; proc; proc = proc->next) {
            size++;
        }
        CHECK_INT(app_group_size(groups[i]), size);
        CHECK(size <= PER_APP);
        all += size;
    }
    for (uint32_t p = 0; p < fake->core.sb->header.processes_used; p++) {
        used += fake->core.sb->processes[p].state != PSG_PROCESS_UNUSED;
    }
    CHECK_INT(all, app_pool_size(&fake->core));
    CHECK_INT(all, used);
    CHECK(all <= POOL);
}

/* Whatever happens to the processes of a group. */
static void move_one(app_group_t *group)
{
    app_process_t *proc = group->first;

    if (!proc) {
        return;
    }
    switch (rand() % 8) {
    case 0:
        app_process_exited(proc, rand() % 2 ? SIGKILL : 1 << 8);
        break;
    case 1:
        app_process_drain(proc, "by chance");
        break;
    default:
        if (proc->state == PSG_PROCESS_SPAWNING) {
            app_process_ready(proc, PSG_FORMAT_SESSION, (uint32_t)rand() % 3,
                              1);
        }
        else if (proc->state == PSG_PROCESS_STOPPING) {
            app_process_exited(proc, 0);
        }
        break;
    }
}

static int is_over(const fake_core_t *fake, const uint32_t *slots)
{
    for (int i = 0; i < REQUESTS; i++) {
        if (slots[i] != PSG_NONE
            && fake_state(fake, slots[i]) == PSG_SLOT_QUEUED) {
            return 0;
        }
    }
    return 1;
}

/* Everything behaves from now on: nobody may be left waiting. */
static void settle(fake_core_t *fake, app_group_t *const *groups,
                   uint32_t *slots)
{
    for (int turn = 0; turn < 2000 && !is_over(fake, slots); turn++) {
        for (int i = 0; i < REQUESTS; i++) {
            if (slots[i] != PSG_NONE
                && fake_state(fake, slots[i]) != PSG_SLOT_QUEUED) {
                fake_leave(fake, slots[i]);
                slots[i] = PSG_NONE;
            }
        }
        for (int i = 0; i < APPS; i++) {
            app_process_t *proc;

            if ((proc = fake_process(groups[i], PSG_PROCESS_SPAWNING))) {
                app_process_ready(proc, PSG_FORMAT_SESSION, 1, 1);
            }
            if ((proc = fake_process(groups[i], PSG_PROCESS_STOPPING))) {
                app_process_exited(proc, 0);
            }
        }
        app_pool_tick(&fake->core);
        fake_pass(fake, 0.05);
        check_limits(fake, groups);
    }
    CHECK(is_over(fake, slots));
}

static void play(unsigned seed)
{
    static const char *const roots[APPS] = {"/a", "/b", "/c", "/d", "/e"};
    fake_core_t *fake = fake_core(POOL, PER_APP);
    app_group_t *groups[APPS];
    uint32_t slots[REQUESTS];

    srand(seed);
    for (int i = 0; i < APPS; i++) {
        groups[i] = fake_group(fake, roots[i], NULL, NULL);
    }
    for (int i = 0; i < REQUESTS; i++) {
        slots[i] = PSG_NONE;
    }
    for (int i = 0; i < 2000; i++) {
        uint32_t *slot = &slots[rand() % REQUESTS];

        fake->call_count = 0;
        if (*slot == PSG_NONE) {
            *slot = fake_enter(fake, groups[rand() % APPS]);
        }
        else if (rand() % 2) {
            fake_leave(fake, *slot);
            *slot = PSG_NONE;
        }
        move_one(groups[rand() % APPS]);
        if (rand() % 20 == 0) {
            fake_pass(fake, 0.1 * (rand() % 20));
            app_pool_tick(&fake->core);
        }
        check_limits(fake, groups);
    }
    fake->call_count = 0;
    settle(fake, groups, slots);
}

TEST_DEADLINE(room_keeps_its_limits_whatever_happens, 60)
{
    for (unsigned seed = 1; seed <= 10; seed++) {
        play(seed);
    }
}

enum {
    ALICE = 1001,
    BOB = 1002,
};

/* A core that runs apps as the owners of their files. */
static fake_core_t *two_users(int max_pool_size)
{
    fake_core_t *fake = fake_core(max_pool_size, 0);

    fake->core.can_switch_user = 1;
    return fake;
}

/* An app of that user with one idle process. */
static app_group_t *idle_app(fake_core_t *fake, const char *root,
                             uint32_t owner)
{
    app_group_t *group = fake_group_of(fake, root, owner);

    fake_leave(fake, fake_enter(fake, group));
    fake_ready(group, 1);
    CHECK_INT(group->count[PSG_PROCESS_READY], 1);
    return group;
}

TEST(room_is_made_by_the_user_who_has_most)
{
    fake_core_t *fake = two_users(3);
    app_group_t *alice = idle_app(fake, "/alice", ALICE), *bob[3];

    fake_pass(fake, 1);
    bob[0] = idle_app(fake, "/bob0", BOB);
    fake_pass(fake, 1);
    bob[1] = idle_app(fake, "/bob1", BOB);
    bob[2] = fake_group_of(fake, "/bob2", BOB);
    fake_enter(fake, bob[2]);
    CHECK_INT(bob[0]->count[PSG_PROCESS_STOPPING], 1);
    CHECK_INT(alice->count[PSG_PROCESS_READY], 1);
}

/* Alice's app has an idle process, Bob's three busy ones, and that is all there
 * is room for. Returns another app of Bob's. */
static app_group_t *fill(fake_core_t *fake, app_group_t **alice,
                         app_group_t **bob)
{
    *alice = idle_app(fake, "/alice", ALICE);
    *bob = fake_group_of(fake, "/bob0", BOB);
    for (int i = 0; i < 3; i++) {
        fake_enter(fake, *bob);
    }
    for (int i = 0; i < 3; i++) {
        fake_ready(*bob, 1);
    }
    return fake_group_of(fake, "/bob1", BOB);
}

/* However many apps Bob asks for, Alice keeps hers. */
TEST(room_is_not_taken_from_who_has_fewer)
{
    fake_core_t *fake = two_users(4);
    app_group_t *alice, *bob, *more = fill(fake, &alice, &bob);

    fake_enter(fake, more);
    CHECK_INT(alice->count[PSG_PROCESS_READY], 1);
    fake_pass(fake, 1.5);
    CHECK_INT(alice->count[PSG_PROCESS_READY], 1);
    CHECK_INT(bob->count[PSG_PROCESS_DRAINING], 1); /* his own goes */
}

TEST(room_that_is_unused_for_long_is_for_all)
{
    fake_core_t *fake = two_users(4);
    app_group_t *alice, *bob, *more = fill(fake, &alice, &bob);

    fake_pass(fake, 301); /* PassengerPoolIdleTime */
    CHECK_INT(alice->count[PSG_PROCESS_READY], 1);
    fake_enter(fake, more);
    CHECK_INT(alice->count[PSG_PROCESS_STOPPING], 1);
    CHECK_INT(bob->count[PSG_PROCESS_READY], 3);
}

/* Bob's requests never end; Alice gets a place all the same, and keeps it. */
TEST(room_is_made_by_busy_processes_of_who_has_most)
{
    fake_core_t *fake = two_users(4);
    app_group_t *bob[5], *alice = fake_group_of(fake, "/alice", ALICE);

    for (int i = 0; i < 4; i++) {
        bob[i] = fake_group_of(fake, test_format("/bob%d", i), BOB);
        fake_enter(fake, bob[i]);
        fake_ready(bob[i], 1);
    }
    fake_enter(fake, alice);
    fake_pass(fake, 5.5);
    CHECK_INT(bob[0]->count[PSG_PROCESS_DRAINING], 1);
    app_process_stop(fake_process(bob[0], PSG_PROCESS_DRAINING), "test");
    fake_exit(bob[0], PSG_PROCESS_STOPPING, 0);
    fake_ready(alice, 1);
    bob[4] = fake_group_of(fake, "/bob4", BOB);
    fake_enter(fake, bob[4]);
    fake_pass(fake, 20);
    CHECK_INT(alice->count[PSG_PROCESS_READY], 1);
}
