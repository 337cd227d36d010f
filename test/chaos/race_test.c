/* SPDX-License-Identifier: Apache-2.0 */

/* The races of path_race.h for three times $CHAOS_SECONDS each, a minute if
 * nothing else is said. */
#include "chaos_table.h"
#include "path_race.h"
#include "test.h"

static void race(const char *surface)
{
    path_race_t result = path_race_run(surface, 3 * chaos_seconds());

    chaos_print("race for the %-27s %9ld swaps, %6d served, %6d refused  holds",
                surface, result.swaps, result.served, result.refused);
    CHECK(result.swaps > 10000);
    CHECK(result.served > 0);
}

#define RACE(promise, surface)   \
    TEST_DEADLINE(promise, 3600) \
    {                            \
        race(surface);           \
    }

#include "path_race.def"
