/* SPDX-License-Identifier: Apache-2.0 */

/* Tests that fail, hang, crash or leave something behind. They run only when
 * named; harness_test.c does, and looks at what the runner makes of them. */
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static char first[] = "first", second[] = "second", cleanup[] = "cleanup";

static void say(void *text)
{
    fprintf(stderr, "%s, failed: %d\n", (const char *)text, test_has_failed());
}

TEST(passes)
{
    test_file("a/b/c", "text");
}

TEST(fails)
{
    test_defer(say, first);
    test_defer(say, second);
    test_file("kept", "text");
    CHECK_INT(1 + 1, 3);
}

TEST(is_skipped)
{
    SKIP("no %s here", "reason");
}

TEST(crashes)
{
    raise(SIGKILL); /* sanitizers make something else of SIGSEGV */
}

TEST_DEADLINE(hangs, 1)
{
    test_defer(say, cleanup);
    for (;;) {
        pause();
    }
}

/* Forks twice and begins a session, as daemons do. */
TEST(leaves_a_daemon)
{
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            execl("/bin/sleep", "sleep", "54321", (char *)NULL);
        }
        _exit(0);
    }
}
