/* SPDX-License-Identifier: Apache-2.0 */

/* Module and agent are replaced on disk while httpd serves: a graceful restart
 * brings both into use, and no request and no app is lost. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "test.h"

/* Starts httpd from a copy of what was built. */
static httpd_t *serve_copy(void)
{
    const char *copy = test_format("%s/products", test_dir());

    CHECK_INT(test_shell(NULL,
                         "mkdir '%s' && cp '%s/mod_passenger.so' "
                         "'%s/passenger-agent' '%s'",
                         copy, test_product_dir, test_product_dir, copy),
              0);
    test_product_dir = copy;
    return app_serve("ruby", NULL);
}

/* As a package manager does it: a new file takes the name. */
static void replace(const char *name, const char *command)
{
    const char *file = test_format("%s/%s", test_product_dir, name);

    CHECK_INT(test_shell(NULL,
                         "cp -p '%s' '%s.new' && (%s) >>'%s.new' && mv "
                         "'%s.new' '%s'",
                         file, file, command, file, file, file),
              0);
}

static int runs_file(pid_t pid, const char *name)
{
    const char *file = test_format("%s/%s", test_product_dir, name);
    struct stat program, installed;

    return stat(test_format("/proc/%d/exe", (int)pid), &program) == 0
           && stat(file, &installed) == 0 && program.st_dev == installed.st_dev
           && program.st_ino == installed.st_ino;
}

TEST(replaced_agent_and_module_are_used_after_graceful)
{
    httpd_t *httpd = serve_copy();
    pid_t app = app_pid(httpd), watchdog = httpd_watchdog(httpd), core;
    http_load_t *load = http_load_start(test_format("%s/pid", httpd->url), 4);
    http_load_result_t result;

    httpd_allow_log("PSG2260");
    for (int i = 0; i < 3; i++) {
        int ok = http_load_look(load).ok;

        replace("mod_passenger.so", "echo");
        replace("passenger-agent", "echo");
        CHECK(!runs_file(watchdog, "passenger-agent"));
        httpd_graceful(httpd);
        WAIT_UNTIL(runs_file(watchdog, "passenger-agent"));
        WAIT_UNTIL((core = httpd_core(httpd)) > 0
                   && runs_file(core, "passenger-agent"));
        WAIT_UNTIL(http_load_look(load).ok > ok + 50);
    }
    result = http_load_stop(load);
    CHECK_INT(result.failed, 0);
    CHECK_INT(result.other, 0);
    CHECK_INT(app_pid(httpd), app);
    CHECK_INT(httpd_watchdog(httpd), watchdog);
}

/* The apps are still its children, and everything works as before. */
TEST(upgraded_agent_knows_how_its_apps_end)
{
    httpd_t *httpd = serve_copy();
    pid_t app = app_pid(httpd), watchdog = httpd_watchdog(httpd);

    httpd_allow_log("PSG");
    replace("passenger-agent", "echo");
    httpd_graceful(httpd);
    WAIT_UNTIL(runs_file(watchdog, "passenger-agent"));
    CHECK_INT(app_pid(httpd), app);
    CHECK_INT(http_get("%s/die", httpd->url)->status, 502);
    http_get_body(200, "%s/hello", httpd->url);
    httpd_await_log(httpd, "signal 9");
    CHECK_LACKS(httpd_log(httpd), "how is not known");
}

static void stays(const char *command, const char *why)
{
    httpd_t *httpd = serve_copy();
    pid_t app = app_pid(httpd), watchdog = httpd_watchdog(httpd);
    pid_t core = httpd_core(httpd);

    httpd_expect_log("PSG2261");
    CHECK_INT(test_shell(NULL,
                         "cd '%s' && cp -p passenger-agent new && (%s) "
                         "&& mv new passenger-agent",
                         test_product_dir, command),
              0);
    httpd_graceful(httpd);
    httpd_await_log(httpd, why);
    CHECK_INT(app_pid(httpd), app);
    CHECK_INT(httpd_watchdog(httpd), watchdog);
    CHECK_INT(httpd_core(httpd), core);
}

TEST(agent_that_cannot_be_executed_changes_nothing)
{
    stays("echo nonsense >new", "cannot be executed");
}

TEST(agent_of_another_protocol_changes_nothing)
{
    stays("cat /bin/echo >new", "is of a version that this one cannot");
}

TEST(agent_that_others_can_write_changes_nothing)
{
    stays("chmod 0777 new", "others than its owner may write it");
}
