/* SPDX-License-Identifier: Apache-2.0 */

/* graceful and restart keep the agent and the apps and apply new options. */
#include <signal.h>
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "test.h"

typedef void (*reload_fn)(httpd_t *httpd);

static void keeps_processes(reload_fn reload)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    pid_t app = app_pid(httpd), core = httpd_core(httpd);
    pid_t watchdog = httpd_watchdog(httpd);
    int i;

    CHECK(core > 0);
    CHECK(watchdog > 0);
    for (i = 0; i < 3; i++) {
        reload(httpd);
        CHECK_INT(app_pid(httpd), app);
        CHECK_INT(httpd_core(httpd), core);
        CHECK_INT(httpd_watchdog(httpd), watchdog);
    }
}

TEST(graceful_keeps_agent_and_app)
{
    keeps_processes(httpd_graceful);
}

TEST(restart_keeps_agent_and_app)
{
    keeps_processes(httpd_restart);
}

TEST(graceful_under_load_fails_no_request)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    http_load_t *load;
    http_load_result_t result;
    int i, before;

    http_get_body(200, "%s/hello", httpd->url);
    load = http_load_start(test_format("%s/hello", httpd->url), 8);
    for (i = 0; i < 5; i++) {
        httpd_graceful(httpd);
        before = http_load_look(load).ok;
        WAIT_UNTIL(http_load_look(load).ok > before + 100);
    }
    result = http_load_stop(load);
    CHECK_INT(result.other, 0);
    CHECK_INT(result.failed, 0);
}

TEST(request_in_progress_survives_graceful)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    http_running_t *running;
    const http_response_t *answer;

    http_get_body(200, "%s/hello", httpd->url);
    running = http_begin(
        &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});
    httpd_graceful(httpd);
    app_release(httpd, "go");
    answer = http_end(running);
    CHECK_STR(answer->error, NULL);
    CHECK_STR(answer->body, "waited");
}

static void applies_options(reload_fn reload)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    httpd_config_t changed = {.vhost_config = "PassengerAppEnv staging\n"};

    CHECK_CONTAINS(http_get_body(200, "%s/environment", httpd->url),
                   "\"RACK_ENV\":\"production\"");
    httpd_configure(httpd, &changed);
    reload(httpd);
    /* a child of before may still take a connection */
    WAIT_UNTIL(strstr(http_get_body(200, "%s/environment", httpd->url),
                      "\"RACK_ENV\":\"staging\"")
               != NULL);
}

TEST(graceful_applies_changed_options)
{
    applies_options(httpd_graceful);
}

TEST(restart_applies_changed_options)
{
    applies_options(httpd_restart);
}

TEST(graceful_can_enlarge_the_pool)
{
    httpd_config_t small = {.server_config = "PassengerMaxPoolSize 1\n"};
    httpd_config_t large = {.server_config = "PassengerMaxPoolSize 2\n"};
    httpd_t *httpd = app_serve("ruby", &small);
    http_running_t *running;

    http_get_body(200, "%s/hello", httpd->url);
    httpd_configure(httpd, &large);
    httpd_graceful(httpd);
    running = http_begin(
        &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});
    http_get_body(200, "%s/hello", httpd->url);
    CHECK(!http_is_done(running));
    app_release(httpd, "go");
    CHECK_INT(http_end(running)->status, 200);
}

TEST(stop_ends_everything)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    pid_t app = app_pid(httpd), core = httpd_core(httpd);

    httpd_stop(httpd);
    CHECK(!process_is_alive(app));
    CHECK(!process_is_alive(core));
}

TEST(stop_does_not_wait_for_requests)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    pid_t app = app_pid(httpd);
    http_running_t *running = http_begin(
        &(http_request_t){.url = test_format("%s/wait/never", httpd->url)});

    httpd_allow_log("exit signal Segmentation fault");
    httpd_allow_log("passenger:error");
    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    httpd_kill(httpd, SIGTERM);
    CHECK(!process_is_alive(app));
    CHECK(http_end(running)->status != 200);
}
