/* SPDX-License-Identifier: Apache-2.0 */

/* Any one of our processes may be killed: what happens then is small and exact. */
#include <signal.h>
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "test.h"

EACH_LANGUAGE(dying_app_costs_its_request_only)
{
    httpd_t *httpd = app_serve(language, NULL);
    pid_t before = app_pid(httpd);

    httpd_allow_log("PSG");
    CHECK_INT(http_get("%s/die", httpd->url)->status, 502);
    http_get_body(200, "%s/hello", httpd->url);
    CHECK(app_pid(httpd) != before);
}

TEST(log_has_signal_and_last_words_of_a_crashed_app)
{
    httpd_t *httpd = app_serve("python", NULL);
    pid_t pid = app_pid(httpd);

    httpd_allow_log("PSG");
    http_get_body(200, "%s/say/famous", httpd->url);
    http_get_body(200, "%s/say/last-words", httpd->url);
    kill(pid, SIGTRAP); /* of which Python says nothing itself */
    httpd_await_log(httpd, "ended by itself (signal 5 (");
    httpd_await_log(
        httpd, test_format("PSG2131: [process %d] said on stdout: last-words",
                           (int)pid));
    http_get_body(200, "%s/hello", httpd->url);
}

TEST(app_that_crashes_at_every_request_is_not_tried_for_ever)
{
    const http_response_t *answer;
    httpd_t *httpd;

    app_require("python3");
    httpd_allow_log("PSG");
    test_file("www/passenger_wsgi.py",
              "import os\n"
              "def application(environ, start_response): os._exit(3)\n");
    httpd = httpd_start(&(httpd_config_t){0});
    CHECK_INT(http_get("%s/", httpd->url)->status, 502);
    WAIT_UNTIL_FOR((answer = http_get("%s/", httpd->url))->status == 503, 20);
    CHECK(http_header(answer, "Retry-After") != NULL);
    CHECK_CONTAINS(answer->body, "Error id");
    CHECK_CONTAINS(httpd_log(httpd), "ended by itself (exit status 3)");
    CHECK_CONTAINS(httpd_log(httpd), "requests are answered 503 until then");
}

/* An idle process that is killed costs nothing at all. */
EACH_LANGUAGE(idle_app_may_be_killed)
{
    httpd_t *httpd = app_serve(language, NULL);
    int i;

    httpd_allow_log("PSG");
    for (i = 0; i < 3; i++) {
        kill(app_pid(httpd), SIGKILL);
        http_get_body(200, "%s/hello", httpd->url);
    }
}

/* The first request of all, so that it is on a connection of its own. */
TEST(get_in_progress_survives_its_process)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    http_running_t *running;
    const http_response_t *answer;
    pid_t app;

    httpd_allow_log("PSG");
    running = http_begin(
        &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});
    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    CHECK_INT(scoreboard_pids(httpd, &app, 1), 1);
    test_pause(); /* connected and read, or not: it must not matter */
    kill(app, SIGKILL);
    app_release(httpd, "go");
    answer = http_end(running);
    CHECK_INT(answer->status, 200);
    CHECK_STR(answer->body, "waited");
}

TEST(app_is_replaced_under_load)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    http_load_t *load;
    http_load_result_t result;

    httpd_allow_log("PSG");
    http_get_body(200, "%s/hello", httpd->url);
    load = http_load_start(test_format("%s/hello", httpd->url), 8);
    WAIT_UNTIL(http_load_look(load).ok > 200);
    kill(app_pid(httpd), SIGKILL); /* loaders give their process a title */
    WAIT_UNTIL(http_load_look(load).ok > 1000);
    result = http_load_stop(load);
    CHECK_INT(result.failed, 0);
    CHECK(result.other <= 8);
}

TEST(killed_core_fails_no_request_and_loses_no_app)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    pid_t app = app_pid(httpd), core, before;
    http_load_t *load;
    http_load_result_t result;
    int i;

    httpd_allow_log("core");
    load = http_load_start(test_format("%s/pid", httpd->url), 4);
    for (i = 0; i < 3; i++) {
        int ok = http_load_look(load).ok;

        before = httpd_core(httpd);
        kill(before, SIGKILL);
        WAIT_UNTIL((core = httpd_core(httpd)) > 0 && core != before);
        WAIT_UNTIL(http_load_look(load).ok > ok + 100);
    }
    result = http_load_stop(load);
    CHECK_INT(result.failed, 0);
    CHECK_INT(result.other, 0);
    CHECK(process_is_alive(app));
}

/* What the old core knew is not needed: the new one replaces a process that
 * dies, and starts another app. */
TEST(new_core_takes_over)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    pid_t app = app_pid(httpd), core = httpd_core(httpd);

    httpd_allow_log("core");
    httpd_allow_log("PSG");
    kill(core, SIGKILL);
    WAIT_UNTIL(httpd_core(httpd) != core && httpd_core(httpd) > 0);
    CHECK_INT(app_pid(httpd), app);
    kill(app, SIGKILL);
    http_get_body(200, "%s/hello", httpd->url);
    CHECK(app_pid(httpd) != app);
}

/* Which child a request is in nobody knows, so all of them are killed. */
TEST(killed_httpd_child_gives_its_processes_back)
{
    httpd_t *httpd = app_serve(
        "ruby", &(httpd_config_t){.mpm = "prefork",
                                  .server_config = "PassengerMaxPoolSize 2\n"});
    http_running_t *first, *second;
    pid_t children[64];
    int count, i;

    httpd_allow_log("AH00052");
    httpd_allow_log("PSG");
    http_get_body(200, "%s/hello", httpd->url);
    first = http_begin(
        &(http_request_t){.url = test_format("%s/wait/first", httpd->url)});
    second = http_begin(
        &(http_request_t){.url = test_format("%s/wait/second", httpd->url)});
    WAIT_UNTIL(scoreboard_busy(httpd) == 2);
    count = process_find_all(httpd->pid, "httpd.conf", children, 64);
    for (i = 0; i < count; i++) {
        kill(children[i], SIGKILL);
    }
    http_end(first);
    http_end(second);
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
    CHECK_INT(scoreboard_running_slots(httpd), 0);
    app_release(httpd, "first");
    app_release(httpd, "second");
    for (i = 0; i < 10; i++) {
        http_get_body(200, "%s/hello", httpd->url);
    }
}

/* More requests than processes, so that some run and some wait when it happens;
 * a child that dies in the scoreboard's critical section is among them. */
TEST_DEADLINE(busy_figures_are_exact_after_children_were_killed_under_load, 60)
{
    httpd_t *httpd =
        app_serve("python", &(httpd_config_t){.server_config =
                                                  "PassengerMaxPoolSize 2\n"
                                                  "PassengerMinInstances 2\n"});
    http_load_t *load;
    pid_t children[64];
    int i;

    httpd_allow_log("AH00052");
    httpd_allow_log("PSG");
    http_get_body(200, "%s/hello", httpd->url);
    load = http_load_start(test_format("%s/size/3000", httpd->url), 16);
    for (i = 0; i < 10; i++) {
        int ok = http_load_look(load).ok;
        int count = 0;

        WAIT_UNTIL(http_load_look(load).ok > ok + 50
                   && (count = process_find_all(httpd->pid, "httpd.conf",
                                                children, 64))
                          > 0);
        kill(children[i % count], SIGKILL);
    }
    CHECK_INT(http_load_stop(load).other, 0);
    WAIT_UNTIL(scoreboard_running_slots(httpd) == 0);
    WAIT_UNTIL(scoreboard_queued(httpd) == 0);
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
    CHECK_INT(scoreboard_ready(httpd), 2);
}

TEST(killed_httpd_parent_ends_everything)
{
    httpd_t *httpd = app_serve("ruby", &(httpd_config_t){.mpm = "prefork"});
    pid_t app = app_pid(httpd), children[64];
    int i, count;

    /* httpd's own children would have nobody to tell them to end */
    kill(httpd->pid, SIGSTOP);
    count = process_find_all(httpd->pid, "httpd.conf", children, 64);
    for (i = 0; i < count; i++) {
        kill(children[i], SIGKILL);
    }
    httpd_kill(httpd, SIGKILL);
    CHECK(!process_is_alive(app));
}

/* mod_cgid's daemon is a fork of httpd's parent and has all that was open there,
 * also the socket whose end says that httpd is gone. */
TEST(killed_httpd_parent_ends_the_agent_despite_heirs)
{
    httpd_t *httpd = app_serve(
        "ruby", &(httpd_config_t){.mpm = "prefork", .modules = "cgid"});
    pid_t app = app_pid(httpd), watchdog = httpd_watchdog(httpd), heirs[64];
    int i, count;

    httpd_restart(httpd); /* that daemon is made anew, the agent is not */
    CHECK_INT(app_pid(httpd), app);
    kill(httpd->pid, SIGSTOP);
    count = process_find_all(httpd->pid, "httpd.conf", heirs, 64);
    kill(httpd->pid, SIGKILL);
    WAIT_UNTIL(!process_is_alive(watchdog));
    CHECK(!process_is_alive(app));
    for (i = 0; i < count; i++) {
        kill(heirs[i], SIGKILL);
    }
    httpd_kill(httpd, SIGKILL);
}
