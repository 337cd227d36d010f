/* SPDX-License-Identifier: Apache-2.0 */

/* Answers that are not HTTP cost a 502, or a visible cut where the head is on
 * its way already. test/apps/raw sends what the test wrote. */
#include <stdlib.h>
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

static httpd_t *serve_raw(const char *content)
{
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/answers/answer", content);
    test_file("www/answers/good", "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                                  "Content-Length: 4\r\n\r\ngood");
    return app_serve("raw", &(httpd_config_t){.vhost_config =
                                                  "PassengerAppStartCommand "
                                                  "\"python3 server.py\"\n"});
}

static void is_502(const char *content)
{
    httpd_t *httpd = serve_raw(content);

    CHECK_INT(http_get("%s/answer", httpd->url)->status, 502);
    CHECK_STR(http_get_body(200, "%s/good", httpd->url), "good");
    CHECK_INT(
        test_shell(NULL, "grep -q 'passenger:error' '%s'", httpd->error_log),
        0);
}

TEST(good_answer_is_passed)
{
    httpd_t *httpd = serve_raw("HTTP/1.1 203 My Reason\r\nX-Own: yes\r\n"
                               "Connection: close\r\n\r\nuntil the end");
    const http_response_t *answer = http_get("%s/answer", httpd->url);

    CHECK_INT(answer->status, 203);
    CHECK_CONTAINS(answer->head, "203 My Reason");
    CHECK_STR(http_header(answer, "X-Own"), "yes");
    CHECK_STR(answer->body, "until the end");
}

TEST(interim_answers_are_skipped)
{
    httpd_t *httpd =
        serve_raw("HTTP/1.1 102 Processing\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

    CHECK_STR(http_get_body(200, "%s/answer", httpd->url), "ok");
}

/* An answer no visitor may see, by a name for the test's report. */
typedef struct {
    const char *name, *content;
} bad_answer_t;

static void each_is_502(const bad_answer_t *bad, size_t count)
{
    httpd_t *httpd = serve_raw("");
    const char *lines;
    size_t i;

    for (i = 0; i < count; i++) {
        const http_response_t *answer;

        test_file("www/answers/bad", bad[i].content);
        answer = http_get("%s/bad", httpd->url);
        if (answer->status != 502 || strstr(answer->body, "secret")) {
            FAIL("%s: %s%s", bad[i].name, answer->head, answer->body);
        }
        CHECK_STR(http_get_body(200, "%s/good", httpd->url), "good");
    }
    CHECK_INT(test_shell(&lines, "grep -c PSG0109 '%s'", httpd->error_log), 0);
    CHECK_INT(atoi(lines), count);
}

#define OK "HTTP/1.1 200 OK\r\n"
#define END "Content-Length: 6\r\n\r\nsecret"

TEST(malformed_status_line_is_502)
{
    static const bad_answer_t bad[] = {
        {"nothing", ""},
        {"not HTTP", "secret, not HTTP\r\n\r\n"},
        {"HTTP/0.9", "<html>secret</html>"},
        {"header first", "Status: 200\r\n" END},
        {"version 2", "HTTP/2 200 OK\r\n" END},
        {"version 1.2", "HTTP/1.2 200 OK\r\n" END},
        {"lower case", "http/1.1 200 OK\r\n" END},
        {"no status", "HTTP/1.1\r\n" END},
        {"status 099", "HTTP/1.1 099 OK\r\n" END},
        {"status 1000", "HTTP/1.1 1000 OK\r\n" END},
        {"status 20x", "HTTP/1.1 20x OK\r\n" END},
        {"status -200", "HTTP/1.1 -200 OK\r\n" END},
        {"two blanks", "HTTP/1.1  200 OK\r\n" END},
        {"blank first", " HTTP/1.1 200 OK\r\n" END},
        {"empty line first", "\r\n" OK END},
        {"control in reason", "HTTP/1.1 200 O\001K\r\n" END},
        {"bare CR in reason", "HTTP/1.1 200 O\rX-A: b\r\n" END},
        {"half a line", "HTTP/1.1 200"},
        {"101 unasked", "HTTP/1.1 101 Switching Protocols\r\n"
                        "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n"
                        "secret"},
        {"only interim", "HTTP/1.1 100 Continue\r\n\r\n"},
    };

    each_is_502(bad, sizeof(bad) / sizeof(bad[0]));
}

TEST(malformed_header_is_502)
{
    static const bad_answer_t bad[] = {
        {"half a head", OK "Content-Le"},
        {"blank in name", OK "Bad Name: x\r\n" END},
        {"blank behind name", OK "X-A : b\r\n" END},
        {"tab in name", OK "X\tA: b\r\n" END},
        {"empty name", OK ": b\r\n" END},
        {"no colon", OK "X-A\r\n" END},
        {"8-bit name", OK "X-\xe4: b\r\n" END},
        {"folded line", OK "X-A: b\r\n c\r\n" END},
        {"fold first", OK " X-A: b\r\n" END},
        {"bare CR in value", OK "X-A: b\rSet-Cookie: c\r\n" END},
        {"control in value", OK "X-A: b\001\r\n" END},
        {"DEL in value", OK "X-A: b\177\r\n" END},
        {"two status lines", OK OK END},
    };

    each_is_502(bad, sizeof(bad) / sizeof(bad[0]));
}

TEST(ambiguous_length_is_502)
{
    static const bad_answer_t bad[] = {
        {"two lengths", OK "Content-Length: 3\r\n" END},
        {"list of lengths", OK "Content-Length: 6, 7\r\n\r\nsecret"},
        {"empty length", OK "Content-Length:\r\n\r\nsecret"},
        {"signed length", OK "Content-Length: +6\r\n\r\nsecret"},
        {"negative length", OK "Content-Length: -6\r\n\r\nsecret"},
        {"hexadecimal", OK "Content-Length: 0x6\r\n\r\nsecret"},
        {"junk behind", OK "Content-Length: 6 secret\r\n\r\nsecret"},
        {"too large", OK "Content-Length: 99999999999999999999\r\n\r\nsecret"},
        {"2 to the 63", OK "Content-Length: 9223372036854775808\r\n\r\nsecret"},
        {"length and chunked",
         OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
        {"unknown coding", OK "Transfer-Encoding: gzip\r\n\r\nsecret"},
        {"chunked twice",
         OK "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
        {"chunked not last",
         OK "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
        {"empty member", OK "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"},
        {"quoted", OK "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
        {"vertical tab", OK "Transfer-Encoding: \013chunked\r\n\r\n0\r\n\r\n"},
    };

    each_is_502(bad, sizeof(bad) / sizeof(bad[0]));
}

/* 1xx answers may come before the real one, but not for ever. */
TEST(endless_interim_answers_are_502)
{
    const char *content = "";
    bad_answer_t bad = {"interim", NULL};
    int i;

    for (i = 0; i < 100; i++) {
        content = test_format("%sHTTP/1.1 102 Processing\r\n\r\n", content);
    }
    bad.content = test_format("%s" OK END, content);
    each_is_502(&bad, 1);
}

TEST(ten_thousand_headers_are_502)
{
    static const char header[] = "A: b\r\n";
    const size_t len = 10000 * (sizeof(header) - 1);
    char *head = apr_pcalloc(test_pool(), len + 1), *at;
    bad_answer_t bad = {"many headers", NULL};

    for (at = head; at < head + len; at += sizeof(header) - 1) {
        memcpy(at, header, sizeof(header) - 1);
    }
    bad.content = test_format(OK "%s" END, head);
    each_is_502(&bad, 1);
}

/* What an app says with these headers is for visitors, never for httpd. */
TEST(headers_of_an_app_command_nothing)
{
    httpd_t *httpd = serve_raw(OK "Content-Type: application/x-httpd-php\r\n"
                                  "X-Sendfile: /etc/passwd\r\n"
                                  "X-Accel-Redirect: /good\r\n"
                                  "Location: /good\r\n"
                                  "Status: 404 Not Found\r\n"
                                  "Content-Length: 4\r\n\r\nbody");
    const http_response_t *answer = http_get("%s/answer", httpd->url);

    CHECK_INT(answer->status, 200);
    CHECK_STR(answer->body, "body");
    CHECK_STR(http_header(answer, "Location"), "/good");
    CHECK_STR(http_header(answer, "Content-Type"), "application/x-httpd-php");
}

TEST(headers_of_the_apps_connection_stay_there)
{
    httpd_t *httpd = serve_raw(OK "Connection: close, X-Own\r\n"
                                  "X-Own: 1\r\n"
                                  "Keep-Alive: timeout=5\r\n"
                                  "Proxy-Authenticate: Basic\r\n"
                                  "Upgrade: h2c\r\n"
                                  "Content-Length: 4\r\n\r\nbody");
    const http_response_t *answer = http_get("%s/answer", httpd->url);

    CHECK_STR(answer->body, "body");
    CHECK_STR(http_header(answer, "X-Own"), NULL);
    CHECK_STR(http_header(answer, "Upgrade"), NULL);
    CHECK_STR(http_header(answer, "Proxy-Authenticate"), NULL);
}

TEST(overlong_head_is_502)
{
    char *head = apr_pcalloc(test_pool(), 70001);

    memset(head, 'a', 70000);
    is_502(test_format("HTTP/1.1 200 OK\r\nX-Long: %s\r\n\r\n", head));
}

/* The client must never take a part for the whole. */
static void is_cut(const char *content)
{
    httpd_t *httpd = serve_raw(content);
    const http_response_t *answer = http_get("%s/answer", httpd->url);

    CHECK(answer->error != NULL || answer->status == 502);
    CHECK_STR(http_get_body(200, "%s/good", httpd->url), "good");
}

TEST(body_shorter_than_its_length_is_cut)
{
    is_cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
}

TEST(chunked_body_without_end_is_cut)
{
    is_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           "5\r\nhello\r\n");
}

TEST(malformed_chunk_is_cut)
{
    is_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           "5\r\nhello\r\nzz\r\n");
}

TEST(large_body_that_ends_early_is_cut)
{
    char *body = apr_pcalloc(test_pool(), 300001);

    memset(body, 'a', 300000);
    is_cut(test_format("HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n%s",
                       body));
}

TEST(bytes_behind_the_body_are_not_sent)
{
    httpd_t *httpd = serve_raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
                               "okHTTP/1.1 200 OK\r\n\r\nsmuggled");

    CHECK_STR(http_get_body(200, "%s/answer", httpd->url), "ok");
    CHECK_STR(http_get_body(200, "%s/good", httpd->url), "good");
}

TEST(process_that_dies_in_mid_request_is_502)
{
    httpd_t *httpd = serve_raw("");

    CHECK_INT(http_get("%s/die", httpd->url)->status, 502);
    CHECK_STR(http_get_body(200, "%s/good", httpd->url), "good");
}
