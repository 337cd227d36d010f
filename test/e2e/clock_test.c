/* SPDX-License-Identifier: Apache-2.0 */

/* The wall clock of httpd and the agent is set forth and back by a day; only
 * libfaketime can do that to a few processes. Times of CLOCK_MONOTONIC stay. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

/* The library, by the name it has in Debian's package; or skips the test. */
static const char *faketime(void)
{
    const char *output;

    if (getenv("TEST_HTTPD_PRELOAD")
        || test_shell(&output,
                      "ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null "
                      "| head -n1 | tr -d '\\n'")
               != 0
        || !*output) {
        SKIP("libfaketime is not installed, or something else is preloaded");
    }
    return output;
}

static void set_clock(const char *offset)
{
    test_file("clock", offset);
}

static const char *log_day(const httpd_t *httpd)
{
    const char *output;

    test_shell(&output, "grep passenger: '%s' | tail -n1 | cut -c2-11",
               httpd->error_log);
    return output;
}

/* The agent starts with an environment of its own, so a program in front of it
 * sets what the library needs. */
static void use_faketime(const char *library)
{
    const char *wrapper = test_file(
        "agent", test_format("#!/bin/sh\n"
                             "export LD_PRELOAD=%s\n"
                             "export FAKETIME_TIMESTAMP_FILE=%s/clock\n"
                             "export FAKETIME_NO_CACHE=1\n"
                             "export FAKETIME_DONT_FAKE_MONOTONIC=1\n"
                             "exec '%s/passenger-agent' \"$@\"\n",
                             library, test_dir(), test_product_dir));

    chmod(wrapper, 0755);
    setenv("TEST_AGENT", wrapper, 1);
}

TEST(day_more_or_less_changes_nothing_but_the_logs_dates)
{
    static const char *const offsets[] = {"+1d", "-1d", "+0"};
    const char *before;
    httpd_t *httpd;
    pid_t app;
    size_t i;

    httpd_allow_log("PSG2261"); /* that program is none to upgrade to */
    use_faketime(faketime());
    set_clock("+0");
    httpd = app_serve("python", NULL);
    app = app_pid(httpd);
    for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        before = log_day(httpd);
        set_clock(offsets[i]);
        CHECK_INT(app_pid(httpd), app);
        /* The agent goes on as before, and sees the other clock: a restart. */
        test_file("www/tmp/restart.txt", offsets[i]);
        WAIT_UNTIL(app_pid(httpd) != app);
        app = app_pid(httpd);
        CHECK(strcmp(log_day(httpd), before) != 0);
    }
}
