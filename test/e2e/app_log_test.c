/* SPDX-License-Identifier: Apache-2.0 */

/* An app's own log file. */
#include <string.h>
#include <sys/stat.h>

#include "app_server.h"
#include "http_client.h"
#include "tenants.h"
#include "test.h"

static int file_has(const httpd_t *httpd, const char *name, const char *text)
{
    return strstr(test_read(test_format("%s/%s", httpd->app_root, name)), text)
           != NULL;
}

/* With a preloader where the language has one. */
EACH_LANGUAGE(output_goes_to_the_apps_own_file)
{
    httpd_t *httpd;

    tenants_create();
    httpd = app_serve(language,
                      &(httpd_config_t){.vhost_config =
                                            "PassengerSpawnMethod smart\n"
                                            "PassengerAppLogFile app.log\n"});
    CHECK_INT(
        test_shell(NULL, "chown -R psgalice:psgalice '%s'", httpd->app_root),
        0);
    httpd_allow_log("smart");
    http_get_body(200, "%s/say/hello", httpd->url);
    WAIT_UNTIL(file_has(httpd, "app.log", "said on stderr: hello\n"));
    CHECK(file_has(httpd, "app.log", "said on stdout: hello\n"));
    CHECK(strstr(httpd_log(httpd), "said on") == NULL);
    CHECK_INT(test_shell(NULL,
                         "test \"$(stat -c %%U '%s/app.log')\" = psgalice",
                         httpd->app_root),
              0);
}

TEST(file_that_cannot_be_used_is_told_and_the_app_serves)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.vhost_config = "PassengerAppLogFile pipe\n"});

    CHECK_INT(test_shell(NULL, "mkfifo '%s/pipe'", httpd->app_root), 0);
    http_get_body(200, "%s/say/hello", httpd->url);
    httpd_await_log(httpd, "PassengerAppLogFile 'pipe' cannot be used");
    httpd_await_log(httpd, "said on stdout: hello");
}
