/* SPDX-License-Identifier: Apache-2.0 */

/* Interpreters that no directive names. */
#include <sys/stat.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

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
    const char *output;

    http_get_body(200, "%s/hello", httpd->url);
    CHECK_INT(test_shell(&output,
                         "PASSENGER_INSTANCE_REGISTRY_DIR='%s' "
                         "'%s/passenger-agent' status --json",
                         httpd->run_dir, test_product_dir),
              0);
    CHECK_CONTAINS(output, "/bin/ruby\"");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/config.ru", "raise 'broken'\n");
    CHECK_INT(test_shell(NULL,
                         "PASSENGER_INSTANCE_REGISTRY_DIR='%s' "
                         "'%s/passenger-agent' restart-app '%s' >/dev/null",
                         httpd->run_dir, test_product_dir, httpd->app_root),
              0);
    httpd_await_log(httpd, "/bin/ruby'");
}
