/* SPDX-License-Identifier: Apache-2.0 */

/* The core's loop: timers in order, and no event for whom it is not meant. */
#include "test.h"

#include <string.h>
#include <unistd.h>

#include "event_loop.h"

static event_loop_t *loop;
static uint64_t now = 1000;
static char order[32];

static uint64_t fake_clock(void)
{
    return now;
}

static void note(void *baton)
{
    strncat(order, baton, sizeof(order) - strlen(order) - 1);
}

static void open_loop(void)
{
    CHECK_INT(event_loop_create(&loop, test_pool()), APR_SUCCESS);
}

static void set(event_timer_t *timer, uint64_t when, const char *name)
{
    event_timer_set(timer, loop, when, note, (void *)(uintptr_t)name);
}

TEST(loop_runs_timers_in_order)
{
    event_timer_t a = {0}, b = {0}, c = {0}, d = {0};

    open_loop();
    event_loop_set_clock(loop, fake_clock);
    set(&a, 3000, "a");
    set(&b, 2000, "b");
    set(&c, 2000, "c");
    set(&d, 1500, "d");
    event_timer_clear(&d);
    event_loop_run_timers(loop);
    CHECK_STR(order, "");
    now = 2000;
    event_loop_run_timers(loop);
    CHECK_STR(order, "bc");
    set(&a, 2500, "A"); /* moves it */
    now = 2600;
    event_loop_run_timers(loop);
    CHECK_STR(order, "bcA");
    now = 9000;
    event_loop_run_timers(loop);
    CHECK_STR(order, "bcA");
}

TEST(loop_waits_for_the_next_timer_only)
{
    event_timer_t timer = {0};
    uint64_t start;

    open_loop();
    start = event_loop_now(loop);
    set(&timer, start + 20000, "x");
    while (!order[0]) {
        CHECK_INT(event_loop_turn(loop, 10000000), APR_SUCCESS);
    }
    CHECK(event_loop_now(loop) - start >= 20000);
    CHECK(event_loop_now(loop) - start < 5000000);
}

static event_source_t first, second, third;
static int pipes[3][2];

/* Whoever is called first takes the other's place away. */
static void replace(void *baton)
{
    event_source_t *other = baton;
    char byte;

    note((void *)(uintptr_t)(other == &second ? "1" : "2"));
    CHECK_INT(read(pipes[other == &second ? 0 : 1][0], &byte, 1), 1);
    event_source_unwatch(other);
    CHECK_INT(event_source_watch(&third, loop, pipes[2][0], note,
                                 (void *)(uintptr_t) "3"),
              APR_SUCCESS);
}

TEST(loop_drops_events_of_what_is_unwatched)
{
    open_loop();
    for (int i = 0; i < 3; i++) {
        CHECK_INT(pipe(pipes[i]), 0);
    }
    CHECK_INT(event_source_watch(&first, loop, pipes[0][0], replace, &second),
              APR_SUCCESS);
    CHECK_INT(event_source_watch(&second, loop, pipes[1][0], replace, &first),
              APR_SUCCESS);
    CHECK_INT(write(pipes[0][1], "x", 1), 1);
    CHECK_INT(write(pipes[1][1], "x", 1), 1);
    CHECK_INT(event_loop_turn(loop, 0), APR_SUCCESS);
    CHECK_INT(strlen(order), 1); /* neither the other nor the third */
    CHECK_INT(event_loop_turn(loop, 0), APR_SUCCESS);
    CHECK_INT(strlen(order), 1);
    CHECK_INT(write(pipes[2][1], "x", 1), 1);
    CHECK_INT(event_loop_turn(loop, 0), APR_SUCCESS);
    CHECK_STR(order + 1, "3");
}

TEST(loop_uses_its_table_again)
{
    int ends[2];

    open_loop();
    CHECK_INT(pipe(ends), 0);
    for (int i = 0; i < 10000; i++) {
        CHECK_INT(event_source_watch(&first, loop, ends[0], note, NULL),
                  APR_SUCCESS);
        CHECK_INT(first.row, 0);
        event_source_unwatch(&first);
        event_source_unwatch(&first); /* harmless */
    }
}
