/* SPDX-License-Identifier: Apache-2.0 */

/* PassengerPreStart: apps are there before anybody asks for them. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "test.h"

enum {
    PROCESSES_MAX = 16
};

/* httpd with the Python app on that port, too, and these lines in that
 * VirtualHost and in the main server. */
static httpd_t *serve(const char *mpm, int port, const char *vhost_lines,
                      const char *lines)
{
    return app_serve(
        "python",
        &(httpd_config_t){.mpm = mpm,
                          .modules = "alias",
                          .server_config = test_format(
                              "Listen 127.0.0.1:%d\n"
                              "<VirtualHost *:%d>\n"
                              "ServerName shop.example\n"
                              "ServerAlias *.shop.example\n"
                              "DocumentRoot \"%s/www/public\"\n"
                              "<Location />\n"
                              "Require all denied\n"
                              "</Location>\n"
                              "%s</VirtualHost>\n"
                              "%s",
                              port, port, test_dir(), vhost_lines, lines)});
}

static int app_processes(const httpd_t *httpd)
{
    pid_t pids[PROCESSES_MAX];

    return process_find_all(httpd_watchdog(httpd), "loader.py", pids,
                            PROCESSES_MAX);
}

static int count_in_log(const httpd_t *httpd, const char *text)
{
    int count = 0;

    for (const char *at = strstr(httpd_log(httpd), text); at;
         at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

static void check_one_starts(const char *mpm)
{
    int port = httpd_free_port();
    httpd_t *httpd =
        serve(mpm, port, "",
              test_format("PassengerPreStart http://shop.example:%d/\n", port));

    httpd_await_log(httpd, "is ready after");
    CHECK_INT(app_processes(httpd), 1);
    CHECK_INT(count_in_log(httpd, "PSG0041"), 1); /* by one child alone */
    app_pid(httpd); /* the same app in another vhost */
    CHECK_INT(app_processes(httpd), 1);
}

TEST(pre_started_app_is_there_before_any_request)
{
    check_one_starts("event");
}

TEST(pre_started_app_is_there_without_threads_too)
{
    check_one_starts("prefork");
}

TEST(pre_started_app_has_its_least_processes_and_keeps_them)
{
    int port = httpd_free_port();
    httpd_t *httpd = serve(
        NULL, port, "PassengerMinInstances 2\n",
        test_format("PassengerPreStart http://a.shop.example:%d\n", port));
    pid_t pids[PROCESSES_MAX];

    httpd_allow_log("ended by itself");
    WAIT_UNTIL(count_in_log(httpd, "is ready after") == 2);
    CHECK_INT(process_find_all(httpd_watchdog(httpd), "loader.py", pids,
                               PROCESSES_MAX),
              2);
    kill(pids[0], SIGKILL);
    WAIT_UNTIL(count_in_log(httpd, "is ready after") == 3);
    CHECK_INT(app_processes(httpd), 2);
}

TEST(pre_started_app_starts_one_process_where_none_stays)
{
    int port = httpd_free_port();
    httpd_t *httpd =
        serve(NULL, port, "PassengerMinInstances 0\n",
              test_format("PassengerPoolIdleTime 1\n"
                          "PassengerPreStart http://shop.example:%d/any\n",
                          port));

    httpd_await_log(httpd, "is ready after");
    WAIT_UNTIL(app_processes(httpd) == 0); /* idle for long */
    CHECK_INT(count_in_log(httpd, "is ready after"), 1);
}

TEST(pre_started_app_may_be_below_a_uri)
{
    int port = httpd_free_port();
    httpd_t *httpd;

    app_copy("python", "below");
    httpd = serve(
        NULL, port, app_below("/below", "below"),
        test_format("PassengerPreStart http://shop.example:%d/below/\n", port));
    httpd_await_log(httpd, "is ready after");
    CHECK_CONTAINS(httpd_log(httpd),
                   test_format("app '%s/below': process", test_dir()));
    CHECK_INT(app_processes(httpd), 1);
}

TEST(pre_started_app_may_be_behind_tls)
{
    httpd_config_t config = {.tls = 1};
    httpd_t *httpd = app_serve("python", &config);

    config.server_config = test_format(
        "PassengerPreStart https://127.0.0.1:%d/\n", httpd->tls_port);
    httpd_configure(httpd, &config);
    CHECK_INT(app_processes(httpd), 0);
    httpd_graceful(httpd);
    httpd_await_log(httpd, "is ready after");
    CHECK_INT(app_processes(httpd), 1);
}

TEST(pre_start_says_why_a_url_starts_nothing)
{
    int port = httpd_free_port();
    httpd_t *httpd;

    test_file("www/public/static.txt", "a file");
    httpd_expect_log(
        "PassengerPreStart 'nonsense' starts no app: it is no URL");
    httpd_expect_log("/static.txt' starts no app: it is the URL of a file");
    httpd_expect_log("/off/' starts no app: there is no app");
    httpd_expect_log("/gone/' starts no app: httpd itself answers it");
    httpd = serve(
        NULL, port,
        "<Location /off>\n"
        "PassengerEnabled Off\n"
        "</Location>\n"
        "Redirect /gone http://other.example/\n",
        test_format(
            "PassengerPreStart nonsense http://shop.example:%d/static.txt\n"
            "PassengerPreStart http://shop.example:%d/off/\n"
            "PassengerPreStart http://shop.example:%d/gone/\n"
            "PassengerPreStart http://shop.example:%d/\n",
            port, port, port, port));
    httpd_await_log(httpd, "is ready after"); /* the last one is right */
    CHECK_INT(count_in_log(httpd, "PSG0040"), 4);
}

TEST(pre_start_of_a_reload_starts_nothing_twice)
{
    int port = httpd_free_port();
    httpd_t *httpd =
        serve(NULL, port, "PassengerMinInstances 2\n",
              test_format("PassengerPreStart http://shop.example:%d/\n", port));

    WAIT_UNTIL(count_in_log(httpd, "is ready after") == 2);
    httpd_graceful(httpd);
    WAIT_UNTIL(count_in_log(httpd, "PSG0041") == 2);
    httpd_restart(httpd);
    WAIT_UNTIL(count_in_log(httpd, "PSG0041") == 3);
    CHECK_INT(app_processes(httpd), 2);
    CHECK_INT(count_in_log(httpd, "unused -> spawning"), 2);
}
