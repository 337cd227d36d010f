/* SPDX-License-Identifier: Apache-2.0 */

/* The rules of CONTRIBUTING that a script can check hold for all sources. */
#include "test.h"

TEST(sources_follow_the_rules)
{
    const char *output;

    if (!test_exists(TEST_SRCDIR "/build/check-rules")) {
        SKIP("build/check-rules is not there");
    }
    if (test_shell(&output, "'%s/build/check-rules'", TEST_SRCDIR) != 0) {
        FAIL("%s", output);
    }
}
