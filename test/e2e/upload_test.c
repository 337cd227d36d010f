/* SPDX-License-Identifier: Apache-2.0 */

/* PassengerBufferUpload off: an app reads a body while the visitor sends it, and
 * never takes one that was cut off for a complete one. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "raw_socket.h"
#include "scoreboard_view.h"
#include "test.h"

#define LENGTH "Content-Length: 10\r\n\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

static const char unbuffered[] = "PassengerBufferUpload off\n";

/* The app runs as another user, and has a file to write to. */
static httpd_t *serve_with(const char *language, const httpd_config_t *config)
{
    CHECK_INT(chmod(test_file("www/seen", ""), 0666), 0);
    return app_serve(language, config);
}

static httpd_t *serve(const char *language)
{
    httpd_t *httpd = serve_with(
        language, &(httpd_config_t){.server_config = "PassengerMaxPoolSize 1\n",
                                    .vhost_config = unbuffered});

    http_get_body(200, "%s/hello", httpd->url);
    return httpd;
}

/* Sends a request's head, up to the empty line. */
static int begin(const httpd_t *httpd, const char *line, const char *rest)
{
    int fd = raw_connect(httpd->port);

    raw_send(fd, test_format("%s HTTP/1.1\r\nHost: a\r\n%s", line, rest));
    return fd;
}

/* What the app wrote down. */
static const char *seen(const httpd_t *httpd)
{
    return test_read(test_format("%s/seen", httpd->app_root));
}

static void await_seen(const httpd_t *httpd, const char *text)
{
    WAIT_UNTIL(strcmp(seen(httpd), text) == 0);
}

/* The visitor got an answer that begins so, and the connection was closed. */
static void ends_with(int fd, const char *status)
{
    const char *answer = raw_read_until(fd, NULL);

    CHECK_CONTAINS(answer, status);
    CHECK_CONTAINS(answer, "Connection: close\r\n");
    close(fd);
}

/* The process is free again and answers. */
static void is_alive(const httpd_t *httpd)
{
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
    http_get_body(200, "%s/hello", httpd->url);
    CHECK_INT(scoreboard_running_slots(httpd), 0);
}

EACH_LANGUAGE(app_sees_a_body_while_it_comes)
{
    httpd_t *httpd = serve(language);
    int fd = begin(httpd, "POST /upload/seen", LENGTH);

    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    raw_send(fd, "12345");
    await_seen(httpd, "first 12345\n");
    raw_send(fd, "67890");
    CHECK_CONTAINS(raw_read_until(fd, "uploaded"), " 200 OK");
    CHECK_STR(seen(httpd), "first 12345\nall 10\n");
    /* The connection is of use for more. */
    raw_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\n" LENGTH "abcde");
    raw_send(fd, "fghij");
    CHECK_CONTAINS(raw_read_until(fd, "abcdefghij"), " 200 OK");
    close(fd);
    is_alive(httpd);
}

TEST(node_app_sees_a_body_of_unknown_length_while_it_comes)
{
    httpd_t *httpd = serve("node");
    int fd = begin(httpd, "POST /upload/seen", CHUNKED "5\r\n12345\r\n");

    await_seen(httpd, "first 12345\n");
    raw_send(fd, "3;x=y\r\nabc\r\n");
    raw_send(fd, "0\r\n\r\n");
    CHECK_CONTAINS(raw_read_until(fd, "uploaded"), " 200 OK");
    CHECK_STR(seen(httpd), "first 12345\nall 8\n");
    close(fd);
    is_alive(httpd);
}

TEST(ruby_and_python_get_a_body_of_unknown_length_whole)
{
    httpd_t *httpd = serve("ruby");
    int fd = begin(httpd, "POST /upload/seen", CHUNKED "5\r\n12345\r\n");

    http_get_body(200, "%s/hello", httpd->url);
    CHECK_INT(scoreboard_busy(httpd), 0);
    raw_send(fd, "1\r\n6\r\n0\r\n\r\n");
    CHECK_CONTAINS(raw_read_until(fd, "uploaded"), " 200 OK");
    CHECK_STR(seen(httpd), "first 12345\nall 6\n");
    close(fd);
}

static void is_echoed(const char *url, int version, int chunked)
{
    const http_response_t *answer = http_request(&(http_request_t){
        .url = test_format("%s/echo", url),
        .version = version,
        .body_size = 3000000,
        .chunked = chunked,
    });

    CHECK_STR(answer->error, NULL);
    CHECK_INT(answer->status, 200);
    CHECK_INT(answer->body_len, 3000000);
    CHECK(app_is_pattern(answer->body, answer->body_len));
}

EACH_LANGUAGE(long_bodies_arrive_over_each_protocol)
{
    httpd_t *httpd = app_serve(
        language,
        &(httpd_config_t){.tls = 1, .http2 = 1, .vhost_config = unbuffered});

    is_echoed(httpd->url, 11, 0);
    is_echoed(httpd->url, 11, 1);
    is_echoed(httpd->tls_url, 11, 0);
    is_echoed(httpd->tls_url, 20, 0);
    CHECK_STR(http_post(test_format("%s/echo", httpd->url), "short")->body,
              "short");
}

EACH_LANGUAGE(body_that_is_cut_off_is_an_error_for_the_app)
{
    httpd_t *httpd = serve(language);
    pid_t pid = app_pid(httpd);
    int fd = begin(httpd, "POST /upload/seen", LENGTH "12345");

    httpd_allow_log("cut off");
    httpd_allow_log("Traceback");
    await_seen(httpd, "first 12345\n");
    close(fd);
    await_seen(httpd, "first 12345\ncut\n");
    is_alive(httpd);
    CHECK_INT(app_pid(httpd), pid);
}

TEST(chunked_body_that_is_cut_off_or_wrong_is_an_error_for_the_app)
{
    httpd_t *httpd = serve("node");
    int fd = begin(httpd, "POST /upload/seen", CHUNKED "5\r\n12345\r\n");

    await_seen(httpd, "first 12345\n");
    close(fd);
    await_seen(httpd, "first 12345\ncut\n");
    fd = begin(httpd, "POST /upload/seen", CHUNKED "5\r\nabcde\r\n");
    await_seen(httpd, "first 12345\ncut\nfirst abcde\n");
    raw_send(fd, "no chunk\r\n");
    ends_with(fd, " 400 ");
    await_seen(httpd, "first 12345\ncut\nfirst abcde\ncut\n");
    is_alive(httpd);
}

TEST(visitor_who_stops_sending_is_given_up)
{
    httpd_t *httpd =
        serve_with("node", &(httpd_config_t){.server_config = "Timeout 1\n",
                                             .vhost_config = unbuffered});
    int fd = begin(httpd, "POST /upload/seen", LENGTH "12345");

    ends_with(fd, " 408 ");
    await_seen(httpd, "first 12345\ncut\n");
    is_alive(httpd);
}

TEST(limits_of_bodies_hold)
{
    httpd_t *httpd = serve_with(
        "node", &(httpd_config_t){.vhost_config = "PassengerBufferUpload off\n"
                                                  "LimitRequestBody 9\n"});
    int fd;

    http_get_body(200, "%s/hello", httpd->url);
    httpd_allow_log("LimitRequestBody");
    httpd_allow_log("AH01588");
    ends_with(begin(httpd, "POST /upload/seen", LENGTH), " 413 ");
    CHECK_STR(seen(httpd), "");
    fd = begin(httpd, "POST /upload/seen", CHUNKED "5\r\n12345\r\n");
    await_seen(httpd, "first 12345\n");
    raw_send(fd, "5\r\n67890\r\n");
    ends_with(fd, " 413 ");
    await_seen(httpd, "first 12345\ncut\n");
    is_alive(httpd);
}

EACH_LANGUAGE(answer_before_the_end_of_the_body_is_given_at_once)
{
    httpd_t *httpd = serve(language);
    int fd = begin(httpd, "POST /early", LENGTH "12345");

    ends_with(fd, "early");
    is_alive(httpd);
}

/* Also of a method that may be done twice: the body is not there any more. */
EACH_LANGUAGE(app_that_dies_of_a_body_is_answered_502)
{
    httpd_t *httpd = serve(language);
    int fd = begin(httpd, "PUT /half", LENGTH);

    httpd_expect_log("PSG0109");
    httpd_allow_log("PSG");
    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    raw_send(fd, "12345");
    ends_with(fd, " 502 ");
    is_alive(httpd);
}

TEST(visitor_who_waits_for_a_hundred_gets_it)
{
    httpd_t *httpd = serve("python");
    int fd = begin(httpd, "POST /echo", "Expect: 100-continue\r\n" LENGTH);

    CHECK_CONTAINS(raw_read_until(fd, "\r\n\r\n"), " 100 Continue");
    raw_send(fd, "1234567890");
    CHECK_CONTAINS(raw_read_until(fd, "1234567890"), " 200 OK");
    close(fd);
}

/* An app may answer what it has read before it reads more. */
TEST(answer_goes_back_while_the_body_comes)
{
    httpd_t *httpd = serve("node");
    int fd = begin(httpd, "POST /duplex", CHUNKED "3\r\none\r\n");

    CHECK_CONTAINS(raw_read_until(fd, "one\r\n"), " 200 OK");
    raw_send(fd, "3\r\ntwo\r\n");
    CHECK_STR(raw_read_until(fd, "two\r\n"), "3\r\ntwo\r\n");
    raw_send(fd, "0\r\n\r\n");
    CHECK_STR(raw_read_until(fd, "0\r\n\r\n"), "0\r\n\r\n");
    raw_send(fd, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_CONTAINS(raw_read_until(fd, "hello from node"), " 200 OK");
    close(fd);
    is_alive(httpd);
}

/* Such an answer must not look complete if it is not. */
TEST(broken_answer_to_half_a_body_is_seen_to_be_broken)
{
    httpd_t *httpd = serve("node");
    pid_t pid = app_pid(httpd);
    int fd = begin(httpd, "POST /duplex", CHUNKED "3\r\none\r\n");

    httpd_allow_log("PSG");
    CHECK_CONTAINS(raw_read_until(fd, "one\r\n"), "Transfer-Encoding: chunked");
    CHECK_INT(kill(pid, SIGKILL), 0);
    CHECK_STR(raw_read_until(fd, NULL), "");
    close(fd);
    is_alive(httpd);
}

TEST(body_in_tiny_chunks_is_passed_on)
{
    enum {
        CHUNKS = 50000
    };
    httpd_t *httpd = serve("node");
    char *chunks = apr_palloc(test_pool(), CHUNKS * 6 + 1);
    int fd = begin(httpd, "POST /upload/seen", CHUNKED "5\r\n12345\r\n");

    for (int i = 0; i < CHUNKS; i++) {
        memcpy(chunks + 6L * i, "1\r\nx\r\n", 6);
    }
    chunks[CHUNKS * 6] = '\0';
    raw_send(fd, chunks);
    raw_send(fd, "0\r\n\r\n");
    CHECK_CONTAINS(raw_read_until(fd, "uploaded"), " 200 OK");
    await_seen(httpd, test_format("first 12345\nall %d\n", CHUNKS + 5));
    close(fd);
}

TEST(rewritten_requests_are_passed_on_too)
{
    httpd_t *httpd = serve_with(
        "python",
        &(httpd_config_t){.modules = "rewrite",
                          .vhost_config = test_format(
                              "%s<Directory \"%s/www/public\">\n"
                              "Options +FollowSymLinks\nRewriteEngine on\n"
                              "RewriteRule ^short$ /upload/seen [L]\n"
                              "</Directory>\n",
                              unbuffered, test_dir())});
    int fd = begin(httpd, "POST /short", LENGTH "12345");

    await_seen(httpd, "first 12345\n");
    raw_send(fd, "67890");
    CHECK_CONTAINS(raw_read_until(fd, "uploaded"), " 200 OK");
    CHECK_STR(seen(httpd), "first 12345\nall 10\n");
    close(fd);
}

/* A filter that changes a body makes its announced length worth nothing, also
 * while nothing of it has come. */
EACH_LANGUAGE(inflated_bodies_arrive)
{
    httpd_t *httpd = serve_with(
        language,
        &(httpd_config_t){.modules = "deflate filter",
                          .vhost_config = test_format(
                              "%sSetInputFilter DEFLATE\n", unbuffered)});
    const char *output, *sent;

    app_require("gzip curl");
    CHECK_INT(test_shell(&output,
                         "seq 1 50000 | gzip -c | curl -s --data-binary @- "
                         "-H 'Expect: 100-continue' --expect100-timeout 10 "
                         "-H 'Content-Encoding: gzip' %s/echo | cksum",
                         httpd->url),
              0);
    CHECK_INT(test_shell(&sent, "seq 1 50000 | cksum"), 0);
    CHECK_STR(output, sent);
}

/* Over HTTP/2 a visitor resets his stream. */
TEST(cut_of_a_stream_is_an_error_for_the_app)
{
    httpd_t *httpd = serve_with(
        "node",
        &(httpd_config_t){.http2 = 1, .tls = 1, .vhost_config = unbuffered});

    app_require("curl");
    /* The visitor sends five bytes, and is killed when the app has them; his
     * body has no end before that. */
    CHECK(test_shell(NULL,
                     "cd '%s'; { printf 12345; until grep -Eq 'all|cut' seen; "
                     "do sleep 0.05; done; } | { exec 3<&0; curl -s -k --http2 "
                     "-T - %s/upload/seen <&3 & pid=$!; until grep -q first "
                     "seen; do sleep 0.05; done; kill $pid; wait $pid; }",
                     httpd->app_root, httpd->tls_url)
          != 0);
    await_seen(httpd, "first 12345\ncut\n");
    is_alive(httpd);
}
