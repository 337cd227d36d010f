/* SPDX-License-Identifier: Apache-2.0 */

/* One process serves several visitors at once if it may have threads. */
#include "app_server.h"
#include "http_client.h"
#include "test.h"

static void check_threads(const char *language)
{
    httpd_t *httpd = app_serve(
        language,
        &(httpd_config_t){.server_config = "PassengerMaxPoolSize 1\n",
                          .vhost_config = "PassengerConcurrencyModel thread\n"
                                          "PassengerThreadCount 3\n"});
    const char *url = test_format("%s/wait/go", httpd->url);
    pid_t pid = app_pid(httpd);
    http_running_t *first = http_begin(&(http_request_t){.url = url});
    http_running_t *second = http_begin(&(http_request_t){.url = url});

    for (int i = 0; i < 50; i++) {
        CHECK_INT(app_pid(httpd), pid);
    }
    CHECK(!http_is_done(first) && !http_is_done(second));
    app_release(httpd, "go");
    CHECK_STR(http_end(first)->body, "waited");
    CHECK_STR(http_end(second)->body, "waited");
}

TEST(ruby_threads_serve_slow_and_fast_requests_at_once)
{
    check_threads("ruby");
}

TEST(python_threads_serve_slow_and_fast_requests_at_once)
{
    check_threads("python");
}
