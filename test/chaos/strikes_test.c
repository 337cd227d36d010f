/* SPDX-License-Identifier: Apache-2.0 */

/* The strikes of survival_cases.c in great number, as a table. */
#include <stdio.h>

#include "chaos_table.h"
#include "survival.h"
#include "test.h"

static void print_row(const char *name, const survival_result_t *result)
{
    const ledger_result_t *ledger = &result->ledger;

    chaos_print(
        "%-22s %6d %8d %5d %5d %5d %5d %7.1f %7.1f %7.0f %9.0f %7ld  %s", name,
        result->struck, ledger->requests, ledger->lost_gets, ledger->lost_posts,
        ledger->gets_twice, ledger->posts_twice, ledger->median * 1e3,
        ledger->p99 * 1e3, ledger->slowest * 1e3, result->recovered * 1e3,
        result->growth, result->broken ? result->broken : "holds");
}

static void strike(const char *name, int count)
{
    survival_result_t result =
        survival_run(survival_case(name), count, chaos_seconds());

    print_row(name, &result);
    CHECK_STR(result.broken, NULL);
}

#define STRIKE(function, name, count) \
    TEST_DEADLINE(function, 3600)     \
    {                                 \
        strike(name, count);          \
    }

STRIKE(ruby_app, "ruby app killed", 1000)
STRIKE(python_app, "python app killed", 1000)
STRIKE(node_app, "node app killed", 1000)
STRIKE(core, "core killed", 100)
STRIKE(httpd_child, "httpd child killed", 100)
STRIKE(graceful, "graceful", 300)
STRIKE(rotation, "graceful, logs rotated", 300)
STRIKE(hard_restart, "hard restart", 100)
STRIKE(restart, "restart.txt", 10000)
STRIKE(restart_by_command, "restart by command", 10000)
STRIKE(bad_deployment, "bad deployment", 500)
STRIKE(bad_by_command, "bad, by command", 500)
STRIKE(watchdog, "watchdog killed", 100)
STRIKE(preloader, "preloader killed", 100)
STRIKE(both, "both killed", 100)
STRIKE(core_in_restart, "core, in a restart", 1000)
STRIKE(watchdog_in_restart, "watchdog, in a restart", 1000)
