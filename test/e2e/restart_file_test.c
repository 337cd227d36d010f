/* SPDX-License-Identifier: Apache-2.0 */

/* Touching restart.txt replaces an app's processes within a second or so, and
 * nobody has to send a request; nothing a tenant does with that file does more. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "tenants.h"
#include "test.h"

static const httpd_config_t plain;

/* The app runs, and its files were looked at once. */
static pid_t await_watched(const httpd_t *httpd)
{
    http_get_body(200, "%s/", httpd->url);
    WAIT_UNTIL(scoreboard_watched(httpd) == 1);
    return scoreboard_newest(httpd);
}

static void await_other(const httpd_t *httpd, pid_t before)
{
    WAIT_UNTIL(scoreboard_newest(httpd) > 0
               && scoreboard_newest(httpd) != before
               && !process_is_alive(before));
}

static void run(const httpd_t *httpd, const char *command)
{
    const char *output;

    if (test_shell(&output, "cd '%s' && %s", httpd->app_root, command) != 0) {
        FAIL("%s: %s", command, output);
    }
}

static pid_t find_watcher(const httpd_t *httpd)
{
    return process_find(httpd_watchdog(httpd), "passenger-agent watcher");
}

/* Two rounds of the watcher with whatever is there now have gone by: a file of
 * another app would have been seen. */
static void let_watcher_look(void)
{
    double end = test_now() + 2.2;

    while (test_now() < end) {
        test_pause();
    }
}

static void check_restarts(httpd_t *httpd)
{
    pid_t before = await_watched(httpd);
    double start = test_now();

    run(httpd, "mkdir -p tmp && touch tmp/restart.txt");
    await_other(httpd, before);
    CHECK(test_now() - start < 4 * test_deadline_factor());
}

EACH_LANGUAGE(touched_file_restarts_the_app)
{
    check_restarts(app_serve(language, NULL));
}

TEST(touched_file_restarts_a_start_command)
{
    app_require("python3");
    app_copy("command-port", "www");
    check_restarts(httpd_start(&(httpd_config_t){
        .vhost_config = "PassengerAppStartCommand \"python3 server.py\"\n"}));
}

TEST(touched_file_restarts_an_app_as_plain_user)
{
    check_restarts(app_serve("python", &(httpd_config_t){.plain_user = 1}));
}

/* The core and root may not even look into that folder. */
TEST(touched_file_restarts_an_app_in_a_closed_home)
{
    httpd_t *httpd;
    pid_t before;

    tenants_create();
    app_require("python3");
    app_copy("python", "www");
    test_shell(NULL,
               "cd '%s/www' && mkdir tmp && chown -R psgalice:psgalice . && "
               "chmod 700 tmp",
               test_dir());
    httpd = httpd_start(&plain);
    before = await_watched(httpd);
    CHECK_INT(process_status(find_watcher(httpd), "Uid"), TENANT_ALICE);
    run(httpd, "touch tmp/restart.txt");
    await_other(httpd, before);
}

TEST(older_time_and_new_file_restart_and_removal_does_not)
{
    httpd_t *httpd;
    pid_t before;

    app_require("python3");
    app_copy("python", "www");
    test_file("www/tmp/restart.txt", "");
    httpd = httpd_start(&plain);
    before = await_watched(httpd);
    run(httpd, "touch -d '1970-01-01 00:00:00 UTC' tmp/restart.txt");
    await_other(httpd, before);
    before = scoreboard_newest(httpd);
    run(httpd, "rm tmp/restart.txt");
    let_watcher_look();
    CHECK_INT(scoreboard_newest(httpd), before);
    run(httpd, "touch tmp/restart.txt");
    await_other(httpd, before);
}

TEST(folder_is_configurable)
{
    httpd_t *httpd;
    pid_t before;

    app_require("python3");
    app_copy("python", "www");
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config =
            test_format("PassengerRestartDir \"%s/elsewhere\"\n", test_dir())});
    before = await_watched(httpd);
    run(httpd, "mkdir ../elsewhere && touch ../elsewhere/restart.txt");
    await_other(httpd, before);
}

/* A link, a FIFO, a folder: each is a file with a time, none is opened. */
TEST(odd_files_restart_and_do_no_harm)
{
    static const char *const commands[] = {
        "mkdir -p tmp && ln -s /etc/passwd tmp/restart.txt",
        "rm tmp/restart.txt && mkfifo tmp/restart.txt",
        "rm tmp/restart.txt && mkdir tmp/restart.txt",
    };
    httpd_t *httpd = app_serve("python", NULL);
    pid_t before = await_watched(httpd);

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        run(httpd, commands[i]);
        await_other(httpd, before);
        before = scoreboard_newest(httpd);
    }
    run(httpd, "rm -r tmp/restart.txt && ln -s restart.txt tmp/restart.txt");
    let_watcher_look();
    CHECK_INT(scoreboard_newest(httpd), before);
}

/* However often it changes, an app restarts at most once a second. */
TEST(restless_file_restarts_once_a_second)
{
    httpd_t *httpd = app_serve("python", NULL);
    const char *count;

    await_watched(httpd);
    run(httpd, "mkdir -p tmp && timeout 3 sh -c 'while :; do "
               "touch tmp/restart.txt; rm tmp/restart.txt; done' || :");
    http_get_body(200, "%s/hello", httpd->url);
    test_shell(&count, "grep -c 'restart.txt was touched' '%s'",
               httpd->error_log);
    CHECK(atoi(count) <= 2 * 5); /* two lines a process: draining, drained */
}

TEST(closed_folder_is_logged_once)
{
    httpd_t *httpd;
    const char *count;
    pid_t before;

    tenants_create();
    app_require("python3");
    app_copy("python", "www");
    test_shell(NULL,
               "cd '%s/www' && chown -R psgalice:psgalice . && "
               "mkdir -m 700 tmp",
               test_dir());
    httpd = httpd_start(&plain);
    httpd_expect_log("PSG2074");
    http_get_body(200, "%s/", httpd->url);
    before = scoreboard_newest(httpd);
    httpd_await_log(httpd, "PSG2074");
    run(httpd, "touch tmp/restart.txt");
    let_watcher_look();
    CHECK_INT(scoreboard_newest(httpd), before);
    test_shell(&count, "grep -c PSG2074 '%s' | tr -d '\\n'", httpd->error_log);
    CHECK_STR(count, "1");
}

/* A touch while the watcher is not there is seen by the next one. */
TEST(killed_watcher_comes_back_and_misses_nothing)
{
    httpd_t *httpd = app_serve("python", NULL);
    pid_t before = await_watched(httpd), watcher;

    httpd_allow_log("PSG2072");
    WAIT_UNTIL((watcher = find_watcher(httpd)) > 0);
    kill(watcher, SIGKILL);
    WAIT_UNTIL(!process_is_alive(watcher));
    run(httpd, "mkdir -p tmp && touch tmp/restart.txt");
    await_other(httpd, before);
    WAIT_UNTIL(find_watcher(httpd) > 0 && find_watcher(httpd) != watcher);
}

TEST(killed_core_misses_nothing)
{
    httpd_t *httpd = app_serve("python", NULL);
    pid_t before = await_watched(httpd), watcher = find_watcher(httpd);

    httpd_allow_log("PSG");
    kill(watcher, SIGSTOP);
    run(httpd, "mkdir -p tmp && touch tmp/restart.txt");
    kill(httpd_core(httpd), SIGKILL);
    await_other(httpd, before);
    WAIT_UNTIL(!process_is_alive(watcher));
}

TEST(users_have_a_watcher_each_while_they_have_processes)
{
    httpd_t *httpd = tenants_serve_two();
    pid_t pids[8];

    http_get_body(200, "%s/pid", httpd->url);
    http_get_body(200, "%s/other/pid", httpd->url);
    WAIT_UNTIL(process_find_all(httpd_watchdog(httpd),
                                "passenger-agent watcher", pids, 8)
               == 2);
    CHECK(process_status(pids[0], "Uid") != process_status(pids[1], "Uid"));
}

/* It is there as often as there are users. */
TEST(watcher_is_small)
{
    httpd_t *httpd = app_serve("python", NULL);
    const char *kib;

    await_watched(httpd);
    test_shell(
        &kib,
        "awk '/^Private_(Clean|Dirty):/ {sum += $2} END {printf \"%%d\", "
        "sum}' /proc/%d/smaps_rollup",
        (int)find_watcher(httpd));
    CHECK(atoi(kib) > 0);
    CHECK(test_deadline_factor() > 1 || atoi(kib) < 1024);
}

TEST(always_restart_gives_each_request_a_fresh_process)
{
    httpd_t *httpd = app_serve("python", NULL);
    pid_t before = await_watched(httpd), first, second;

    run(httpd, "mkdir -p tmp && touch tmp/always_restart.txt");
    await_other(httpd, before);
    first = app_pid(httpd);
    second = app_pid(httpd);
    CHECK(first != second);
    CHECK(app_pid(httpd) != second);
    run(httpd, "rm tmp/always_restart.txt");
    httpd_await_log(httpd, "always_restart.txt is gone");
    app_pid(httpd); /* it may have been started for one request */
    WAIT_UNTIL(app_pid(httpd) == app_pid(httpd));
}
