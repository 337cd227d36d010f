/* SPDX-License-Identifier: Apache-2.0 */

/* Threads of httpd that serve a crowd, and the app's, push nobody off his CPU. */
#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "test.h"

enum {
    PROCESSES_MAX = 64,
    CROWD = 16, /* clients */
};

static int batch_threads_of(pid_t pid)
{
    DIR *dir = opendir(test_format("/proc/%d/task", (int)pid));
    const struct dirent *entry;
    int found = 0;

    while (dir && (entry = readdir(dir))) {
        pid_t tid = (pid_t)atoi(entry->d_name);

        found += tid > 0 && sched_getscheduler(tid) == SCHED_BATCH;
    }
    if (dir) {
        closedir(dir);
    }
    return found;
}

#define ONE_PROCESS "PassengerMaxPoolSize 1\n"

/* Of httpd and all it started but this app. */
static int batch_threads(const httpd_t *httpd, pid_t app)
{
    pid_t pids[PROCESSES_MAX];
    int count = process_find_all(httpd->pid, "", pids, PROCESSES_MAX);
    int found = 0;

    for (int i = 0; i < count; i++) {
        found += pids[i] == app ? 0 : batch_threads_of(pids[i]);
    }
    return found;
}

static http_load_t *crowd_begin(const httpd_t *httpd, const char *path)
{
    http_get_body(200, "%s%s", httpd->url, path);
    return http_load_start(test_format("%s%s", httpd->url, path), CROWD);
}

static void crowd_end(http_load_t *load)
{
    http_load_result_t result = http_load_stop(load);

    CHECK_INT(result.failed, 0);
    CHECK_INT(result.other, 0);
}

EACH_LANGUAGE(threads_of_a_crowd_are_scheduled_in_batches_until_it_is_gone)
{
    httpd_t *httpd =
        app_serve(language, &(httpd_config_t){.server_config = ONE_PROCESS});
    http_load_t *load;
    pid_t app;

    test_file("www/public/file.txt", "a file");
    app = app_pid(httpd);
    load = crowd_begin(httpd, "/hello");
    WAIT_UNTIL_FOR(batch_threads(httpd, app) > 0, 20);
    WAIT_UNTIL_FOR(sched_getscheduler(app) == SCHED_BATCH, 20);
    CHECK_INT(batch_threads_of(httpd_watchdog(httpd)), 0);
    CHECK_INT(batch_threads_of(httpd_core(httpd)), 0);
    crowd_end(load);
    load = crowd_begin(httpd, "/file.txt");
    WAIT_UNTIL_FOR(batch_threads(httpd, app) == 0, 20);
    crowd_end(load);
}

static httpd_t *serve_with_cgi(void)
{
    test_file("cgi/policy", "#!/bin/sh\n"
                            "printf 'Content-Type: text/plain\\n\\n'\n"
                            "chrt -p $$\n");
    CHECK_INT(test_shell(NULL, "chmod 755 '%s/cgi/policy'", test_dir()), 0);
    return app_serve("python",
                     &(httpd_config_t){.modules = "alias cgi",
                                       .vhost_config = test_format(
                                           "ScriptAlias /cgi \"%s/cgi\"\n%s",
                                           test_dir(), app_granted("cgi"))});
}

TEST(what_a_thread_of_a_crowd_starts_is_scheduled_as_usual)
{
    httpd_t *httpd;
    http_load_t *load;

    app_require("chrt");
    httpd = serve_with_cgi();
    load = crowd_begin(httpd, "/hello");
    WAIT_UNTIL_FOR(batch_threads(httpd, 0) > 10, 20);
    for (int i = 0; i < 20; i++) {
        CHECK_CONTAINS(http_get_body(200, "%s/cgi/policy", httpd->url),
                       "policy: SCHED_OTHER");
    }
    crowd_end(load);
}

TEST(priority_of_httpd_that_somebody_chose_is_left_alone)
{
    httpd_t *httpd;
    http_load_t *load;

    CHECK_INT(setpriority(PRIO_PROCESS, 0, 1), 0);
    httpd =
        app_serve("python", &(httpd_config_t){.server_config = ONE_PROCESS});
    load = crowd_begin(httpd, "/hello");
    /* So it is crowded, and has been quick for long. */
    WAIT_UNTIL_FOR(scoreboard_busy(httpd) > 1, 20);
    for (int i = 0; i < 100; i++) {
        http_get_body(200, "%s/hello", httpd->url);
    }
    CHECK_INT(batch_threads(httpd, 0), 0);
    crowd_end(load);
}
