/* SPDX-License-Identifier: Apache-2.0 */

/* An app that cannot be started, or misbehaves: who made the error learns what
 * it was from the log, and in development from the page; others only its id. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "scoreboard_view.h"
#include "tenants.h"
#include "test.h"

/* The first request gets 500 with an id; the log has the id and the culprit. */
static void fails_naming(const char *app, const httpd_config_t *config,
                         const char *file, const char *content,
                         const char *culprit)
{
    httpd_t *httpd;
    const http_response_t *answer;

    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    app_copy(app, "www");
    if (file) {
        test_file(test_format("www/%s", file), content);
    }
    httpd = httpd_start(config);
    answer = http_get("%s/", httpd->url);
    CHECK_INT(answer->status, 500);
    CHECK_LACKS(answer->body, culprit);
    httpd_await_log(httpd, culprit);
}

static const httpd_config_t plain;

TEST(ruby_syntax_error_is_named)
{
    app_require("ruby");
    fails_naming("ruby", &plain, "config.ru", "run(lambda { |env| [200, ]\n",
                 "syntax error");
}

TEST(python_syntax_error_is_named)
{
    app_require("python3");
    fails_naming("python", &plain, "passenger_wsgi.py", "def application(:\n",
                 "SyntaxError");
}

TEST(node_syntax_error_is_named)
{
    app_require("node");
    fails_naming("node", &plain, "app.js", "const = 1;\n", "SyntaxError");
}

TEST(missing_gem_is_named)
{
    app_require("ruby");
    fails_naming("ruby", &plain, "config.ru", "require 'no_such_gem'\n",
                 "no_such_gem");
}

TEST(missing_python_package_is_named)
{
    app_require("python3");
    fails_naming("python", &plain, "passenger_wsgi.py",
                 "import no_such_package\n", "no_such_package");
}

TEST(missing_node_package_is_named)
{
    app_require("node");
    fails_naming("node", &plain, "app.js", "require('no-such-package');\n",
                 "no-such-package");
}

TEST(missing_interpreter_is_named)
{
    httpd_config_t config = {.vhost_config = "PassengerRuby /no/such/ruby\n"};

    fails_naming("ruby", &config, NULL, NULL, "/no/such/ruby");
}

/* Visitors get an id, which the log has, too; who develops sees what is missing. */
TEST(app_that_is_not_there_is_explained_in_development)
{
    httpd_config_t config = {.vhost_config =
                                 test_format("PassengerAppRoot %s/none\n"
                                             "<Location /dev>\n"
                                             "PassengerAppEnv development\n"
                                             "</Location>\n",
                                             test_dir())};
    httpd_t *httpd = httpd_start(&config);
    const char *page, *id;

    httpd_allow_log("PSG0030");
    page = http_get_body(500, "%s/dev/x", httpd->url);
    CHECK_CONTAINS(page, "No app can be served here: PassengerAppRoot is ");
    CHECK_CONTAINS(page, "passenger_wsgi.py");
    page = http_get_body(500, "%s/x", httpd->url);
    CHECK_LACKS(page, "PassengerAppRoot");
    id = strstr(page, "Error id: <code>");
    CHECK(id != NULL);
    httpd_await_log(httpd, test_format("error id %.8s", strchr(id, '>') + 1));
}

TEST(missing_startup_file_is_named)
{
    httpd_config_t config = {.vhost_config =
                                 "PassengerAppType ruby\n"
                                 "PassengerStartupFile no_such.ru\n"};

    fails_naming("ruby", &config, NULL, NULL, "no_such.ru");
}

TEST(missing_wsgi_callable_is_named)
{
    app_require("python3");
    fails_naming("python", &plain, "passenger_wsgi.py", "app = 1\n",
                 "does not define 'application'");
}

TEST(output_and_exit_status_of_failed_start_are_logged)
{
    app_require("python3");
    fails_naming("python", &plain, "passenger_wsgi.py",
                 "import os\nprint('last words')\nos._exit(7)\n",
                 "exit status 7");
    CHECK_INT(
        test_shell(NULL, "grep -q 'last words' '%s/error.log'", test_dir()), 0);
}

TEST(signal_of_failed_start_is_logged)
{
    app_require("python3");
    fails_naming("python", &plain, "passenger_wsgi.py",
                 "import os\nos.kill(os.getpid(), 11)\n", "signal 11");
}

TEST(start_timeout_is_named)
{
    httpd_config_t config = {.vhost_config = "PassengerStartTimeout 1\n"};

    app_require("python3");
    fails_naming("python", &config, "passenger_wsgi.py",
                 "import time\ntime.sleep(1000)\n", "start timeout");
}

TEST(folder_without_permission_is_named)
{
    httpd_t *httpd;

    app_require("ruby");
    if (getuid() != 0) {
        SKIP("needs root: a user may always enter its own folders again");
    }
    httpd_allow_log("passenger:error");
    httpd_allow_log("PSG");
    app_copy("ruby", "closed/www");
    test_shell(NULL, "mkdir '%s/closed/www/tmp'; chmod 700 '%s/closed'",
               test_dir(), test_dir());
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config =
            test_format("PassengerAppRoot \"%s/closed/www\"\n", test_dir())});
    CHECK(http_get("%s/", httpd->url)->status >= 403);
    httpd_await_log(httpd, test_format("%s/closed", test_dir()));
}

/* httpd may pass the folder, but the app's user may not. */
TEST(folder_closed_to_the_apps_user_is_named)
{
    httpd_t *httpd;
    const http_response_t *answer;

    tenants_create();
    app_require("python3");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    app_copy("python", "closed/www");
    test_shell(NULL,
               "cd '%s' && chown -R psgalice closed/www && chgrp %s closed && "
               "chmod 710 closed",
               test_dir(), httpd_user());
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config =
            test_format("PassengerAppRoot \"%s/closed/www\"\n", test_dir())});
    answer = http_get("%s/", httpd->url);
    CHECK_INT(answer->status, 500);
    CHECK_LACKS(answer->body, "closed");
    httpd_await_log(httpd, test_format("'%s/closed'", test_dir()));
    CHECK_CONTAINS(httpd_log(httpd), "psgalice");
}

TEST(unknown_user_is_named)
{
    httpd_config_t config = {.server_config =
                                 "PassengerDefaultUser psgnobody\n"};

    if (getuid() != 0) {
        SKIP("needs root: a plain user runs every app as itself");
    }
    fails_naming("ruby", &config, NULL, NULL, "psgnobody");
}

TEST(missing_program_of_a_start_command_is_named)
{
    httpd_config_t config = {.vhost_config = "PassengerAppStartCommand "
                                             "\"no-such-program --port\"\n"};

    fails_naming("raw", &config, NULL, NULL, "no-such-program");
}

TEST(program_that_does_not_listen_is_named)
{
    httpd_config_t config = {.vhost_config = "PassengerStartTimeout 1\n"
                                             "PassengerAppStartCommand "
                                             "\"sleep 1000\"\n"};

    fails_naming("raw", &config, NULL, NULL, "sleep 1000");
}

/* One start is tried for all of them, and all are told. */
TEST(everybody_who_waits_learns_of_the_failure)
{
    enum {
        VISITORS = 20
    };
    http_running_t *visitors[VISITORS];
    const char *starts;
    httpd_t *httpd;
    int i;

    app_require("python3");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/passenger_wsgi.py",
              "import os, time\n"
              "while not os.path.exists('go'): time.sleep(0.01)\n"
              "raise Exception('broken')\n");
    httpd = httpd_start(&plain);
    for (i = 0; i < VISITORS; i++) {
        visitors[i] = http_begin(&(http_request_t){.url = httpd->url});
    }
    WAIT_UNTIL(scoreboard_queued(httpd) == VISITORS);
    app_release(httpd, "go");
    for (i = 0; i < VISITORS; i++) {
        const http_response_t *answer = http_end(visitors[i]);

        CHECK_INT(answer->status, 500);
        CHECK_CONTAINS(answer->body, "Error id");
    }
    test_shell(&starts, "grep -c PSG2130 '%s' | tr -d '\\n'", httpd->error_log);
    CHECK_STR(starts, "1");
}

/* Nothing an app prints can look like a line of somebody else, or change the
 * terminal of who reads the log. */
TEST(words_of_an_app_are_harmless_in_log_and_page)
{
    httpd_t *httpd;
    const char *body;

    app_require("python3");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/passenger_wsgi.py",
              "print('\\x1b[31m<script>\\r[forged] \\x00\\x9b')\n"
              "raise Exception('</pre>\\x1b[32m\\n[forged] line')\n");
    httpd = httpd_start(
        &(httpd_config_t){.vhost_config = "PassengerAppEnv development\n"});
    body = http_get("%s/", httpd->url)->body;
    CHECK_CONTAINS(body, "&lt;/pre&gt;");
    CHECK_CONTAINS(body, "&lt;script&gt;");
    CHECK_LACKS(body, "<script>");
    CHECK_LACKS(body, "\x1b");
    CHECK_LACKS(httpd_log(httpd), "\x1b");
    CHECK_LACKS(httpd_log(httpd), "\r");
    CHECK_LACKS(httpd_log(httpd), "\n[forged]");
}

TEST(failed_head_request_has_no_body)
{
    httpd_t *httpd;
    const http_response_t *answer;

    app_require("ruby");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/config.ru", "raise 'broken'\n");
    httpd = httpd_start(&plain);
    answer =
        http_request(&(http_request_t){.url = httpd->url, .method = "HEAD"});
    CHECK_INT(answer->status, 500);
    CHECK_INT(answer->body_len, 0);
    CHECK_STR(answer->error, NULL);
}

TEST(page_has_an_id_that_the_log_has)
{
    httpd_t *httpd;
    const char *id, *body;

    app_require("ruby");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/config.ru", "raise 'broken on purpose'\n");
    httpd = httpd_start(&plain);
    body = http_get("%s/", httpd->url)->body;
    CHECK_LACKS(body, "broken on purpose");
    CHECK_INT(test_shell(&id,
                         "grep -o 'error id [0-9a-zA-Z-]*' '%s' "
                         "| head -n1 | cut -d' ' -f3 | tr -d '\\n'",
                         httpd->error_log),
              0);
    CHECK(strlen(id) >= 4);
    CHECK_CONTAINS(body, id);
}

TEST(development_page_shows_the_error)
{
    httpd_t *httpd;
    const http_response_t *answer;

    app_require("ruby");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/config.ru", "raise 'broken <on> purpose'\n");
    httpd = httpd_start(
        &(httpd_config_t){.vhost_config = "PassengerAppEnv development\n"});
    answer = http_get("%s/", httpd->url);
    CHECK_INT(answer->status, 500);
    CHECK_CONTAINS(answer->body, "broken &lt;on&gt; purpose");
}

/* Others may need the processor, so the fastest answer tells most. */
static double fastest_of(const httpd_t *httpd, int count)
{
    double fastest = 1000;

    for (int i = 0; i < count; i++) {
        const http_response_t *answer = http_get("%s/", httpd->url);

        if (answer->status == 503 && answer->seconds < fastest) {
            fastest = answer->seconds;
        }
    }
    return fastest;
}

/* The module knows it from memory: nobody is asked, nobody waits. */
TEST(failing_app_is_answered_503_at_once_until_it_is_tried_again)
{
    const http_response_t *answer;
    const char *starts;
    httpd_t *httpd;

    app_require("python3");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/passenger_wsgi.py", "raise Exception('broken')\n");
    httpd = httpd_start(&plain);
    CHECK_INT(http_get("%s/", httpd->url)->status, 500);
    WAIT_UNTIL((answer = http_get("%s/", httpd->url))->status == 503);
    CHECK(atoi(http_header(answer, "Retry-After")) >= 1);
    CHECK_CONTAINS(answer->body, "Error id");
    CHECK_LACKS(answer->body, "broken");
    CHECK(fastest_of(httpd, 20) < 0.005);
    test_shell(&starts, "grep -c PSG2130 '%s' | tr -d '\\n'", httpd->error_log);
    CHECK(atoi(starts) <= 2);
    WAIT_UNTIL(http_get("%s/", httpd->url)->status == 500); /* tried again */
}

TEST(development_page_of_a_failing_app_shows_the_error_again)
{
    const http_response_t *answer;
    httpd_t *httpd;

    app_require("python3");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/passenger_wsgi.py", "raise Exception('on purpose')\n");
    httpd = httpd_start(
        &(httpd_config_t){.vhost_config = "PassengerAppEnv development\n"});
    http_get("%s/", httpd->url);
    WAIT_UNTIL((answer = http_get("%s/", httpd->url))->status == 503);
    CHECK_CONTAINS(answer->body, "Exception: on purpose");
    CHECK(http_header(answer, "Retry-After") != NULL);
}

/* It is tried again after some seconds, and then all is well. */
TEST(repaired_app_is_served)
{
    httpd_t *httpd;

    app_require("ruby");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/config.ru", "raise 'broken'\n");
    httpd = httpd_start(&plain);
    CHECK_INT(http_get("%s/", httpd->url)->status, 500);
    app_copy("ruby", "www");
    WAIT_UNTIL_FOR(http_get("%s/hello", httpd->url)->status == 200, 20);
}

TEST(full_queue_is_503_with_retry_after)
{
    httpd_t *httpd = app_serve(
        "ruby",
        &(httpd_config_t){.server_config = "PassengerMaxPoolSize 1\n",
                          .vhost_config = "PassengerMaxRequestQueueSize 1\n"});
    http_request_t wait = {.url = test_format("%s/wait/go", httpd->url)};
    http_running_t *first, *second;
    const http_response_t *answer;

    httpd_allow_log("passenger:error");
    httpd_allow_log("PSG");
    http_get_body(200, "%s/hello", httpd->url);
    first = http_begin(&wait);
    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    second = http_begin(&wait);
    WAIT_UNTIL(scoreboard_queued(httpd) == 1);
    answer = http_get("%s/hello", httpd->url);
    CHECK_INT(answer->status, 503);
    CHECK(http_header(answer, "Retry-After") != NULL);
    app_release(httpd, "go");
    CHECK_INT(http_end(first)->status, 200);
    CHECK_INT(http_end(second)->status, 200);
}

EACH_LANGUAGE(exception_in_the_app_is_an_error)
{
    httpd_t *httpd = app_serve(language, NULL);
    int status;

    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    status = http_get("%s/raise", httpd->url)->status;
    /* Node.js ends a process that does not catch it */
    CHECK_INT(status, strcmp(language, "node") == 0 ? 502 : 500);
    httpd_await_log(httpd, "raised on purpose");
    http_get_body(200, "%s/hello", httpd->url);
}
