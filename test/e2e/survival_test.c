/* SPDX-License-Identifier: Apache-2.0 */

/* What a server survives under load: each strike a few times, every request
 * accounted for. Tests of chaos/ do the same for longer. */
#include "survival.h"
#include "test.h"

static void survives(const char *name, int count)
{
    survival_result_t result = survival_run(survival_case(name), count, 5);

    CHECK_STR(result.broken, NULL);
    CHECK(result.struck > 0);
}

TEST(killed_ruby_app_costs_its_own_posts_only)
{
    survives("ruby app killed", 10);
}

TEST(killed_python_app_costs_its_own_posts_only)
{
    survives("python app killed", 10);
}

TEST(killed_node_app_costs_its_own_posts_only)
{
    survives("node app killed", 10);
}

TEST(killed_core_costs_nothing)
{
    survives("core killed", 20);
}

TEST(killed_httpd_child_costs_its_own_requests_only)
{
    survives("httpd child killed", 10);
}

TEST(graceful_costs_nothing)
{
    survives("graceful", 20);
}

TEST(rotation_of_logs_costs_nothing)
{
    survives("graceful, logs rotated", 10);
}

TEST(hard_restart_keeps_the_apps)
{
    survives("hard restart", 5);
}

TEST(restart_costs_nothing)
{
    survives("restart.txt", 20);
}

TEST(bad_deployment_costs_nothing)
{
    survives("bad deployment", 5);
}

TEST(killed_watchdog_costs_nothing)
{
    survives("watchdog killed", 3);
}

TEST(killed_preloader_costs_nothing)
{
    survives("preloader killed", 5);
}
