/* SPDX-License-Identifier: Apache-2.0 */

/* A client that sends or reads slowly keeps httpd waiting, never an app. */
#include <string.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "raw_socket.h"
#include "scoreboard_view.h"
#include "test.h"

static const httpd_config_t one_process = {
    .server_config = "PassengerMaxPoolSize 1\n",
};

/* One process, more readers than httpd's buffers could hold, and visitors in a
 * hurry who come before, with and after them. */
EACH_LANGUAGE(slow_readers_hold_no_process)
{
    enum {
        READERS = 32
    };
    httpd_t *httpd = app_serve(language, &one_process);
    http_load_t *others;
    http_load_result_t result;
    int i, ok, readers[READERS];

    http_get_body(200, "%s/hello", httpd->url);
    others = http_load_start(test_format("%s/hello", httpd->url), 4);
    for (i = 0; i < READERS; i++) {
        readers[i] = raw_connect_slow(httpd->port);
        raw_send(readers[i], "GET /size/4000000 HTTP/1.1\r\nHost: a\r\n"
                             "Connection: close\r\n\r\n");
    }
    ok = http_load_look(others).ok;
    WAIT_UNTIL(http_load_look(others).ok > ok + 200);
    result = http_load_stop(others);
    CHECK_INT(result.failed, 0);
    CHECK_INT(result.other, 0);
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
    http_get_body(200, "%s/hello", httpd->url);
    for (i = 0; i < READERS; i++) {
        CHECK_CONTAINS(raw_read_until(readers[i], "\r\n"), " 200 OK");
        close(readers[i]);
    }
}

/* Reads no second piece until the process is free. */
static void await_free_process(void *data, const char *piece, size_t len)
{
    (void)piece;
    (void)len;
    WAIT_UNTIL(scoreboard_busy(data) == 0);
}

static void holds_no_process(httpd_t *httpd, const char *url, int version)
{
    const http_response_t *answer = http_request(&(http_request_t){
        .url = test_format("%s/size/8000000", url),
        .version = version,
        .on_piece = await_free_process,
        .data = httpd,
    });

    CHECK_STR(answer->error, NULL);
    CHECK_INT(answer->body_len, 8000000);
    CHECK(app_is_pattern(answer->body, answer->body_len));
}

TEST(slow_reader_of_each_protocol_holds_no_process)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){
            .tls = 1, .http2 = 1, .server_config = "PassengerMaxPoolSize 1\n"});

    holds_no_process(httpd, httpd->url, 10);
    holds_no_process(httpd, httpd->url, 11);
    holds_no_process(httpd, httpd->url, 20);
    holds_no_process(httpd, httpd->tls_url, 11);
    holds_no_process(httpd, httpd->tls_url, 20);
}

TEST(slow_reader_gets_all_of_it)
{
    httpd_t *httpd = app_serve("python", &one_process);
    static char buf[65536];
    size_t got, total;
    int fd;

    http_get_body(200, "%s/hello", httpd->url);
    fd = raw_connect_slow(httpd->port);
    raw_send(fd, "GET /size/8000000 HTTP/1.0\r\n\r\n");
    total = raw_read(fd, buf, 1); /* the answer is on its way */
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
    while ((got = raw_read(fd, buf, sizeof(buf))) > 0) {
        total += got;
    }
    CHECK(total > 8000000);
    CHECK(total < 8001000);
    close(fd);
}

/* The head of a request whose body is on its way takes no process. */
EACH_LANGUAGE(slow_sender_holds_no_process)
{
    httpd_t *httpd = app_serve(language, &one_process);
    int i, senders[4];

    http_get_body(200, "%s/hello", httpd->url);
    for (i = 0; i < 4; i++) {
        senders[i] = raw_connect(httpd->port);
        raw_send(senders[i], "POST /echo HTTP/1.1\r\nHost: a\r\n"
                             "Content-Length: 10\r\n\r\n12345");
    }
    http_get_body(200, "%s/hello", httpd->url);
    CHECK_INT(scoreboard_busy(httpd), 0);
    for (i = 0; i < 4; i++) {
        raw_send(senders[i], "67890");
        CHECK_CONTAINS(raw_read_until(senders[i], "1234567890"), " 200 OK");
        close(senders[i]);
    }
}

/* More senders than the app has processes and httpd's memory has room. */
TEST(slow_upload_waits_in_httpd)
{
    enum {
        SIZE = 300000
    };
    httpd_t *httpd = app_serve("python", &one_process);
    char *body = apr_pcalloc(test_pool(), SIZE + 1);
    int i, senders[8];

    memset(body, 'b', SIZE);
    http_get_body(200, "%s/hello", httpd->url);
    for (i = 0; i < 8; i++) {
        senders[i] = raw_connect(httpd->port);
        raw_send(senders[i], test_format("POST /echo HTTP/1.1\r\nHost: a\r\n"
                                         "Connection: close\r\n"
                                         "Content-Length: %d\r\n\r\n",
                                         SIZE));
        raw_send_bytes(senders[i], body, SIZE - 1, 5);
    }
    CHECK_INT(scoreboard_busy(httpd), 0);
    http_get_body(200, "%s/hello", httpd->url);
    for (i = 0; i < 8; i++) {
        raw_send(senders[i], "e");
        CHECK_CONTAINS(raw_read_until(senders[i], NULL), "bbbe");
        close(senders[i]);
    }
}

/* Nobody waits for the rest of a body that does not come: the app has not even
 * heard of the request. */
TEST(sender_that_goes_away_is_not_heard_of)
{
    httpd_t *httpd = app_serve("python", &one_process);
    int fd;

    http_get_body(200, "%s/hello", httpd->url);
    fd = raw_connect(httpd->port);
    raw_send(fd, "POST /die HTTP/1.1\r\nHost: a\r\n"
                 "Content-Length: 10\r\n\r\n12345");
    close(fd);
    fd = raw_connect(httpd->port);
    raw_send(fd, "POST /die HTTP/1.1\r\nHost: a\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n");
    close(fd);
    http_get_body(200, "%s/hello", httpd->url);
    httpd_stop(httpd); /* finishes requests; a death would be in the log */
}

/* The app is not told; but the process and the slot must be free again. */
TEST(client_that_goes_away_leaves_no_slot)
{
    httpd_t *httpd = app_serve("ruby", &one_process);
    int fd;

    http_get_body(200, "%s/hello", httpd->url);
    fd = raw_connect(httpd->port);
    raw_send(fd, "GET /wait/go HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    close(fd);
    app_release(httpd, "go");
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
    CHECK_INT(scoreboard_running_slots(httpd), 0);
    http_get_body(200, "%s/hello", httpd->url);
}

TEST(client_that_goes_away_leaves_the_queue)
{
    httpd_t *httpd = app_serve("ruby", &one_process);
    http_running_t *running;
    int fd;

    http_get_body(200, "%s/hello", httpd->url);
    running = http_begin(
        &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});
    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    fd = raw_connect(httpd->port);
    raw_send(fd, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_UNTIL(scoreboard_queued(httpd) == 1);
    close(fd);
    WAIT_UNTIL(scoreboard_queued(httpd) == 0);
    app_release(httpd, "go");
    CHECK_INT(http_end(running)->status, 200);
}
