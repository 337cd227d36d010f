/* SPDX-License-Identifier: Apache-2.0 */

/* Variables that the configuration and a file of secrets give to an app. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "app_server.h"
#include "http_client.h"
#include "tenants.h"
#include "test.h"

static const char *environment_of(const httpd_t *httpd, const char *path)
{
    return http_get_body(200, "%s/environment%s", httpd->url, path);
}

TEST(variables_reach_the_process)
{
    httpd_t *httpd = app_serve(
        "python", &(httpd_config_t){.modules = "env",
                                    .vhost_config =
                                        "SetEnv FROM_SETENV \"a b\"\n"
                                        "SetEnv BOTH setenv\n"
                                        "PassengerEnvVar BOTH own\n"
                                        "PassengerEnvVar PASSENGER_APP_ROOT x\n"
                                        "PassengerEnvVar HOME /nowhere\n"
                                        "<Location /environment>\n"
                                        "PassengerEnvVar INNER \"x = y\"\n"
                                        "</Location>\n"});
    const char *env = environment_of(httpd, "");

    CHECK_CONTAINS(env, "\"FROM_SETENV\": \"a b\"");
    CHECK_CONTAINS(env, "\"BOTH\": \"own\"");
    CHECK_CONTAINS(env, "\"INNER\": \"x = y\"");
    CHECK_CONTAINS(
        env, test_format("\"PASSENGER_APP_ROOT\": \"%s\"", httpd->app_root));
    CHECK(strstr(env, "/nowhere") == NULL);
}

/* What a visitor can influence must not get into a process for all. */
TEST(variables_of_a_request_do_not_reach_the_process)
{
    httpd_t *httpd = app_serve(
        "python", &(httpd_config_t){.modules = "env setenvif",
                                    .vhost_config =
                                        "SetEnvIf User-Agent (.*) SEEN=$1\n"});

    CHECK(strstr(environment_of(httpd, ""), "SEEN") == NULL);
}

TEST(changed_variables_hold_for_the_next_processes)
{
    httpd_t *httpd = app_serve(
        "python", &(httpd_config_t){.vhost_config = "PassengerEnvVar V 1\n"});
    pid_t app = app_pid(httpd);

    httpd_configure(httpd,
                    &(httpd_config_t){.vhost_config = "PassengerEnvVar V 2\n"});
    httpd_graceful(httpd);
    CHECK_INT(app_pid(httpd), app);
    CHECK_CONTAINS(environment_of(httpd, ""), "\"V\": \"1\"");
    kill(app, SIGKILL);
    httpd_expect_log("ended by itself");
    WAIT_UNTIL(http_get("%s/hello", httpd->url)->status == 200);
    CHECK_CONTAINS(environment_of(httpd, ""), "\"V\": \"2\"");
}

TEST(file_of_secrets_is_read_as_the_user)
{
    httpd_t *httpd;
    const char *file;

    tenants_create();
    httpd = app_serve(
        "python", &(httpd_config_t){.vhost_config = "PassengerEnvFile .env\n"});
    file = test_file("www/.env", "SECRET='from the file'\n");
    chmod(file, 0600);
    tenants_give("www", "psgalice:psgalice");
    CHECK_CONTAINS(environment_of(httpd, ""), "\"SECRET\": \"from the file\"");
    CHECK_INT(test_shell(NULL,
                         "! grep -q 'from the file' /proc/%d/cmdline '%s'",
                         (int)app_pid(httpd), httpd->error_log),
              0);
}

TEST(file_that_others_may_read_is_refused_without_its_text)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.vhost_config = "PassengerAppEnv development\n"
                                          "PassengerEnvFile .env\n"});
    const http_response_t *answer;

    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    chmod(test_file("www/.env", "SECRET=s3cr3t\n"), 0644);
    answer = http_get("%s/hello", httpd->url);
    CHECK_INT(answer->status, 500);
    CHECK_CONTAINS(answer->body, "chmod 600");
    CHECK(strstr(answer->body, "s3cr3t") == NULL);
    CHECK(strstr(httpd_log(httpd), "s3cr3t") == NULL);
}
