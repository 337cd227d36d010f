/* SPDX-License-Identifier: Apache-2.0 */

/* What the runner promises to those who write tests. */
#include "test.h"

#include <string.h>
#include <unistd.h>

static const char *output;

/* Runs the selftest of that name in a runner of its own. */
static int run_selftest(const char *name)
{
    return test_shell(&output, "'%s/test_run' 'selftest/%s'", TEST_OUTDIR,
                      name);
}

TEST(passing_test_passes)
{
    CHECK_INT(run_selftest("passes"), 0);
    CHECK_CONTAINS(output, "ok 1 - selftest/passes");
    CHECK_CONTAINS(output, "\n1 passed, 0 failed, 0 skipped\n");
}

TEST(failing_test_shows_where_and_runs_its_cleanups)
{
    CHECK_INT(run_selftest("fails"), 1);
    CHECK_CONTAINS(output, "not ok 1 - selftest/fails");
    CHECK_CONTAINS(output, "selftest_test.c:");
    CHECK_CONTAINS(output, "1 + 1 is 2, not 3");
    CHECK_CONTAINS(output, "# second, failed: 1\n# first, failed: 1\n");
    CHECK_CONTAINS(output, "\n0 passed, 1 failed, 0 skipped\n");
    CHECK_CONTAINS(output, "# folders of failed tests: ");
}

TEST(skipped_test_says_why)
{
    CHECK_INT(run_selftest("is_skipped"), 0);
    CHECK_CONTAINS(output, "# SKIP no reason here");
    CHECK_CONTAINS(output, "\n0 passed, 0 failed, 1 skipped\n");
}

TEST(crash_is_a_failure)
{
    CHECK_INT(run_selftest("crashes"), 1);
    CHECK_CONTAINS(output, "killed by signal 9");
}

TEST(deadline_is_a_failure_and_runs_cleanups)
{
    CHECK_INT(run_selftest("hangs"), 1);
    CHECK_CONTAINS(output, "the deadline of ");
    CHECK_CONTAINS(output, "cleanup, failed: 1");
}

TEST(leftover_process_is_named_and_killed)
{
    CHECK_INT(run_selftest("leaves_a_daemon"), 1);
    CHECK_CONTAINS(output, "still running after the test: ");
    CHECK_CONTAINS(output, "sleep 54321");
}

TEST(unknown_name_is_a_failure)
{
    CHECK_INT(run_selftest("no_such_test"), 1);
}

TEST(files_are_written_and_read)
{
    const char *path = test_file("folder/file", "some text\n");

    CHECK_STR(test_read(path), "some text\n");
    CHECK_STR(test_read("/nonexistent"), "");
    CHECK(test_exists(path));
    CHECK(strlen(test_read("/proc/self/status")) > 100);
}
