/* SPDX-License-Identifier: Apache-2.0 */

/* 500 apps: all asked for at the same moment while none runs; then what the
 * agent needs for them while nothing happens. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_server.h"
#include "chaos_table.h"
#include "http_client.h"
#include "process_size.h"
#include "scoreboard_view.h"
#include "test.h"

enum {
    APPS = 500,
    ANSWER_SECONDS = 300,
    IDLE_SECONDS = 20,
};

/* Each base URI of a folder is an app of its own. */
static httpd_t *serve_crowd(void)
{
    const char *uris = ""; /* long, but made once */
    int i;

    for (i = 0; i < APPS; i++) {
        uris = test_format("%s%s", uris,
                           app_below(test_format("/app%d", i), "www"));
    }
    return app_serve(
        "python",
        &(httpd_config_t){.server_config =
                              "ServerLimit 8\nThreadLimit 128\n"
                              "ThreadsPerChild 128\nMaxRequestWorkers 1024\n"
                              "MaxSpareThreads 1024\nListenBacklog 1024\n"
                              "Timeout 300\nPassengerMaxPoolSize 500\n"
                              "PassengerPoolIdleTime 0\nPassengerLogLevel 3\n",
                          .vhost_config = uris});
}

static long agent_pss(const httpd_t *httpd)
{
    return process_size(httpd_watchdog(httpd)).pss
           + process_size(httpd_core(httpd)).pss;
}

static double agent_cpu(const httpd_t *httpd)
{
    return process_size(httpd_watchdog(httpd)).cpu
           + process_size(httpd_core(httpd)).cpu;
}

/* Returns how many were not answered 200. */
static int ask_all(const httpd_t *httpd, double *slowest)
{
    http_running_t *running[APPS];
    int i, lost = 0;

    for (i = 0; i < APPS; i++) {
        running[i] = http_begin(&(http_request_t){
            .url = test_format("%s/app%d/hello", httpd->url, i),
            .seconds = ANSWER_SECONDS});
    }
    for (i = 0; i < APPS; i++) {
        const http_response_t *answer = http_end(running[i]);

        lost += answer->status != 200;
        *slowest = answer->seconds > *slowest ? answer->seconds : *slowest;
    }
    return lost;
}

TEST_DEADLINE(five_hundred_apps, 900)
{
    httpd_t *httpd = serve_crowd();
    long before = agent_pss(httpd);
    double slowest = 0, cpu;
    int lost;

    httpd_allow_log("PSG");
    WAIT_UNTIL(httpd_core(httpd) > 0);
    lost = ask_all(httpd, &slowest);
    chaos_print("\n%d cold apps at once: all answered after %.1f s, %d run",
                APPS, slowest, scoreboard_ready(httpd));
    chaos_limit("not answered", lost, 0, "");
    chaos_limit("not running", APPS - scoreboard_ready(httpd), 0, "");
    chaos_limit("memory of watchdog and core, at rest before",
                (double)before / 1024, 8, "MiB");
    sleep(5);
    chaos_limit("memory of watchdog and core, with these apps",
                (double)agent_pss(httpd) / 1024, 8 + APPS * 24.0 / 1024, "MiB");
    cpu = agent_cpu(httpd);
    sleep(IDLE_SECONDS);
    chaos_limit("CPU of watchdog and core while idle",
                (agent_cpu(httpd) - cpu) / IDLE_SECONDS * 100, 0.2, "%");
    chaos_verdict();
}
