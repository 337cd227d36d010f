/* SPDX-License-Identifier: Apache-2.0 */

/* What a loader gives an app, and how it takes the answer, is what Rack and
 * PEP 3333 say: the languages' own validators stand between loader and app and
 * raise an error at any breach. */
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

static httpd_t *serve_checked(const char *language, const char *command)
{
    app_require(strcmp(language, "ruby") == 0 ? "ruby" : "python3");
    app_copy(language, "www");
    CHECK_INT(test_shell(NULL, "cd '%s/www' && %s", test_dir(), command), 0);
    return httpd_start(&(httpd_config_t){0});
}

static httpd_t *serve_below_lint(void)
{
    httpd_t *httpd;

    if (test_shell(NULL, "PATH=/usr/bin:/bin ruby -e \"require 'rack/lint'\"")
        != 0) {
        SKIP("Rack is not installed");
    }
    httpd = serve_checked("ruby", "sed -i 's/^run app$/require \"rack\"\\n"
                                  "use Rack::Lint\\nrun app/' config.ru && "
                                  "grep -q Lint config.ru");
    return httpd;
}

static httpd_t *serve_below_validator(void)
{
    return serve_checked("python", "printf '%s\\n' "
                                   "'from wsgiref.validate import validator' "
                                   "'application = validator(application)' "
                                   ">>passenger_wsgi.py");
}

static void check_request(const httpd_t *httpd, const char *path, int status,
                          http_request_t request)
{
    const http_response_t *answer;

    request.url = test_format("%s%s", httpd->url, path);
    answer = http_request(&request);
    if (answer->status != status || answer->error) {
        FAIL("%s: %s%s%.3000s", path, answer->error ? answer->error : "",
             answer->head, answer->body);
    }
}

/* Every way to ask and to answer there is. */
static void check_all(const httpd_t *httpd)
{
    const char *const odd[] = {
        "Content-Length: 0", "Content-Type: text/plain; charset=utf-8",
        "X-Empty:",          "X-Latin: \xe4",
        "X-Twice: 1",        "X-Twice: 2",
        "Cookie: a=b",       NULL};

    app_release(httpd, "go");
    check_request(httpd, "/hello", 200, (http_request_t){0});
    check_request(httpd, "/request?a=b%20c", 200, (http_request_t){0});
    check_request(httpd, "/request", 200, (http_request_t){.version = 10});
    check_request(httpd, "/%e4/%3F?%e4", 200, (http_request_t){0});
    check_request(httpd, "/size/1000", 200, (http_request_t){.method = "HEAD"});
    check_request(httpd, "/pieces/go", 200, (http_request_t){.method = "HEAD"});
    check_request(httpd, "/hello", 200,
                  (http_request_t){.method = "PUT", .body = "unread"});
    check_request(httpd, "/hello", 200, (http_request_t){.headers = odd});
    check_request(httpd, "/echo", 200, (http_request_t){.body = "body"});
    check_request(httpd, "/echo", 200,
                  (http_request_t){.body_size = 200000, .chunked = 1});
    check_request(httpd, "/pieces/go", 200, (http_request_t){0});
    check_request(httpd, "/size/300000", 200, (http_request_t){0});
    check_request(httpd, "/status/204", 204, (http_request_t){0});
    check_request(httpd, "/status/304", 304, (http_request_t){0});
    check_request(httpd, "/status/500", 500, (http_request_t){0});
    check_request(httpd, "/headers", 200, (http_request_t){0});
}

TEST(rack_lint_has_no_complaint)
{
    check_all(serve_below_lint());
}

TEST(validator_of_wsgi_has_no_complaint)
{
    httpd_t *httpd = serve_below_validator();

    check_all(httpd);
    /* what is wrong it only warns of */
    CHECK_LACKS(httpd_log(httpd), "Warning");
}

/* The validators do look: an app's own breach is an error. */
TEST(lint_is_in_between)
{
    httpd_t *httpd = serve_below_lint();

    CHECK_INT(http_get("%s/status/204x", httpd->url)->status, 204);
    CHECK_INT(http_get("%s/status/20", httpd->url)->status, 500);
    httpd_await_log(httpd, "LintError");
}

TEST(validator_is_in_between)
{
    httpd_t *httpd = serve_below_validator();

    httpd_expect_log("AssertionError");
    CHECK_INT(http_get("%s/status/20", httpd->url)->status, 500);
    httpd_await_log(httpd, "AssertionError");
}

/* As other servers take it. */
TEST(wsgi_status_without_a_reason_is_taken)
{
    httpd_t *httpd =
        serve_checked("python", "printf '%s\\n' 'def application(env, start):' "
                                "'    start(\"404\", [])' "
                                "'    return [b\"none\"]' >passenger_wsgi.py");

    CHECK_STR(http_get_body(404, "%s/", httpd->url), "none");
}
