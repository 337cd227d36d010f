/* SPDX-License-Identifier: Apache-2.0 */

/* A visitor with the cookie of PassengerStickySessions comes back to the process
 * he had. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "test.h"

enum {
    PROCESSES = 3,
    REQUESTS = 40
};

static httpd_t *serve(const char *lines)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.tls = 1,
                          .server_config = "PassengerMaxPoolSize 3\n"
                                           "PassengerMinInstances 3\n",
                          .vhost_config = test_format(
                              "PassengerStickySessions on\n%s", lines)});

    http_get_body(200, "%s/hello", httpd->url);
    WAIT_UNTIL(scoreboard_ready(httpd) == PROCESSES);
    return httpd;
}

/* "name=value" of the cookie that an answer sets. */
static const char *cookie_of(const http_response_t *answer)
{
    const char *header = http_header(answer, "Set-Cookie");

    CHECK(header != NULL);
    return test_format("%.*s", (int)strcspn(header, ";"), header);
}

static const http_response_t *get(const httpd_t *httpd, const char *path,
                                  const char *cookie)
{
    const http_response_t *answer = http_request(&(http_request_t){
        .url = test_format("%s%s", httpd->url, path),
        .headers = (const char *[]){test_format("Cookie: %s", cookie), NULL}});

    CHECK_INT(answer->status, 200);
    return answer;
}

static pid_t pid_of(const http_response_t *answer)
{
    return (pid_t)strtol(answer->body, NULL, 10);
}

TEST(visitor_with_the_cookie_comes_back_to_his_process)
{
    httpd_t *httpd = serve("");
    const http_response_t *first = http_get("%s/pid", httpd->url), *again;
    const char *cookie = test_format("a=1; %s; b=2", cookie_of(first));
    http_load_t *others =
        http_load_start(test_format("%s/burn/2", httpd->url), 6);
    http_load_result_t result;

    for (int i = 0; i < REQUESTS; i++) {
        again = get(httpd, "/pid", cookie);
        CHECK_STR(again->body, first->body);
        CHECK(http_header(again, "Set-Cookie") == NULL);
    }
    result = http_load_stop(others);
    CHECK(result.ok > 0);
    CHECK_INT(result.failed + result.other, 0);
}

TEST(busy_process_is_waited_for_and_others_are_served)
{
    httpd_t *httpd = serve("");
    const http_response_t *first = http_get("%s/pid", httpd->url);
    const char *cookie = cookie_of(first);
    const char *headers[] = {test_format("Cookie: %s", cookie), NULL};
    http_running_t *holds = http_begin(&(http_request_t){
        .url = test_format("%s/wait/go", httpd->url), .headers = headers});
    http_running_t *waits;

    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    waits = http_begin(&(http_request_t){
        .url = test_format("%s/pid", httpd->url), .headers = headers});
    WAIT_UNTIL(scoreboard_queued(httpd) == 1);
    for (int i = 0; i < REQUESTS; i++) {
        CHECK(app_pid(httpd) != pid_of(first));
    }
    CHECK(!http_is_done(waits));
    CHECK_INT(scoreboard_ready(httpd), PROCESSES);
    app_release(httpd, "go");
    CHECK_INT(http_end(holds)->status, 200);
    CHECK_STR(http_end(waits)->body, first->body);
}

TEST(visitor_of_a_killed_process_gets_another_and_its_cookie)
{
    httpd_t *httpd = serve("");
    const http_response_t *first = http_get("%s/pid", httpd->url), *next;
    const char *cookie = cookie_of(first);

    httpd_allow_log("PSG");
    kill(pid_of(first), SIGKILL);
    next = get(httpd, "/pid", cookie);
    CHECK(strcmp(next->body, first->body) != 0);
    CHECK(strcmp(cookie_of(next), cookie) != 0);
    CHECK_STR(get(httpd, "/pid", cookie_of(next))->body, next->body);
}

TEST(restarted_app_gives_new_cookies)
{
    httpd_t *httpd = serve("");
    const http_response_t *first = http_get("%s/pid", httpd->url), *next;
    const char *cookie = cookie_of(first);

    test_file("www/tmp/restart.txt", "");
    WAIT_UNTIL(!process_is_alive(pid_of(first)));
    next = get(httpd, "/pid", cookie);
    CHECK(strcmp(next->body, first->body) != 0);
    CHECK(strcmp(cookie_of(next), cookie) != 0);
}

TEST(sticky_ids_outlive_the_core)
{
    httpd_t *httpd = serve("");
    const http_response_t *first = http_get("%s/pid", httpd->url);
    const char *cookie = cookie_of(first);
    pid_t core = httpd_core(httpd);

    httpd_allow_log("PSG");
    kill(core, SIGKILL);
    WAIT_UNTIL(scoreboard_core(httpd) != core);
    for (int i = 0; i < REQUESTS; i++) {
        CHECK_STR(get(httpd, "/pid", cookie)->body, first->body);
    }
}

TEST(sticky_cookie_is_for_plain_http_unless_there_is_tls)
{
    httpd_t *httpd = serve("");
    const char *cookie =
        http_header(http_get("%s/pid", httpd->url), "Set-Cookie");

    CHECK(strncmp(cookie, "_passenger_route=", 17) == 0);
    CHECK_CONTAINS(cookie, "; Path=/; SameSite=Lax; HttpOnly");
    CHECK(strstr(cookie, "Secure") == NULL);
    cookie = http_header(http_get("%s/pid", httpd->tls_url), "Set-Cookie");
    CHECK_CONTAINS(cookie, "; Path=/; SameSite=Lax; HttpOnly; Secure");
}

TEST(sticky_cookie_has_the_name_and_attributes_that_are_asked_for)
{
    httpd_t *httpd =
        serve("PassengerStickySessionsCookieName our.route\n"
              "PassengerStickySessionsCookieAttributes \"Max-Age=60; Secure\"\n"
              "PassengerErrorOverride on\n");
    const http_response_t *first = http_get("%s/pid", httpd->url);
    const char *cookie = cookie_of(first);

    CHECK(strncmp(cookie, "our.route=", 10) == 0);
    CHECK_STR(http_header(first, "Set-Cookie"),
              test_format("%s; Path=/; Max-Age=60; Secure", cookie));
    CHECK_STR(get(httpd, "/pid", cookie)->body, first->body);
    CHECK(http_header(http_get("%s/status/404", httpd->url), "Set-Cookie")
          != NULL);
}

TEST(sticky_cookie_is_for_the_base_uri)
{
    httpd_t *httpd;

    app_copy("python", "other");
    httpd = serve(app_below("/base", "other"));
    CHECK_CONTAINS(
        http_header(http_get("%s/base/pid", httpd->url), "Set-Cookie"),
        "; Path=/base; ");
}

TEST(hostile_sticky_cookies_do_no_harm)
{
    httpd_t *httpd = serve("LimitRequestFieldSize 65536\n");
    char *many = apr_pcalloc(test_pool(), 60001);

    for (size_t at = 0; at + 20 < 60000; at += 20) {
        memcpy(many + at, "_passenger_route=77;", 20);
    }
    CHECK(pid_of(get(httpd, "/pid", many)) > 0);
    memset(many + 17, '9', 59000);
    CHECK(pid_of(get(httpd, "/pid", many)) > 0);
    CHECK(pid_of(get(httpd, "/pid", "_passenger_route=")) > 0);
    CHECK(pid_of(get(httpd, "/pid", "_passenger_route=%00; \"")) > 0);
    CHECK(pid_of(get(httpd, "/pid", "_passenger_route=-1")) > 0);
}

TEST(there_is_no_sticky_cookie_unless_asked_for)
{
    httpd_t *httpd = app_serve("python", NULL);

    CHECK(http_header(http_get("%s/pid", httpd->url), "Set-Cookie") == NULL);
}

TEST(name_of_the_sticky_cookie_is_checked)
{
    const char *output;

    CHECK(httpd_test_config(
              &output,
              &(httpd_config_t){
                  .vhost_config =
                      "PassengerStickySessionsCookieName \"a=1; b\"\n"})
          != 0);
    CHECK_CONTAINS(output, "is no name of a cookie");
}
