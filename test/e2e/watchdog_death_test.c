/* SPDX-License-Identifier: Apache-2.0 */

/* The watchdog may be killed: apps go on serving, and the next watchdog takes
 * them over with all rights and duties. */
#include <signal.h>
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "test.h"

/* Kills the watchdog and waits for the next one and its core. */
static void replace_watchdog(httpd_t *httpd)
{
    pid_t before = httpd_watchdog(httpd), core = httpd_core(httpd), now;

    httpd_allow_log("PSG");
    CHECK(before > 0);
    CHECK_INT(kill(before, SIGKILL), 0);
    WAIT_UNTIL((now = httpd_watchdog(httpd)) > 0 && now != before);
    WAIT_UNTIL((now = httpd_core(httpd)) > 0 && now != core);
}

/* Two watchdogs are killed under this load, which sees nothing of it. */
static void check_unnoticed(httpd_t *httpd, http_load_t *load)
{
    http_load_result_t result;

    for (int i = 0; i < 2; i++) {
        int ok = http_load_look(load).ok;

        replace_watchdog(httpd);
        WAIT_UNTIL(http_load_look(load).ok > ok + 20);
    }
    result = http_load_stop(load);
    CHECK_INT(result.failed, 0);
    CHECK_INT(result.other, 0);
}

EACH_LANGUAGE(killed_watchdog_fails_no_request_and_loses_no_app)
{
    httpd_t *httpd = app_serve(language, NULL);
    pid_t app = app_pid(httpd);
    http_load_t *load = http_load_start(test_format("%s/pid", httpd->url), 4);

    check_unnoticed(httpd, load);
    CHECK_INT(app_pid(httpd), app);
}

/* It is no child of the new watchdog, but ends and is replaced like one. */
TEST(app_that_was_taken_over_is_replaced_when_it_dies)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    pid_t app = app_pid(httpd);

    replace_watchdog(httpd);
    CHECK_INT(app_pid(httpd), app);
    kill(app, SIGKILL);
    WAIT_UNTIL(scoreboard_ready(httpd) == 0);
    http_get_body(200, "%s/hello", httpd->url);
    CHECK(app_pid(httpd) != app);
    httpd_await_log(httpd, "how is not known");
}

TEST(app_that_was_taken_over_is_ended_when_idle)
{
    httpd_t *httpd =
        app_serve("python", &(httpd_config_t){.server_config =
                                                  "PassengerPoolIdleTime 1\n"
                                                  "PassengerMinInstances 0\n"});
    pid_t app = app_pid(httpd);

    replace_watchdog(httpd);
    CHECK_INT(app_pid(httpd), app);
    WAIT_UNTIL(!process_is_alive(app));
}

TEST(app_that_was_taken_over_gets_changed_options)
{
    httpd_t *httpd = app_serve("python", NULL);
    pid_t app = app_pid(httpd);

    replace_watchdog(httpd);
    CHECK_INT(app_pid(httpd), app);
    httpd_configure(
        httpd, &(httpd_config_t){.vhost_config = "PassengerAppEnv staging\n"});
    httpd_graceful(httpd);
    WAIT_UNTIL(app_pid(httpd) != app);
}

TEST(new_watchdog_starts_more_processes)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    http_running_t *running;

    http_get_body(200, "%s/hello", httpd->url);
    running = http_begin(
        &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});
    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    replace_watchdog(httpd);
    http_get_body(200, "%s/hello", httpd->url);
    CHECK(!http_is_done(running));
    app_release(httpd, "go");
    CHECK_STR(http_end(running)->body, "waited");
}

/* The request that needs a process is made while there is no watchdog. */
TEST(waiting_request_is_served_after_the_watchdog_was_killed)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    pid_t watchdog = httpd_watchdog(httpd);
    http_running_t *running;

    httpd_allow_log("PSG");
    kill(httpd->pid, SIGSTOP); /* no new watchdog for now */
    kill(watchdog, SIGKILL);
    WAIT_UNTIL(!process_is_alive(watchdog));
    running = http_begin(
        &(http_request_t){.url = test_format("%s/hello", httpd->url)});
    WAIT_UNTIL(scoreboard_busy(httpd) == 0 && !http_is_done(running));
    kill(httpd->pid, SIGCONT);
    CHECK_INT(http_end(running)->status, 200);
}

/* What a start command runs knows nothing of us, and goes on all the same. */
static void check_program_survives(const char *app_name, const char *command)
{
    http_load_t *load;
    httpd_t *httpd;
    pid_t app;

    app_require("python3");
    app_copy(app_name, "www");
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config =
            test_format("PassengerAppStartCommand \"%s\"\n", command)});
    http_get_body(200, "%s/x", httpd->url);
    app = process_find(httpd->pid, "server.py");
    load = http_load_start(test_format("%s/x", httpd->url), 4);
    check_unnoticed(httpd, load);
    CHECK(process_is_alive(app));
    CHECK_INT(scoreboard_ready(httpd), 1);
    test_file("www/tmp/restart.txt", "");
    WAIT_UNTIL(!process_is_alive(app)); /* and the program below a shell */
    http_get_body(200, "%s/x", httpd->url);
}

TEST(killed_watchdog_loses_no_program_on_a_port)
{
    check_program_survives("command-port", "python3 server.py");
}

TEST(killed_watchdog_loses_no_program_below_a_shell)
{
    check_program_survives("command-port", "python3 server.py; true");
}

TEST(killed_watchdog_loses_no_program_with_a_socket)
{
    check_program_survives("command-listen-fds", "exec python3 server.py");
}

/* httpd's parent last: it would start another watchdog. Its children and what
 * other modules forked may still have what was open there. */
static void kill_all(httpd_t *httpd)
{
    pid_t watchdog = httpd_watchdog(httpd), core = httpd_core(httpd);

    kill(httpd->pid, SIGSTOP);
    kill(watchdog, SIGKILL);
    kill(core, SIGKILL);
    kill(httpd->pid, SIGKILL);
}

static void tidy(httpd_t *httpd, const pid_t *heirs, int count)
{
    for (int i = 0; i < count; i++) {
        kill(heirs[i], SIGKILL);
    }
    test_shell(NULL, "rm -rf '%s'/passenger.*", httpd->run_dir);
    httpd_kill(httpd, SIGKILL); /* looks whether anything is left */
}

/* Nobody takes them over, so they end. */
EACH_LANGUAGE(apps_end_if_all_is_killed)
{
    httpd_t *httpd = app_serve(
        language, &(httpd_config_t){.mpm = "prefork", .modules = "cgid"});
    pid_t app = app_pid(httpd), heirs[64];
    int count;

    httpd_restart(httpd); /* that daemon is made anew, the agent is not */
    CHECK_INT(app_pid(httpd), app);
    count = process_find_all(httpd->pid, "httpd.conf", heirs, 64);
    kill_all(httpd);
    WAIT_UNTIL(!process_is_alive(app));
    tidy(httpd, heirs, count);
}

static int is_guarded(const httpd_t *httpd)
{
    pid_t watcher = process_find(httpd->pid, "passenger-agent watcher");

    return watcher != 0
           && test_shell(NULL, "ls -l /proc/%d/fd | grep -q pidfd",
                         (int)watcher)
                  == 0;
}

/* A request that goes on for ever keeps no process alive. */
EACH_LANGUAGE(stuck_apps_are_killed_if_all_is_killed)
{
    httpd_t *httpd = app_serve(language, NULL);
    pid_t app = app_pid(httpd), heirs[64];
    int count;

    (void)http_begin(
        &(http_request_t){.url = test_format("%s/wait/never", httpd->url)});
    WAIT_UNTIL(scoreboard_busy(httpd) == 1 && is_guarded(httpd));
    count = process_find_all(httpd->pid, "httpd.conf", heirs, 64);
    kill_all(httpd);
    WAIT_UNTIL(!process_is_alive(app));
    tidy(httpd, heirs, count);
}

TEST(programs_end_if_all_is_killed)
{
    pid_t app, heirs[64];
    httpd_t *httpd;
    int count;

    app_require("python3");
    app_copy("command-port", "www");
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config =
            "PassengerAppStartCommand \"python3 server.py; true\"\n"});
    http_get_body(200, "%s/x", httpd->url);
    app = process_find(httpd->pid, "python3 server.py");
    count = process_find_all(httpd->pid, "httpd.conf", heirs, 64);
    kill_all(httpd);
    WAIT_UNTIL(!process_is_alive(app));
    tidy(httpd, heirs, count);
}
