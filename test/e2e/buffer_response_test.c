/* SPDX-License-Identifier: Apache-2.0 */

/* PassengerBufferResponse: an answer is received whole before the visitor gets
 * any of it. test/apps/raw sends what the test wrote. */
#include <string.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "raw_socket.h"
#include "scoreboard_view.h"
#include "test.h"

enum {
    LONG = 1 << 20, /* more than is kept in memory */
};

static httpd_t *serve_raw(const char *lines)
{
    return app_serve("raw", &(httpd_config_t){.vhost_config = test_format(
                                                  "PassengerBufferResponse on\n"
                                                  "PassengerAppStartCommand "
                                                  "\"python3 server.py\"\n%s",
                                                  lines)});
}

static void write_answer(const char *name, const char *head, size_t len)
{
    char *body = apr_palloc(test_pool(), len + 1);

    memset(body, 'x', len);
    body[len] = '\0';
    test_file(test_format("www/answers/%s", name),
              test_format("HTTP/1.1 200 OK\r\n%s\r\n\r\n%s", head, body));
}

/* What the app sends in two pieces, as one. */
static void is_collected(httpd_t *httpd, const char *url, int version)
{
    const char *go = test_format("go%d", version);
    http_running_t *collected = http_begin(
        &(http_request_t){.url = test_format("%s/pieces/%s/collected", url, go),
                          .version = version});
    int other = raw_connect(httpd->port);
    const http_response_t *answer;

    test_file(test_format("www/%s/x", go), "");
    raw_send(other, test_format("GET /pieces/%s/passed HTTP/1.1\r\n"
                                "Host: a\r\nConnection: close\r\n\r\n",
                                go));
    CHECK_CONTAINS(raw_read_until(other, "one\n"), "one\n");
    WAIT_UNTIL(scoreboard_busy(httpd) == 2);
    app_release(httpd, test_format("%s/collected", go));
    app_release(httpd, test_format("%s/passed", go));
    CHECK_CONTAINS(raw_read_until(other, NULL), "two\n");
    close(other);
    answer = http_end(collected);
    CHECK_INT(answer->status, 200);
    CHECK_STR(http_header(answer, "Content-Length"), "8");
    CHECK_STR(answer->body, "one\ntwo\n");
}

TEST(collected_answer_comes_whole_over_each_protocol)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.tls = 1,
                          .http2 = 1,
                          .server_config = "PassengerMaxPoolSize 2\n"
                                           "PassengerMinInstances 2\n",
                          .vhost_config = "<LocationMatch collected>\n"
                                          "PassengerBufferResponse on\n"
                                          "</LocationMatch>\n"});

    is_collected(httpd, httpd->url, 11);
    is_collected(httpd, httpd->tls_url, 20);
}

TEST(long_collected_answer_has_a_length)
{
    httpd_t *httpd;
    const http_response_t *answer;

    write_answer("long", "Connection: close", LONG);
    httpd = serve_raw("");
    answer = http_get("%s/long", httpd->url);
    CHECK_INT(answer->status, 200);
    CHECK_STR(http_header(answer, "Content-Length"), test_format("%d", LONG));
    CHECK_INT(answer->body_len, LONG);
    CHECK_INT(strspn(answer->body, "x"), LONG);
}

TEST(collected_answer_that_breaks_off_is_502)
{
    static const struct {
        const char *head;
        size_t len;
    } cut[] = {
        {"Content-Length: 5", 4},
        {"Content-Length: 1048577", LONG},
        {"Transfer-Encoding: chunked", 0},
        {"Transfer-Encoding: chunked", LONG}, /* no chunk at all */
        {"X-Secret: y\r\nContent-Encoding: gzip\r\nContent-Length: 9", 8},
    };
    httpd_t *httpd = NULL;

    httpd_expect_log("PSG0109");
    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        const http_response_t *answer;

        write_answer("cut", cut[i].head, cut[i].len);
        httpd = httpd ? httpd : serve_raw("");
        answer = http_get("%s/cut", httpd->url);
        CHECK_INT(answer->status, 502);
        CHECK_STR(answer->error, NULL);
        CHECK_LACKS(answer->body, "xxx");
        CHECK_STR(http_header(answer, "X-Secret"), NULL);
        CHECK_STR(http_header(answer, "Content-Encoding"), NULL);
    }
}

TEST(errors_of_a_collected_answer_are_the_apps)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.vhost_config = "PassengerBufferResponse on\n"});
    const http_response_t *answer = http_get("%s/status/503", httpd->url);

    CHECK_INT(answer->status, 503);
    CHECK_STR(answer->body, "status 503");
    CHECK_INT(http_get("%s/status/204", httpd->url)->status, 204);
    answer = http_request(&(http_request_t){
        .url = test_format("%s/size/99", httpd->url), .method = "HEAD"});
    CHECK_STR(http_header(answer, "Content-Length"), "99");
}

/* The limit is the same as without: here it is memory, since there is no file. */
TEST(answer_that_cannot_be_collected_is_passed_on)
{
    httpd_t *httpd;
    const http_response_t *answer;

    httpd_expect_log("PSG0122");
    httpd = app_serve(
        "python", &(httpd_config_t){
                      .server_config = test_format(
                          "PassengerDataBufferDir \"%s.gone\"\n", test_dir()),
                      .vhost_config = "PassengerBufferResponse on\n"});
    answer = http_get("%s/size/3000000", httpd->url);
    CHECK_INT(answer->status, 200);
    CHECK_INT(answer->body_len, 3000000);
    CHECK(app_is_pattern(answer->body, answer->body_len));
}

TEST(visitor_who_leaves_a_collected_answer_is_noticed)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.vhost_config = "PassengerBufferResponse on\n"});
    int fd;

    httpd_allow_log("PSG0105");
    http_get_body(200, "%s/hello", httpd->url);
    fd = raw_connect(httpd->port);
    raw_send(fd, "GET /pieces/go HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    close(fd);
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
    app_release(httpd, "go");
    http_get_body(200, "%s/hello", httpd->url);
}
