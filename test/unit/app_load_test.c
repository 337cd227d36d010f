/* SPDX-License-Identifier: Apache-2.0 */

/* When a process without a limit of requests at once has too much to do. */
#include "test.h"

#include "app_load.h"

enum {
    SECOND = 1000000
};

/* Looks once a second: how much of a CPU it used, how many requests it has. */
static void look(app_load_t *load, uint32_t percent, uint32_t requests)
{
    uint64_t when = load->when ? load->when + SECOND : 7 * SECOND;

    app_load_add(load, when, load->busy + percent * (SECOND / 100), requests);
}

TEST(load_is_high_after_three_busy_looks)
{
    app_load_t load = {0};

    look(&load, 500, 9); /* says only where to count from */
    look(&load, 80, 2);
    look(&load, 99, 2);
    CHECK(!app_load_is_high(&load));
    look(&load, 100, 2);
    CHECK(app_load_is_high(&load));
    CHECK_INT(app_load_percent(&load), 93);
}

TEST(load_is_not_high_if_it_paused_once)
{
    app_load_t load = {0};

    for (int i = 0; i < 4; i++) {
        look(&load, 100, 8);
    }
    CHECK(app_load_is_high(&load));
    look(&load, 79, 8);
    CHECK(!app_load_is_high(&load));
    look(&load, 100, 8);
    look(&load, 100, 8);
    CHECK(!app_load_is_high(&load));
    look(&load, 100, 8);
    CHECK(app_load_is_high(&load));
}

TEST(load_of_one_request_at_a_time_is_not_high)
{
    app_load_t load = {0};

    for (int i = 0; i < 10; i++) {
        look(&load, 100, 1); /* another process would not serve it sooner */
    }
    CHECK(!app_load_is_high(&load));
    look(&load, 100, 4);
    CHECK(app_load_is_high(&load)); /* two on average */
}

TEST(load_that_waits_for_others_is_not_high)
{
    app_load_t load = {0};

    for (int i = 0; i < 10; i++) {
        look(&load, 20, 500);
    }
    CHECK(!app_load_is_high(&load));
}

TEST(load_survives_figures_that_go_back)
{
    app_load_t load = {0};

    look(&load, 0, 1);
    look(&load, 100, 1);
    app_load_add(&load, load.when, load.busy + 1, 1);
    app_load_add(&load, load.when - 1, load.busy + 1, 1);
    app_load_add(&load, load.when + SECOND, load.busy - 1, 1);
    CHECK_INT(load.looks, 1);
}

TEST(load_is_low_if_one_process_less_would_be_half_busy)
{
    CHECK(!app_load_is_low(0, 1)); /* one must stay */
    CHECK(app_load_is_low(39, 2));
    CHECK(!app_load_is_low(40, 2));
    CHECK(app_load_is_low(119, 4));
    CHECK(!app_load_is_low(120, 4));
}
