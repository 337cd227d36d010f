/* SPDX-License-Identifier: Apache-2.0 */

/* Two tenants: one who has as many apps, or takes as much memory, as a user may
 * waits or loses his own processes, and the other one notices nothing. */
#include <stdlib.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "tenants.h"
#include "test.h"

/* Alice's apps at /one and /two, Bob's at /bob. A request waits for an app of
 * hers for 6 seconds at most. */
static httpd_t *serve(const char *limit)
{
    static const char *const apps[][2] = {
        {"one", "psgalice"}, {"two", "psgalice"}, {"bob", "psgbob"}};
    const char *config = "";

    tenants_create();
    app_require("python3");
    for (size_t i = 0; i < sizeof(apps) / sizeof(apps[0]); i++) {
        const char *name = apps[i][0];

        app_copy("python", name);
        tenants_give(name, apps[i][1]);
        config = test_format("%s%s", config,
                             app_below(test_format("/%s", name), name));
    }
    config = test_format("%s<Location /two>\n"
                         "PassengerStartTimeout 1\n"
                         "</Location>\n"
                         "Timeout 5\n",
                         config);
    return httpd_start(&(httpd_config_t){
        .server_config = test_format("PassengerMaxPoolSize 20\n%s\n", limit),
        .vhost_config = config});
}

static pid_t pid_of(const httpd_t *httpd, const char *app)
{
    return (pid_t)strtol(http_get_body(200, "%s/%s/pid", httpd->url, app), NULL,
                         10);
}

TEST(tenant_with_too_many_apps_waits_and_others_do_not)
{
    httpd_t *httpd = serve("PassengerMaxAppsPerUser 1");
    pid_t one = pid_of(httpd, "one");
    http_running_t *busy, *refused;
    const http_response_t *answer;

    httpd_expect_log("PassengerMaxAppsPerUser is 1");
    httpd_allow_log("PSG0107");
    busy = http_begin(&(http_request_t){
        .url = test_format("%s/one/wait/release", httpd->url)});
    WAIT_UNTIL(scoreboard_busy(httpd) == 1);
    refused = http_begin(
        &(http_request_t){.url = test_format("%s/two/x", httpd->url)});
    httpd_await_log(httpd, "PSG2190");
    CHECK(http_get("%s/bob/hello", httpd->url)->status == 200);
    CHECK(!http_is_done(refused));
    answer = http_end(refused);
    CHECK_INT(answer->status, 503);
    CHECK(http_header(answer, "Retry-After") != NULL);
    test_file("one/release", "");
    CHECK_INT(http_end(busy)->status, 200);
    CHECK(pid_of(httpd, "two") > 0); /* that one is idle now, and goes */
    WAIT_UNTIL(!process_is_alive(one));
}

TEST(tenant_who_takes_too_much_memory_loses_what_is_idle)
{
    httpd_t *httpd = serve("PassengerMaxMemoryPerUser 100");
    pid_t one = pid_of(httpd, "one"), bob = pid_of(httpd, "bob");
    pid_t two = pid_of(httpd, "two");

    httpd_expect_log("PassengerMaxMemoryPerUser is 100 MiB");
    http_get_body(200, "%s/one/leak/100", httpd->url);
    WAIT_UNTIL(!process_is_alive(one));
    CHECK_INT(pid_of(httpd, "two"), two);
    CHECK_INT(pid_of(httpd, "bob"), bob);
    CHECK(pid_of(httpd, "one") != one);
}
