/* SPDX-License-Identifier: Apache-2.0 */

/* No .htaccess, whatever is in it, does anything to others; the long form is
 * test/chaos/storm_test.c. */
#include "htaccess_storm.h"
#include "test.h"

TEST_DEADLINE(others_notice_nothing, 60)
{
    htaccess_storm_t storm = htaccess_storm_run(500);

    /* Some files are right, some are wrong. */
    CHECK(storm.statuses[2] > 0);
    CHECK(storm.statuses[5] > 0);
}
