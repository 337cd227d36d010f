/* SPDX-License-Identifier: Apache-2.0 */

/* build/demo serves what it promises, and leaves nothing behind. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "test.h"

enum {
    DEMO_SECONDS = 60
}; /* it may have to compile */

static void show_log(void *log)
{
    if (test_has_failed()) {
        fprintf(stderr, "%s", test_read(log));
    }
}

/* A process group of its own, as a terminal gives to a command: Ctrl-C is a
 * SIGINT for all of it. */
static pid_t start_demo(int port, const char *app_dir)
{
    static char log[512];
    const char *number = test_format("%d", port);
    pid_t pid;

    if (strcmp(TEST_OUTDIR, TEST_SRCDIR "/out") != 0) {
        SKIP("build/demo uses the build in the source tree");
    }
    app_require("ruby python3 node");
    snprintf(log, sizeof(log), "%s/demo.log", test_dir());
    test_defer(show_log, log);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT, 0644);

        setpgid(0, 0);
        signal(SIGTERM, SIG_DFL);
        dup2(fd, 1);
        dup2(fd, 2);
        execl(TEST_SRCDIR "/build/demo", "demo", "--port", number, app_dir,
              (char *)NULL);
        _exit(127);
    }
    WAIT_UNTIL_FOR(strstr(test_read(log), "Ctrl-C ends it"), DEMO_SECONDS);
    return pid;
}

static void end_demo(pid_t pid)
{
    int status;

    CHECK_INT(kill(-pid, SIGINT), 0);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    WAIT_UNTIL(*process_orphans() == 0);
}

TEST_DEADLINE(demo_shows_three_languages_until_interrupted, 90)
{
    int port = httpd_free_port();
    pid_t pid = start_demo(port, NULL);
    const char *url = test_format("http://127.0.0.1:%d", port);

    CHECK_CONTAINS(http_get_body(200, "%s/", url), "/python");
    CHECK_CONTAINS(http_get_body(200, "%s/ruby", url), "Ruby ");
    CHECK_CONTAINS(http_get_body(200, "%s/python", url), "Python ");
    CHECK_CONTAINS(http_get_body(200, "%s/node", url), "Node.js ");
    end_demo(pid);
}

TEST_DEADLINE(demo_serves_the_app_it_is_given, 90)
{
    int port = httpd_free_port();
    pid_t pid = start_demo(port, app_copy("python", "app"));

    CHECK_STR(http_get_body(200, "http://127.0.0.1:%d/hello", port),
              "hello from python\n");
    end_demo(pid);
}

/* What is wrong with the arguments is said in their words, not in httpd's. */
TEST(demo_explains_wrong_arguments)
{
    static const char *const cases[][2] = {
        {"--port 80800", "the port '80800' is not a number from 1 to 65535"},
        {"--port=abc", "the port 'abc' is not a number from 1 to 65535"},
        {"--port 0", "the port '0' is not a number from 1 to 65535"},
        {"--port 8080 ''", "usage: "},
        {"--port 8080 'a\"b'", "a\"b'; use a link"},
        {"--port 8080 'a${b}'", "a${b}'; use a link"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *output;

        CHECK(test_shell(&output,
                         "cd '%s' && mkdir -p 'a\"b' 'a${b}' && "
                         "timeout 5 '%s/build/demo' %s 2>&1",
                         test_dir(), TEST_SRCDIR, cases[i][0])
              != 0);
        CHECK_CONTAINS(output, cases[i][1]);
    }
}

TEST_DEADLINE(demo_says_that_there_is_no_app, 90)
{
    pid_t pid;

    app_require("ruby python3 node");
    pid = start_demo(httpd_free_port(), test_dir());
    CHECK_CONTAINS(test_read(test_format("%s/demo.log", test_dir())),
                   "no app at /: PassengerAppRoot is ");
    end_demo(pid);
}
