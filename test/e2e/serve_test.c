/* SPDX-License-Identifier: Apache-2.0 */

/* An app of each language answers as it would on a server of its own: bodies,
 * statuses, headers, streams. Start here to see how an end-to-end test looks. */
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

EACH_LANGUAGE(app_says_hello)
{
    httpd_t *httpd = app_serve(language, NULL);

    CHECK_STR(http_get_body(200, "%s/hello", httpd->url),
              test_format("hello from %s\n", language));
}

EACH_LANGUAGE(app_reads_bodies_of_any_size)
{
    static const uint64_t sizes[] = {1, 65535, 65536, 65537, 5000000};
    httpd_t *httpd = app_serve(language, NULL);
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const http_response_t *answer = http_request(&(http_request_t){
            .url = test_format("%s/echo", httpd->url),
            .body_size = sizes[i],
        });

        CHECK_INT(answer->status, 200);
        CHECK_INT(answer->body_len, sizes[i]);
        CHECK(app_is_pattern(answer->body, answer->body_len));
    }
}

EACH_LANGUAGE(app_reads_empty_body)
{
    httpd_t *httpd = app_serve(language, NULL);
    const http_response_t *answer = http_request(&(http_request_t){
        .url = test_format("%s/echo", httpd->url),
        .method = "POST",
        .headers = (const char *[]){"Content-Length: 0", NULL},
    });

    CHECK_INT(answer->status, 200);
    CHECK_INT(answer->body_len, 0);
}

EACH_LANGUAGE(app_reads_chunked_body)
{
    static const uint64_t sizes[] = {0, 1000, 1000000};
    httpd_t *httpd = app_serve(language, NULL);
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const http_response_t *answer = http_request(&(http_request_t){
            .url = test_format("%s/echo", httpd->url),
            .body_size = sizes[i],
            .chunked = 1,
        });

        CHECK_INT(answer->status, 200);
        CHECK_INT(answer->body_len, sizes[i]);
        CHECK(app_is_pattern(answer->body, answer->body_len));
    }
}

EACH_LANGUAGE(head_has_length_and_no_body)
{
    httpd_t *httpd = app_serve(language, NULL);
    http_client_t *client = http_client_create();
    http_request_t request = {
        .url = test_format("%s/size/1000", httpd->url),
        .method = "HEAD",
        .client = client,
    };
    const http_response_t *answer = http_request(&request);

    CHECK_INT(answer->status, 200);
    CHECK_STR(http_header(answer, "Content-Length"), "1000");
    request.method = NULL;
    answer = http_request(&request);
    CHECK_INT(answer->body_len, 1000);
    CHECK_INT(answer->new_connections, 0);
}

EACH_LANGUAGE(status_is_passed)
{
    static const int statuses[] = {201, 204, 301, 304, 400, 404,
                                   418, 451, 500, 503, 599};
    httpd_t *httpd = app_serve(language, NULL);
    size_t i;

    for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        int status = statuses[i];
        const http_response_t *answer =
            http_get("%s/status/%d", httpd->url, status);

        CHECK_INT(answer->status, status);
        CHECK_STR(answer->error, NULL);
        CHECK_STR(answer->body, status == 204 || status == 304
                                    ? ""
                                    : test_format("status %d", status));
    }
}

EACH_LANGUAGE(headers_are_passed)
{
    httpd_t *httpd = app_serve(language, NULL);
    const http_response_t *answer = http_get("%s/headers", httpd->url);

    CHECK_STR(http_header(answer, "X-Number-1"), "value 1");
    CHECK_STR(http_header(answer, "X-Number-50"), "value 50");
    CHECK_STR(http_header(answer, "Content-Type"), "text/plain");
}

EACH_LANGUAGE(each_cookie_is_a_header)
{
    httpd_t *httpd = app_serve(language, NULL);
    const http_response_t *answer = http_get("%s/headers", httpd->url);

    CHECK_STR(http_header_nth(answer, "Set-Cookie", 0), "a=1; path=/");
    CHECK_STR(http_header_nth(answer, "Set-Cookie", 1), "b=2; path=/");
    CHECK_STR(http_header_nth(answer, "Set-Cookie", 2), NULL);
}

/* The app goes on only when the first piece has come. */
static void release_app(void *data, const char *piece, size_t len)
{
    (void)piece;
    (void)len;
    app_release(data, "first-came");
}

EACH_LANGUAGE(pieces_arrive_when_they_are_written)
{
    httpd_t *httpd = app_serve(language, NULL);
    const http_response_t *answer = http_request(&(http_request_t){
        .url = test_format("%s/pieces/first-came", httpd->url),
        .on_piece = release_app,
        .data = httpd,
    });

    CHECK_INT(answer->status, 200);
    CHECK_STR(answer->error, NULL);
    CHECK_STR(answer->body, "one\ntwo\n");
}

EACH_LANGUAGE(large_answer_is_complete)
{
    httpd_t *httpd = app_serve(language, NULL);
    const http_response_t *answer = http_get("%s/size/33554433", httpd->url);

    CHECK_STR(answer->error, NULL);
    CHECK_INT(answer->body_len, 33554433);
    CHECK(app_is_pattern(answer->body, answer->body_len));
}

EACH_LANGUAGE(client_connection_is_kept)
{
    httpd_t *httpd = app_serve(language, NULL);
    http_client_t *client = http_client_create();
    static const char *const paths[] = {"hello",      "size/100000",
                                        "status/204", "status/404",
                                        "pieces/go",  "hello"};
    int connections = 0;
    size_t i;

    app_release(httpd, "go");
    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const http_response_t *answer = http_request(&(http_request_t){
            .url = test_format("%s/%s", httpd->url, paths[i]),
            .client = client,
        });

        CHECK_STR(answer->error, NULL);
        connections += answer->new_connections;
    }
    CHECK_INT(connections, 1);
}

EACH_LANGUAGE(requests_in_parallel_are_answered)
{
    httpd_t *httpd = app_serve(language, NULL);
    http_load_t *load;
    http_load_result_t result;

    http_get_body(200, "%s/hello", httpd->url);
    load = http_load_start(test_format("%s/hello", httpd->url), 16);
    WAIT_UNTIL_FOR(http_load_look(load).ok > 2000, 20);
    result = http_load_stop(load);
    CHECK_INT(result.failed, 0);
    CHECK_INT(result.other, 0);
}

EACH_LANGUAGE(what_the_app_prints_is_logged_with_its_pid)
{
    httpd_t *httpd = app_serve(language, NULL);
    const char *pid = http_get_body(200, "%s/pid", httpd->url);
    const char *line;

    http_get_body(200, "%s/say/something", httpd->url);
    httpd_await_log(httpd, "said on stdout: something");
    httpd_await_log(httpd, "said on stderr: something");
    CHECK_INT(test_shell(&line, "grep 'said on stdout' '%s'", httpd->error_log),
              0);
    CHECK_CONTAINS(line, pid);
}

EACH_LANGUAGE(query_reaches_the_app_untouched)
{
    httpd_t *httpd = app_serve(language, NULL);

    CHECK_CONTAINS(
        http_get_body(200, "%s/request?a=%%2F%%00&b=+&c[]=%%E4", httpd->url),
        "a=%2F%00&b=+&c[]=%E4");
}
