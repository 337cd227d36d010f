/* SPDX-License-Identifier: Apache-2.0 */

/* Requests that wait in the socket of a process share nothing of its fate. */
#include <signal.h>

#include "app_server.h"
#include "http_client.h"
#include "scoreboard_view.h"
#include "test.h"

/* One process that does one thing at a time, with clients enough that some of
 * their requests are sent ahead. */
static httpd_t *serve(const char *language, const char *more)
{
    return app_serve(
        language, &(httpd_config_t){.server_config = test_format(
                                        "PassengerMaxPoolSize 1\n%s", more)});
}

static http_load_t *load_until_ahead(const httpd_t *httpd)
{
    http_load_t *load =
        http_load_start(test_format("%s/hello", httpd->url), 12);

    WAIT_UNTIL_FOR(scoreboard_busy(httpd) > 1, 20);
    return load;
}

static void check_all_answered(http_load_t *load)
{
    http_load_result_t result = http_load_stop(load);

    CHECK_INT(result.failed, 0);
    CHECK_INT(result.other, 0);
}

RUBY_AND_PYTHON(process_dies_and_requests_ahead_are_answered_by_the_next)
{
    httpd_t *httpd = serve(language, "");
    http_load_t *load;
    int i;

    httpd_allow_log("PSG");
    http_get_body(200, "%s/hello", httpd->url);
    for (i = 0; i < 3; i++) {
        load = load_until_ahead(httpd);
        CHECK_INT(http_post(test_format("%s/die", httpd->url), "")->status,
                  502);
        check_all_answered(load);
    }
}

TEST(request_ahead_is_not_blamed_for_the_one_that_takes_too_long)
{
    httpd_t *httpd = serve("python", "PassengerMaxRequestTime 1\n");
    http_load_t *load;

    httpd_allow_log("PSG");
    http_get_body(200, "%s/hello", httpd->url);
    load = load_until_ahead(httpd);
    CHECK_INT(http_get("%s/burn/10000", httpd->url)->status, 504);
    check_all_answered(load);
}
