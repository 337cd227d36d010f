/* SPDX-License-Identifier: Apache-2.0 */

/* 20,000 random .htaccess files; $HTACCESS_FILES says another number. */
#include <stdlib.h>

#include "chaos_table.h"
#include "htaccess_storm.h"
#include "test.h"

TEST_DEADLINE(random_htaccess, 3600)
{
    const char *files = getenv("HTACCESS_FILES");
    htaccess_storm_t storm = htaccess_storm_run(files ? atoi(files) : 20000);

    chaos_print("%d random .htaccess files (HTACCESS_SEED=%llu), answered "
                "2xx %d, 3xx %d, 4xx %d, 5xx %d; the other site noticed "
                "nothing",
                storm.files, (unsigned long long)storm.seed, storm.statuses[2],
                storm.statuses[3], storm.statuses[4], storm.statuses[5]);
}
