/* SPDX-License-Identifier: Apache-2.0 */

/* Paths that change while they are used lead nobody to what is another's; the
 * long form is test/chaos/race_test.c. */
#include "path_race.h"
#include "test.h"

enum {
    RACE_SECONDS = 2
};

static void race(const char *surface)
{
    path_race_t result = path_race_run(surface, RACE_SECONDS);

    CHECK(result.swaps > 1000);
    CHECK(result.served > 0);
}

#define RACE(promise, surface) \
    TEST(promise)              \
    {                          \
        race(surface);         \
    }

#include "path_race.def"
