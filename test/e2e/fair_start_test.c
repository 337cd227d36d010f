/* SPDX-License-Identifier: Apache-2.0 */

/* Many apps that have to start: nobody waits for another user's slow ones, and
 * everybody gets an answer. */
#include <stdlib.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "tenants.h"
#include "test.h"

enum {
    HANGING = 5,
    COLD_APPS = 60,       /* TEST_COLD_APPS: another number, for long tests */
    COLD_APPS_MAX = 1000, /* as many as httpd is configured for here */
    COLD_SECONDS = 110,   /* after 95 the last one is answered 503 */
    POOL = 8,
    BASE_KIB = 8192, /* of the agent without apps */
    KIB_PER_APP = 24,
};

/* An app that loads only when the file "release" is in its folder. */
static void make_hanging_app(const char *folder)
{
    test_file(test_format("%s/passenger_wsgi.py", folder),
              "import os, time\n"
              "while not os.path.exists('release'):\n"
              "    time.sleep(0.01)\n"
              "def application(environ, start_response):\n"
              "    start_response('200 OK', [])\n"
              "    return [b'at last']\n");
}

/* The hanging app at /0, /1 and so on, each an app of its own. */
static const char *hanging_apps(void)
{
    const char *config = test_format("<Location />\n"
                                     "PassengerAppRoot \"%s/hanging\"\n",
                                     test_dir());

    for (int i = 0; i < HANGING; i++) {
        config = test_format("%sPassengerBaseURI /%d\n", config, i);
    }
    return test_format("%s</Location>\n%s", config,
                       app_below("/other", "other"));
}

static http_running_t *begin(const char *url)
{
    return http_begin(
        &(http_request_t){.url = url, .seconds = COLD_SECONDS, .discard = 1});
}

TEST_DEADLINE(starts_of_one_user_that_hang_delay_no_other, 60)
{
    http_running_t *waiting[HANGING];
    pid_t loaders[HANGING + 1];
    httpd_t *httpd;

    tenants_create();
    app_require("python3");
    make_hanging_app("hanging");
    app_copy("python", "other");
    tenants_give("hanging", "psgalice");
    tenants_give("other", "psgbob");
    httpd = httpd_start(
        &(httpd_config_t){.server_config = "PassengerMaxPoolSize 20\n"
                                           "PassengerMaxConcurrentStarts 2\n",
                          .vhost_config = hanging_apps()});
    for (int i = 0; i < HANGING; i++) {
        waiting[i] = begin(test_format("%s/%d/x", httpd->url, i));
    }
    httpd_await_log(httpd, "unused -> spawning");
    CHECK_STR(http_get_body(200, "%s/other/hello", httpd->url),
              "hello from python\n");
    /* Half of two, and that one. */
    CHECK_INT(process_find_all(httpd_watchdog(httpd), "loader.py", loaders,
                               HANGING + 1),
              2);
    test_file("hanging/release", "");
    for (int i = 0; i < HANGING; i++) {
        CHECK_INT(http_end(waiting[i])->status, 200);
    }
}

static int cold_app_count(void)
{
    const char *count = getenv("TEST_COLD_APPS");
    int apps = count ? atoi(count) : COLD_APPS;

    return apps < COLD_APPS_MAX ? apps : COLD_APPS_MAX;
}

/* One folder that is many apps. */
static httpd_t *serve_cold_apps(int count)
{
    const char *config = test_format("PassengerAppRoot \"%s/www\"\n"
                                     "PassengerBaseURI",
                                     test_dir());

    for (int i = 0; i < count; i++) {
        config = test_format("%s /%d", config, i);
    }
    return app_serve("python",
                     &(httpd_config_t){
                         .server_config = "ServerLimit 64\n"
                                          "MaxRequestWorkers 1024\n"
                                          "PassengerMaxPoolSize 8\n", /* POOL */
                         .vhost_config = test_format("%s\n", config)});
}

/* Asks all of them at once; returns how many answered. */
static int ask_cold_apps(const httpd_t *httpd, int count)
{
    http_running_t *running[COLD_APPS_MAX];
    int served = 0;

    httpd_allow_log("PSG0107"); /* where starting takes longer than we wait */
    for (int i = 0; i < count; i++) {
        running[i] = begin(test_format("%s/%d/hello", httpd->url, i));
    }
    for (int i = 0; i < count; i++) {
        const http_response_t *response = http_end(running[i]);

        if (response->status == 200) {
            served++;
            continue;
        }
        CHECK_INT(response->status, 503);
        CHECK(http_header(response, "Retry-After") != NULL);
    }
    return served;
}

TEST_DEADLINE(cold_apps_are_all_answered, 150)
{
    int count = cold_app_count();

    CHECK(ask_cold_apps(serve_cold_apps(count), count) >= POOL);
}

/* KiB of memory, shared ones divided. */
static long memory_of(pid_t pid)
{
    const char *output;

    test_shell(&output, "sed -n 's/^Pss: *//p' /proc/%d/smaps_rollup",
               (int)pid);
    return strtol(output, NULL, 10);
}

/* Their common folder does not make them one app; what the agent remembers of
 * each does not grow with the number of others. */
TEST_DEADLINE(idle_apps_cost_the_agent_little, 150)
{
    int count = cold_app_count();
    httpd_t *httpd;
    long used;

#ifdef __SANITIZE_ADDRESS__
    SKIP("a sanitizer needs memory of its own");
#endif
    httpd = serve_cold_apps(count);

    ask_cold_apps(httpd, count);
    used = memory_of(httpd_watchdog(httpd)) + memory_of(httpd_core(httpd));
    CHECK(used > 0);
    if (used > BASE_KIB + (long)count * KIB_PER_APP) {
        FAIL("%ld KiB for %d apps", used, count);
    }
}
