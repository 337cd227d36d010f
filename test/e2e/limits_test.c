/* SPDX-License-Identifier: Apache-2.0 */

/* Limits of processes and requests: what is above one is replaced or ended, the
 * others notice nothing. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "test.h"

enum {
    REQUESTS = 12,
    VISITORS = 6,
};

static httpd_t *serve(const char *language, const char *server,
                      const char *vhost)
{
    httpd_t *httpd =
        app_serve(language, &(httpd_config_t){.server_config = server,
                                              .vhost_config = vhost});

    /* Apps write there, whoever they run as. */
    CHECK_INT(test_shell(NULL, "touch '%s/record'; chmod 666 '%s/record'",
                         httpd->app_root, httpd->app_root),
              0);
    return httpd;
}

/* How often each pid is in the lines of a file; the most. *lines: how many. */
static int most_of_one(const char *path, int *lines)
{
    const char *most, *output;

    CHECK_INT(test_shell(&output, "wc -l <'%s'", path), 0);
    *lines = atoi(output);
    CHECK_INT(test_shell(&most,
                         "sort '%s' | uniq -c | sort -n | tail -1 | "
                         "awk '{print $1}'",
                         path),
              0);
    return atoi(most);
}

static const char *record_of(const httpd_t *httpd)
{
    return test_format("%s/record", httpd->app_root);
}

EACH_LANGUAGE(process_is_replaced_after_its_last_request)
{
    httpd_t *httpd =
        serve(language, "PassengerMaxPoolSize 3\n", "PassengerMaxRequests 3\n");
    int lines;

    for (int i = 0; i < REQUESTS; i++) {
        CHECK_STR(http_get_body(200, "%s/record/record", httpd->url),
                  "recorded");
    }
    CHECK_INT(most_of_one(record_of(httpd), &lines), 3);
    CHECK_INT(lines, REQUESTS);
}

/* Each needs the place of the one before. */
TEST(single_process_of_one_request_answers_everybody)
{
    httpd_t *httpd =
        serve("python", "PassengerMaxPoolSize 1\n", "PassengerMaxRequests 1\n");
    http_running_t *visitors[VISITORS];
    int lines;

    for (int i = 0; i < VISITORS; i++) {
        visitors[i] = http_begin(&(http_request_t){
            .url = test_format("%s/record/record", httpd->url)});
    }
    for (int i = 0; i < VISITORS; i++) {
        CHECK_INT(http_end(visitors[i])->status, 200);
    }
    CHECK_INT(most_of_one(record_of(httpd), &lines), 1);
    CHECK_INT(lines, VISITORS);
}

/* Several at a time, while processes come and go under them. */
EACH_LANGUAGE(post_runs_once_though_processes_are_replaced)
{
    httpd_t *httpd =
        serve(language, "PassengerMaxPoolSize 3\n", "PassengerMaxRequests 4\n");
    int lines;

    for (int round = 0; round < 5; round++) {
        http_running_t *visitors[VISITORS];

        for (int i = 0; i < VISITORS; i++) {
            visitors[i] = http_begin(&(http_request_t){
                .url = test_format("%s/record/record", httpd->url),
                .body = "x"});
        }
        for (int i = 0; i < VISITORS; i++) {
            CHECK_INT(http_end(visitors[i])->status, 200);
        }
    }
    CHECK_INT(most_of_one(record_of(httpd), &lines), 4);
    CHECK_INT(lines, 5 * VISITORS);
}

EACH_LANGUAGE(leaking_process_is_replaced)
{
    httpd_t *httpd = serve(language, NULL, "PassengerMemoryLimit 200\n");
    pid_t leaky = app_pid(httpd);
    http_load_t *load = http_load_start(test_format("%s/hello", httpd->url), 2);
    http_load_result_t seen;

    httpd_expect_log("PassengerMemoryLimit is 200 MiB");
    CHECK_STR(http_get_body(200, "%s/leak/200", httpd->url), "leaked");
    WAIT_UNTIL(!process_is_alive(leaky) || app_pid(httpd) != leaky);
    WAIT_UNTIL(!process_is_alive(leaky));
    seen = http_load_stop(load);
    CHECK_INT(seen.other + seen.failed, 0);
    CHECK(seen.ok > 0);
}

EACH_LANGUAGE(process_that_takes_far_too_much_memory_is_killed)
{
    httpd_t *httpd = serve(language, NULL, "PassengerHardMemoryLimit 200\n");
    pid_t leaky = app_pid(httpd);

    httpd_expect_log("PassengerHardMemoryLimit is 200 MiB; it is killed");
    httpd_allow_log("PSG0109"); /* it may be killed before it answers, */
    httpd_allow_log("PSG2127"); /* as the next one, which is sent it again */
    (void)http_get("%s/leak/200", httpd->url);
    WAIT_UNTIL(!process_is_alive(leaky));
    CHECK(app_pid(httpd) != leaky);
}

EACH_LANGUAGE(request_that_takes_too_long_is_ended_with_its_process)
{
    httpd_t *httpd =
        serve(language, NULL,
              "<Location /stick>\nPassengerMaxRequestTime 1\n</Location>\n");
    pid_t stuck = app_pid(httpd);
    const http_response_t *answer;
    int lines;

    httpd_expect_log("longer than 1.0 s (PassengerMaxRequestTime)");
    httpd_allow_log("PSG");
    answer = http_get("%s/stick/record?a=b", httpd->url);
    CHECK_INT(answer->status, 504);
    CHECK(answer->seconds > 1.5);
    CHECK_INT(most_of_one(record_of(httpd), &lines), 1);
    CHECK_INT(lines, 1); /* no other process was given it */
    CHECK_CONTAINS(httpd_log(httpd), "GET '/stick/record?a=b' of 127.0.0.1");
    CHECK(app_pid(httpd) != stuck);
}

/* The process gets the CPU it wants, whatever else the machine has to do: as
 * root only, and where sessions share the CPU. */
static void prefer(pid_t pid)
{
    (void)setpriority(PRIO_PROCESS, (id_t)pid, -15);
    (void)test_shell(NULL, "echo -15 >/proc/%d/autogroup", (int)pid);
}

/* Also while it does nothing but compute. */
EACH_LANGUAGE(stack_of_a_stuck_process_is_logged)
{
    httpd_t *httpd =
        serve(language, NULL,
              "<Location /burn>\nPassengerMaxRequestTime 1\n</Location>\n");

    httpd_allow_log("PSG");
    prefer(app_pid(httpd)); /* a second for its stack is short otherwise */
    CHECK_INT(http_get("%s/burn/60000", httpd->url)->status, 504);
    httpd_await_log(httpd, "it is killed in a second, what it does comes next");
    CHECK_INT(
        test_shell(NULL, "grep 'passenger:app.*burn' '%s'", httpd->error_log),
        0);
}

TEST(overrun_costs_other_requests_of_the_process_nothing_but_time)
{
    httpd_t *httpd =
        serve("node", NULL,
              "<Location /stick>\nPassengerMaxRequestTime 1\n</Location>\n");
    pid_t stuck = app_pid(httpd);
    http_running_t *other = http_begin(
        &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});

    httpd_allow_log("PSG");
    WAIT_UNTIL(scoreboard_running_slots(httpd) == 1);
    CHECK_INT(http_get("%s/stick/record", httpd->url)->status, 504);
    WAIT_UNTIL(!process_is_alive(stuck));
    CHECK(!http_is_done(other)); /* a GET: a new process has it */
    app_release(httpd, "go");
    CHECK_INT(http_end(other)->status, 200);
}

TEST(request_that_waits_too_long_is_answered_504)
{
    httpd_t *httpd = serve("ruby", "PassengerMaxPoolSize 1\n",
                           "<Location /hello>\nPassengerMaxRequestQueueTime 1\n"
                           "</Location>\n");
    pid_t pid = app_pid(httpd);
    http_running_t *running = http_begin(
        &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});
    const http_response_t *answer;

    httpd_expect_log("PSG0115");
    WAIT_UNTIL(scoreboard_running_slots(httpd) == 1);
    answer = http_get("%s/hello", httpd->url);
    CHECK_INT(answer->status, 504);
    CHECK(answer->seconds > 0.9 && answer->seconds < 5);
    app_release(httpd, "go");
    CHECK_INT(http_end(running)->status, 200);
    CHECK_INT(app_pid(httpd), pid);
    CHECK_INT(http_get("%s/hello", httpd->url)->status, 200);
}

TEST(app_has_no_more_processes_than_its_own_limit)
{
    httpd_t *httpd = serve("python", "PassengerMaxPoolSize 6\n",
                           "PassengerMaxInstances 2\n");
    http_running_t *visitors[VISITORS];

    for (int i = 0; i < VISITORS; i++) {
        visitors[i] = http_begin(
            &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});
    }
    WAIT_UNTIL(scoreboard_running_slots(httpd) == 2);
    WAIT_UNTIL(scoreboard_queued(httpd) == VISITORS - 2);
    CHECK_INT(scoreboard_ready(httpd), 2);
    app_release(httpd, "go");
    for (int i = 0; i < VISITORS; i++) {
        CHECK_INT(http_end(visitors[i])->status, 200);
    }
    CHECK_INT(scoreboard_ready(httpd), 2);
}

/* A Python process gets two at once, though it serves one after the other. */
TEST(forced_concurrency_is_what_a_process_gets)
{
    httpd_t *httpd = serve("python", "PassengerMaxPoolSize 1\n",
                           "PassengerForceMaxConcurrentRequestsPerProcess 2\n");
    http_running_t *visitors[3];

    for (int i = 0; i < 3; i++) {
        visitors[i] = http_begin(
            &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});
    }
    WAIT_UNTIL(scoreboard_running_slots(httpd) == 2);
    WAIT_UNTIL(scoreboard_queued(httpd) == 1);
    app_release(httpd, "go");
    for (int i = 0; i < 3; i++) {
        CHECK_INT(http_end(visitors[i])->status, 200);
    }
}

/* An app that takes any number of requests shows no queue. */
TEST_DEADLINE(busy_node_app_gets_another_process, 60)
{
    httpd_t *httpd =
        serve("node", "PassengerMaxPoolSize 6\n", "PassengerMaxInstances 2\n");
    http_load_t *load;
    int ok;

    http_get_body(200, "%s/hello", httpd->url);
    load = http_load_start(test_format("%s/burn/20", httpd->url), 8);
    WAIT_UNTIL_FOR(scoreboard_ready(httpd) == 2, 30);
    CHECK_INT(scoreboard_ready(httpd), 2);
    ok = http_load_look(load).ok;
    WAIT_UNTIL(http_load_look(load).ok > ok + 50);
    CHECK_INT(scoreboard_ready(httpd), 2);
    CHECK_INT(http_load_stop(load).other, 0);
}
