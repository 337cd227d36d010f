/* SPDX-License-Identifier: Apache-2.0 */

/* A restart costs nothing: no request is lost, a version that does not start
 * harms nobody, and who keeps an old process from ending is named. */
#include <signal.h>
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "test.h"

static void touch(const httpd_t *httpd)
{
    CHECK_INT(test_shell(NULL,
                         "cd '%s' && mkdir -p tmp && rm -f tmp/restart.txt && "
                         "touch tmp/restart.txt",
                         httpd->app_root),
              0);
}

/* Its restart file was looked at once: a new one is seen. */
static httpd_t *serve_watched(const char *language,
                              const httpd_config_t *config)
{
    httpd_t *httpd = app_serve(language, config);

    http_get_body(200, "%s/hello", httpd->url);
    WAIT_UNTIL(scoreboard_watched(httpd) == 1);
    return httpd;
}

static void restart_under_load(httpd_t *httpd)
{
    pid_t before = scoreboard_newest(httpd);
    http_load_t *load = http_load_start(test_format("%s/hello", httpd->url), 8);
    http_load_result_t result;
    int ok;

    WAIT_UNTIL(http_load_look(load).ok > 100);
    touch(httpd);
    WAIT_UNTIL_FOR(!process_is_alive(before), 20); /* the load starves it */
    ok = http_load_look(load).ok;
    WAIT_UNTIL(http_load_look(load).ok > ok + 100);
    result = http_load_stop(load);
    CHECK_INT(result.failed, 0);
    CHECK_INT(result.other, 0);
    CHECK(result.ok > 200);
}

EACH_LANGUAGE(restart_under_load_loses_no_request)
{
    restart_under_load(serve_watched(language, NULL));
}

/* The new process needs the place of the old one: requests wait. */
TEST(restart_in_a_full_pool_loses_no_request)
{
    restart_under_load(serve_watched(
        "python",
        &(httpd_config_t){.server_config = "PassengerMaxPoolSize 1\n"}));
}

TEST(restart_that_is_not_rolling_loses_no_request)
{
    restart_under_load(serve_watched(
        "python",
        &(httpd_config_t){.vhost_config = "PassengerRollingRestarts off\n"}));
}

TEST(new_process_serves_before_the_old_one_ends)
{
    httpd_t *httpd = serve_watched("python", NULL);
    pid_t before = scoreboard_newest(httpd);

    /* it boots only when the test says so */
    test_shell(NULL,
               "cd '%s' && sed -i '1iimport os, time\\n"
               "while not os.path.exists(\"go\"): time.sleep(0.01)' "
               "passenger_wsgi.py",
               httpd->app_root);
    touch(httpd);
    WAIT_UNTIL(strstr(httpd_log(httpd), "PSG2123") != NULL);
    for (int i = 0; i < 20; i++) {
        CHECK_INT(app_pid(httpd), before);
    }
    app_release(httpd, "go");
    WAIT_UNTIL(app_pid(httpd) != before);
}

TEST(version_that_does_not_start_leaves_the_old_one_serving)
{
    httpd_t *httpd = serve_watched("python", NULL);
    pid_t before = scoreboard_newest(httpd);

    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_shell(NULL,
               "cd '%s' && mv passenger_wsgi.py good.py && "
               "echo 'raise Exception(\"bad\")' >passenger_wsgi.py",
               httpd->app_root);
    touch(httpd);
    httpd_await_log(httpd, "old processes go on serving");
    for (int i = 0; i < 20; i++) {
        CHECK_INT(app_pid(httpd), before);
    }
    test_shell(NULL, "cd '%s' && mv good.py passenger_wsgi.py",
               httpd->app_root);
    WAIT_UNTIL(app_pid(httpd) != before); /* it is tried again */
}

/* Some of its processes always live, even under load. */
TEST(version_that_dies_at_requests_leaves_old_ones_serving)
{
    httpd_t *httpd = serve_watched(
        "python",
        &(httpd_config_t){.server_config = "PassengerMaxPoolSize 4\n",
                          .vhost_config = "PassengerMinInstances 3\n"});
    http_load_t *load;
    int ok;

    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    WAIT_UNTIL(scoreboard_ready(httpd) == 3);
    test_shell(NULL,
               "cd '%s' && printf 'import os\\n"
               "def application(environ, start_response): os._exit(1)\\n' "
               ">passenger_wsgi.py",
               httpd->app_root);
    load = http_load_start(test_format("%s/pid", httpd->url), 8);
    touch(httpd);
    httpd_await_log(httpd, "PSG2129");
    httpd_await_log(httpd, "3 processes in a row");
    ok = http_load_look(load).ok;
    WAIT_UNTIL(http_load_look(load).ok > ok + 100);
    http_load_stop(load);
}

TEST(version_that_does_not_start_is_shown_if_it_is_to_be)
{
    httpd_t *httpd = serve_watched(
        "python", &(httpd_config_t){
                      .vhost_config = "PassengerResistDeploymentErrors off\n"});

    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_shell(NULL,
               "cd '%s' && echo 'raise Exception(\"bad\")' "
               ">passenger_wsgi.py",
               httpd->app_root);
    touch(httpd);
    WAIT_UNTIL(http_get("%s/hello", httpd->url)->status >= 500);
    httpd_await_log(httpd, "PassengerResistDeploymentErrors would keep them");
}

TEST(request_that_keeps_an_old_process_is_named_and_ended)
{
    httpd_t *httpd = serve_watched(
        "python",
        &(httpd_config_t){.vhost_config = "PassengerDrainTimeout 1\n"
                                          "PassengerMaxInstances 1\n"});
    pid_t before = scoreboard_newest(httpd);
    http_running_t *stuck = http_begin(
        &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});

    httpd_allow_log("PSG");
    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    touch(httpd);
    WAIT_UNTIL(scoreboard_newest(httpd) != before);
    http_get_body(200, "%s/hello", httpd->url); /* others are served */
    httpd_await_log(httpd,
                    test_format("process %d still works on GET '/wait/go' of "
                                "127.0.0.1",
                                (int)before));
    kill(before, SIGKILL); /* as the agent does after ten seconds */
    app_release(httpd, "go");
    CHECK_INT(http_end(stuck)->status, 200); /* a GET is sent to another one */
}
