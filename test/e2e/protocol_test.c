/* SPDX-License-Identifier: Apache-2.0 */

/* The same app under each MPM, over HTTP/1.0, TLS and HTTP/2. */
#include <signal.h>
#include <string.h>

#include <curl/curl.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "test.h"

/* What an MPM could break: several requests at once, a reload, the end. */
static void works_under(const char *mpm)
{
    httpd_t *httpd = app_serve("ruby", &(httpd_config_t){.mpm = mpm});
    http_load_t *load;
    http_load_result_t result;

    http_get_body(200, "%s/hello", httpd->url);
    load = http_load_start(test_format("%s/size/20000", httpd->url), 12);
    WAIT_UNTIL(http_load_look(load).ok > 300);
    httpd_graceful(httpd);
    WAIT_UNTIL(http_load_look(load).ok > 600);
    result = http_load_stop(load);
    CHECK_INT(result.other, 0);
    CHECK_INT(result.failed, 0);
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
}

TEST(event_mpm_works)
{
    works_under("event");
}

TEST(worker_mpm_works)
{
    works_under("worker");
}

TEST(prefork_mpm_works)
{
    works_under("prefork");
}

/* A child killed under load fails what it had in hand and nothing later. */
static void survives_kill_under(const char *mpm)
{
    enum {
        CONNECTIONS = 12
    };
    httpd_t *httpd = app_serve("python", &(httpd_config_t){.mpm = mpm});
    http_load_t *load;
    http_load_result_t result;
    int i;

    httpd_allow_log("AH00052");
    http_get_body(200, "%s/hello", httpd->url);
    load = http_load_start(test_format("%s/hello", httpd->url), CONNECTIONS);
    WAIT_UNTIL(http_load_look(load).ok > 100);
    for (i = 0; i < 3; i++) {
        pid_t child = process_find(httpd->pid, "httpd.conf");
        int ok = http_load_look(load).ok;

        CHECK(kill(child, SIGKILL) == 0);
        WAIT_UNTIL(http_load_look(load).ok > ok + 200);
    }
    result = http_load_stop(load);
    CHECK_INT(result.other, 0);
    CHECK(result.failed <= 3 * CONNECTIONS);
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
    CHECK_INT(scoreboard_running_slots(httpd), 0);
    CHECK_INT(scoreboard_queued(httpd), 0);
}

TEST(event_mpm_survives_kill_of_a_child)
{
    survives_kill_under("event");
}

TEST(worker_mpm_survives_kill_of_a_child)
{
    survives_kill_under("worker");
}

TEST(prefork_mpm_survives_kill_of_a_child)
{
    survives_kill_under("prefork");
}

/* Large bodies both ways, streams, headers, statuses. */
static void works_over(const char *url, int version)
{
    http_request_t request = {.version = version};
    const http_response_t *answer;

    request.url = test_format("%s/headers", url);
    answer = http_request(&request);
    CHECK_INT(answer->status, 200);
    CHECK_INT(answer->version, version);
    CHECK_STR(http_header_nth(answer, "set-cookie", 1), "b=2; path=/");
    request.url = test_format("%s/status/404", url);
    CHECK_INT(http_request(&request)->status, 404);
    request.url = test_format("%s/size/3000000", url);
    answer = http_request(&request);
    CHECK_INT(answer->body_len, 3000000);
    CHECK(app_is_pattern(answer->body, answer->body_len));
    request.url = test_format("%s/echo", url);
    request.body_size = 3000000;
    answer = http_request(&request);
    CHECK_INT(answer->body_len, 3000000);
    CHECK(app_is_pattern(answer->body, answer->body_len));
}

static void release_app(void *data, const char *piece, size_t len)
{
    (void)piece;
    (void)len;
    app_release(data, "first-came");
}

static void streams_over(httpd_t *httpd, const char *url, int version)
{
    const http_response_t *answer = http_request(&(http_request_t){
        .url = test_format("%s/pieces/first-came", url),
        .version = version,
        .on_piece = release_app,
        .data = httpd,
    });

    CHECK_STR(answer->error, NULL);
    CHECK_STR(answer->body, "one\ntwo\n");
}

EACH_LANGUAGE(works_over_http_1_0)
{
    httpd_t *httpd = app_serve(language, NULL);
    const http_response_t *answer = http_request(&(http_request_t){
        .url = test_format("%s/size/3000000", httpd->url), .version = 10});

    CHECK_STR(answer->error, NULL);
    CHECK_INT(answer->body_len, 3000000);
    streams_over(httpd, httpd->url, 10);
}

EACH_LANGUAGE(works_over_tls)
{
    httpd_t *httpd = app_serve(language, &(httpd_config_t){.tls = 1});

    app_require("openssl");
    works_over(httpd->tls_url, 11);
    streams_over(httpd, httpd->tls_url, 11);
    CHECK_CONTAINS(http_get_body(200, "%s/request", httpd->tls_url),
                   strcmp(language, "node") == 0 ? "x-forwarded-proto\":\"https"
                                                 : "\"on\"");
}

EACH_LANGUAGE(works_over_http_2)
{
    httpd_t *httpd = app_serve(language, &(httpd_config_t){.http2 = 1});

    works_over(httpd->url, 20);
    streams_over(httpd, httpd->url, 20);
}

EACH_LANGUAGE(works_over_http_2_with_tls)
{
    httpd_t *httpd =
        app_serve(language, &(httpd_config_t){.tls = 1, .http2 = 1});

    works_over(httpd->tls_url, 20);
    streams_over(httpd, httpd->tls_url, 20);
}

enum {
    STREAMS = 20
};

static size_t ignore(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

static CURL *add_stream(CURLM *connection, const char *url)
{
    CURL *curl = curl_easy_init();

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_multi_add_handle(connection, curl);
    return curl;
}

/* Goes on until no more than `left` requests run. */
static void run_streams(CURLM *connection, int left)
{
    double end = test_now() + TEST_WAIT_DEFAULT * test_deadline_factor();
    int running;

    while (curl_multi_perform(connection, &running), running > left) {
        if (test_now() > end) {
            FAIL("%d streams still run", running);
        }
        curl_multi_wait(connection, NULL, 0, 100, NULL);
    }
}

/* Requests that share a connection, of which the first is answered last. */
TEST(streams_of_http_2_do_not_wait_for_each_other)
{
    httpd_t *httpd =
        app_serve("python", &(httpd_config_t){.tls = 1, .http2 = 1});
    CURLM *connection = curl_multi_init();
    CURL *streams[STREAMS];
    long status, connections = 0;
    int i;

    http_get_body(200, "%s/hello", httpd->url);
    for (i = 0; i < STREAMS; i++) {
        streams[i] =
            add_stream(connection, test_format("%s/%s", httpd->tls_url,
                                               i ? "size/100000" : "wait/go"));
    }
    run_streams(connection, 1);
    app_release(httpd, "go");
    run_streams(connection, 0);
    for (i = 0; i < STREAMS; i++) {
        long made = 0;

        curl_easy_getinfo(streams[i], CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(streams[i], CURLINFO_NUM_CONNECTS, &made);
        CHECK_INT(status, 200);
        connections += made;
        curl_multi_remove_handle(connection, streams[i]);
        curl_easy_cleanup(streams[i]);
    }
    CHECK_INT(connections, 1);
    curl_multi_cleanup(connection);
}

/* What is cut must look cut, whatever the app's framing and the visitor's
 * protocol: sizes from inside of the first block to beyond of memory. */
static void is_cut_over(const char *url, int version, const char *path)
{
    const http_response_t *answer = http_request(&(http_request_t){
        .url = test_format("%s/%s", url, path), .version = version});

    if (!answer->error && answer->status != 502) {
        FAIL("a cut answer to %s/%s over version %d looks complete: %s", url,
             path, version, answer->head);
    }
}

TEST(cut_answer_is_an_error_over_each_protocol)
{
    static const char *const paths[] = {"length", "chunked", "large"};
    char *large = apr_pcalloc(test_pool(), 600001);
    httpd_t *httpd;
    size_t i;

    app_require("openssl");
    memset(large, 'a', 600000);
    test_file("www/answers/length",
              "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    test_file("www/answers/chunked",
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
              "5\r\nhello\r\n");
    test_file("www/answers/large",
              test_format("HTTP/1.1 200 OK\r\nContent-Length: 600001\r\n\r\n%s",
                          large));
    httpd_allow_log("PSG0110");
    httpd = app_serve(
        "raw", &(httpd_config_t){
                   .tls = 1,
                   .http2 = 1,
                   .vhost_config =
                       "PassengerAppStartCommand \"python3 server.py\"\n"});
    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        is_cut_over(httpd->url, 10, paths[i]);
        is_cut_over(httpd->url, 11, paths[i]);
        is_cut_over(httpd->url, 20, paths[i]);
        is_cut_over(httpd->tls_url, 11, paths[i]);
        is_cut_over(httpd->tls_url, 20, paths[i]);
    }
}
