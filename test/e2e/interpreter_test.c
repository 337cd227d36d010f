/* SPDX-License-Identifier: Apache-2.0 */

/* Interpreters that no directive names. */
#include <string.h>
#include <sys/stat.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "tenants.h"
#include "test.h"

static const httpd_config_t plain;

/* A Python of a version manager in the home of the users of tenants.h. */
static void install(const char *version)
{
    const char *name = test_format(".pyenv/versions/%s/bin/python", version);
    const char *script = test_format("#!/bin/sh\n"
                                     "export FAKE_VERSION=%s\n"
                                     "exec /usr/bin/python3 \"$@\"\n",
                                     version);

    CHECK_INT(chmod(test_file(name, script), 0755), 0);
}

/* psgalice's app, which asks for version 1.0. */
static httpd_t *serve_alice(void)
{
    tenants_create();
    app_require("python3");
    install("1.0");
    install("2.0");
    app_copy("python", "www");
    test_file("www/.python-version", "1.0\n");
    CHECK_INT(
        test_shell(NULL, "chown -R psgalice:psgalice '%s/www'", test_dir()), 0);
    return httpd_start(&plain);
}

/* The process is replaced, by another one of the same version of the app. */
static void replace_process(const httpd_t *httpd)
{
    pid_t before = app_pid(httpd);

    CHECK_INT(test_shell(NULL,
                         "PASSENGER_INSTANCE_REGISTRY_DIR='%s' "
                         "'%s/passenger-agent' detach-process %d >/dev/null",
                         httpd->run_dir, test_product_dir, (int)before),
              0);
    WAIT_UNTIL(scoreboard_newest(httpd) > 0
               && scoreboard_newest(httpd) != before
               && !process_is_alive(before));
}

static const char *environment(const httpd_t *httpd)
{
    return http_get_body(200, "%s/environment", httpd->url);
}

TEST(version_file_counts_from_the_next_restart_on)
{
    httpd_t *httpd = serve_alice();

    CHECK_CONTAINS(environment(httpd), "\"FAKE_VERSION\": \"1.0\"");
    httpd_await_log(httpd, "asks for version 1.0");
    test_file("www/.python-version", "2.0\n");
    replace_process(httpd);
    CHECK_CONTAINS(environment(httpd), "\"FAKE_VERSION\": \"1.0\"");
    CHECK_CONTAINS(
        environment(httpd),
        test_format("\"PATH\": \"%s/.pyenv/versions/1.0/bin:", test_dir()));
    test_file("www/tmp/restart.txt", "");
    httpd_await_log(httpd, "asks for version 2.0");
    WAIT_UNTIL(strstr(environment(httpd), "\"FAKE_VERSION\": \"2.0\"") != NULL);
}

TEST(interpreter_that_is_gone_is_looked_for_anew)
{
    httpd_t *httpd = serve_alice();

    CHECK_CONTAINS(environment(httpd), "\"FAKE_VERSION\": \"1.0\"");
    CHECK_INT(test_shell(NULL, "rm -r '%s/.pyenv/versions/1.0'", test_dir()),
              0);
    replace_process(httpd);
    CHECK_LACKS(environment(httpd), "FAKE_VERSION");
    httpd_await_log(httpd, "/.pyenv/versions/1.0/bin/python', which other "
                           "processes run, cannot be run any more");
    httpd_await_log(httpd, "asks for version 1.0, which is not at ");
}

/* The first start fails: the next one does not try the same again. */
TEST(interpreter_that_cannot_load_the_app_is_not_kept)
{
    httpd_t *httpd = serve_alice();

    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    CHECK_CONTAINS(environment(httpd), "\"FAKE_VERSION\": \"1.0\"");
    test_file(".pyenv/versions/1.0/bin/python", "#!/bin/sh\nexit 7\n");
    test_file("www/.python-version", "2.0\n");
    replace_process(httpd);
    CHECK_CONTAINS(environment(httpd), "\"FAKE_VERSION\": \"2.0\"");
}

TEST(virtual_environment_in_the_app_root_is_used)
{
    httpd_t *httpd = app_serve("python", NULL);

    CHECK_INT(test_shell(NULL,
                         "cd '%s' && /usr/bin/python3 -m venv --without-pip "
                         ".venv",
                         httpd->app_root),
              0);
    CHECK_CONTAINS(http_get_body(200, "%s/environment", httpd->url),
                   test_format("\"PATH\": \"%s/.venv/bin:", httpd->app_root));
    httpd_await_log(httpd, "is a virtual environment");
}

TEST(missing_version_is_told_and_the_path_is_used)
{
    httpd_t *httpd = app_serve("ruby", NULL);

    test_file("www/.ruby-version", "9.9.9\n");
    http_get_body(200, "%s/hello", httpd->url);
    httpd_await_log(httpd, ".rbenv/versions/9.9.9/bin/ruby");
}

TEST(interpreter_is_shown_by_status_and_by_errors)
{
    httpd_t *httpd = app_serve(
        "ruby",
        &(httpd_config_t){.vhost_config = "PassengerAppEnv development\n"
                                          "PassengerSpawnMethod direct\n"});

    http_get_body(200, "%s/hello", httpd->url);
    CHECK_CONTAINS(app_tool(httpd, "status --json"), "/bin/ruby\"");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/config.ru", "raise 'broken'\n");
    app_tool(httpd, test_format("restart-app '%s'", httpd->app_root));
    httpd_await_log(httpd, "/bin/ruby', startup file");
}

TEST(error_page_says_why_that_interpreter_runs)
{
    httpd_t *httpd;

    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    httpd = app_serve(
        "ruby",
        &(httpd_config_t){.vhost_config = "PassengerAppEnv development\n"});
    test_file("www/config.ru", "raise 'broken'\n");
    test_file("www/.ruby-version", "9.9.9\n");
    CHECK_CONTAINS(http_get("%s/hello", httpd->url)->body,
                   "/bin/ruby: it is in the PATH; ");
}
