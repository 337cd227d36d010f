/* SPDX-License-Identifier: Apache-2.0 */

/* PassengerSpawnMethod smart: a preloader loads the app, processes are forked,
 * and nobody but the log notices when a preloader or the core is killed. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "tenants.h"
#include "test.h"

enum {
    PROCESSES = 3
};

#define SMART "PassengerSpawnMethod smart\n"
#define SMART_3 SMART "PassengerMinInstances 3\n"

static httpd_t *serve(const char *app, const char *config)
{
    return app_serve(app, &(httpd_config_t){.vhost_config = config});
}

/* A WSGI app of our own. */
static httpd_t *serve_python(const char *code, const char *config)
{
    app_require("python3");
    test_file("www/public/x", "");
    test_file("www/passenger_wsgi.py", code);
    return httpd_start(&(httpd_config_t){.vhost_config = config});
}

#define APPLICATION                               \
    "def application(environ, start_response):\n" \
    "    start_response('200 OK', [])\n"          \
    "    return [b'%d' % os.getpid()]\n"

/* Waits until so many processes are ready; their pids. */
static void await_processes(const httpd_t *httpd, pid_t *pids, int count)
{
    http_get_body(200, "%s/hello", httpd->url);
    WAIT_UNTIL(scoreboard_ready(httpd) == count);
    CHECK_INT(scoreboard_pids(httpd, pids, count), count);
}

/* What its descriptors are, one a line, sorted. */
static const char *descriptors(pid_t pid)
{
    const char *text;

    test_shell(&text,
               "cd /proc/%d/fd && for f in *; do readlink $f; done |sort",
               (int)pid);
    return text;
}

/* Sockets and pipes that two processes share. */
static const char *shared_descriptors(pid_t one, pid_t other)
{
    const char *text;

    test_file("one", descriptors(one));
    test_file("other", descriptors(other));
    test_shell(&text, "comm -12 '%s/one' '%s/other' | grep -E '^(socket|pipe)'",
               test_dir(), test_dir());
    return text;
}

RUBY_AND_PYTHON(forked_processes_serve)
{
    httpd_t *httpd = serve(language, SMART_3);
    pid_t pids[PROCESSES], preloader;

    await_processes(httpd, pids, PROCESSES);
    preloader = scoreboard_preloader(httpd);
    CHECK(preloader > 0);
    for (int i = 0; i < 10; i++) {
        CHECK(app_pid(httpd) != preloader);
    }
    for (int i = 0; i < PROCESSES; i++) {
        CHECK_INT(process_status(pids[i], "PPid"), httpd_watchdog(httpd));
        CHECK_INT(process_status(pids[i], "NSsid"), pids[i]);
    }
}

/* Those of loaders/PROTOCOL, and what the interpreter opened itself. */
RUBY_AND_PYTHON(forked_process_has_its_own_descriptors)
{
    httpd_t *httpd = serve(language, SMART "PassengerMinInstances 2\n");
    pid_t pids[2], preloader;

    await_processes(httpd, pids, 2);
    preloader = scoreboard_preloader(httpd);
    CHECK_STR(shared_descriptors(preloader, pids[0]), "");
    CHECK_STR(shared_descriptors(preloader, pids[1]), "");
    CHECK_STR(shared_descriptors(pids[0], pids[1]), "");
    CHECK_INT(test_shell(NULL, "readlink /proc/%d/fd/3 | grep -q socket:",
                         (int)pids[1]),
              0);
    CHECK_INT(test_shell(
                  NULL, "readlink /proc/%d/fd/1 | grep -q pipe:", (int)pids[1]),
              0);
    CHECK_INT(test_shell(NULL, "readlink /proc/%d/fd/3 | grep -q /dev/null",
                         (int)preloader),
              0);
}

TEST(sinatra_app_is_forked)
{
    httpd_t *httpd;
    pid_t pids[PROCESSES];

    if (test_shell(NULL, "ruby -rsinatra/base -e 1 2>/dev/null") != 0) {
        SKIP("Sinatra is not installed");
    }
    httpd = serve("ruby-sinatra", SMART_3);
    await_processes(httpd, pids, PROCESSES);
    CHECK(scoreboard_preloader(httpd) > 0);
}

TEST_DEADLINE(rails_app_is_forked_by_default, 60)
{
    httpd_t *httpd;
    pid_t pids[PROCESSES];

    if (test_shell(NULL, "ruby -raction_controller/railtie -e 1 2>/dev/null")
        != 0) {
        SKIP("Rails is not installed");
    }
    httpd = serve("ruby-rails", "PassengerMinInstances 3\n");
    await_processes(httpd, pids, PROCESSES);
    CHECK(scoreboard_preloader(httpd) > 0);
}

/* The app takes a second to load; its second process does not. */
TEST(app_is_loaded_once)
{
    httpd_t *httpd = serve_python(
        "import os, time\ntime.sleep(1)\nprint('LOADED')\n" APPLICATION,
        SMART "PassengerMinInstances 4\n");
    double start;
    const char *log;

    http_get_body(200, "%s/", httpd->url);
    start = test_now();
    WAIT_UNTIL(scoreboard_ready(httpd) == 4);
    CHECK(test_now() - start < 1);
    log = strstr(httpd_log(httpd), "LOADED");
    CHECK(log && !strstr(log + 1, "LOADED"));
}

/* In KiB, over pid and what it says in smaps_rollup. */
static long memory(pid_t pid, const char *name)
{
    const char *text;

    test_shell(&text,
               "sed -n 's/^%s: *\\([0-9]*\\) kB/\\1/p' "
               "/proc/%d/smaps_rollup",
               name, (int)pid);
    return strtol(text, NULL, 10);
}

TEST(forked_processes_share_memory)
{
    httpd_t *httpd = serve_python(
        "import os\ndata = os.urandom(40 << 20)\n" APPLICATION, SMART_3);
    pid_t pids[PROCESSES];

    await_processes(httpd, pids, PROCESSES);
    for (int i = 0; i < PROCESSES; i++) {
        CHECK(memory(pids[i], "Rss") > 40 << 10);
        CHECK(memory(pids[i], "Pss") < 20 << 10);
    }
}

TEST(app_that_cannot_be_preloaded_shows_its_error)
{
    httpd_t *httpd = serve_python("raise ValueError('broken on purpose')\n",
                                  SMART "PassengerAppEnv development\n");

    httpd_allow_log("PSG");
    CHECK_CONTAINS(http_get("%s/", httpd->url)->body, "broken on purpose");
}

/* The preloader dies at each fork: the app is served all the same. */
TEST(app_that_cannot_be_forked_is_started_directly)
{
    httpd_t *httpd = serve_python("import os\n"
                                  "os.register_at_fork(before=lambda: "
                                  "os.kill(os.getpid(), 9))\n" APPLICATION,
                                  SMART);

    httpd_allow_log("PSG");
    http_get_body(200, "%s/", httpd->url);
    CHECK_CONTAINS(httpd_log(httpd), "PSG2161");
}

TEST(idle_preloader_ends_and_comes_again)
{
    httpd_t *httpd = serve("python", SMART "PassengerMaxPreloaderIdleTime 1\n");
    pid_t app = app_pid(httpd), preloader = scoreboard_preloader(httpd);

    httpd_allow_log("PSG2122");
    CHECK(preloader > 0);
    WAIT_UNTIL(!process_is_alive(preloader));
    CHECK_INT(app_pid(httpd), app);
    kill(app, SIGKILL);
    http_get_body(200, "%s/hello", httpd->url);
    CHECK(scoreboard_preloader(httpd) > 0);
}

TEST(ruby_is_preloaded_unless_told_otherwise)
{
    httpd_t *httpd = serve("ruby", "PassengerSpawnMethod direct\n");

    http_get_body(200, "%s/hello", httpd->url);
    CHECK_INT(scoreboard_preloader(httpd), 0);
    httpd_configure(httpd, &(httpd_config_t){.vhost_config = NULL});
    httpd_graceful(httpd);
    kill(app_pid(httpd), SIGKILL);
    httpd_allow_log("PSG");
    http_get_body(200, "%s/hello", httpd->url);
    CHECK(scoreboard_preloader(httpd) > 0);
}

TEST(status_shows_the_preloader)
{
    httpd_t *httpd = serve("python", SMART);

    http_get_body(200, "%s/hello", httpd->url);
    CHECK_CONTAINS(
        app_tool(httpd, "status"),
        test_format("Preloader PID: %d ", (int)scoreboard_preloader(httpd)));
}

TEST(stop_ends_preloader_and_forked_processes)
{
    httpd_t *httpd = serve("python", SMART_3);
    pid_t pids[PROCESSES], preloader;

    await_processes(httpd, pids, PROCESSES);
    preloader = scoreboard_preloader(httpd);
    httpd_stop(httpd);
    CHECK(!process_is_alive(preloader));
    for (int i = 0; i < PROCESSES; i++) {
        CHECK(!process_is_alive(pids[i]));
    }
}

/* Each process serves few requests, so one is always being forked. */
#define CHURN SMART "PassengerMaxRequests 20\n"

/* Kills what `victim` says several times while requests come in. */
static void check_killed_under_load(const char *language,
                                    pid_t (*victim)(const httpd_t *))
{
    httpd_t *httpd = serve(language, CHURN);
    http_load_t *load;
    http_load_result_t result;

    httpd_allow_log("PSG");
    http_get_body(200, "%s/hello", httpd->url);
    load = http_load_start(test_format("%s/hello", httpd->url), 6);
    for (int i = 0; i < 5; i++) {
        int ok = http_load_look(load).ok;
        pid_t pid;

        WAIT_UNTIL((pid = victim(httpd)) > 0);
        kill(pid, SIGKILL);
        WAIT_UNTIL(victim(httpd) != pid);
        WAIT_UNTIL(http_load_look(load).ok > ok + 60);
    }
    result = http_load_stop(load);
    CHECK_INT(result.failed, 0);
    CHECK_INT(result.other, 0);
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
    CHECK(scoreboard_ready(httpd) <= 6);
    httpd_stop(httpd); /* which looks for what is left */
}

RUBY_AND_PYTHON(killed_preloader_loses_nothing)
{
    check_killed_under_load(language, scoreboard_preloader);
}

RUBY_AND_PYTHON(killed_core_loses_no_fork)
{
    check_killed_under_load(language, httpd_core);
}

TEST(forked_process_has_the_identity_of_its_owner)
{
    httpd_t *httpd;
    pid_t pids[2];

    tenants_create();
    app_copy("python", "www");
    tenants_give("www", "psgalice:psgalice");
    httpd = httpd_start(
        &(httpd_config_t){.vhost_config = SMART "PassengerMinInstances 2\n"});
    await_processes(httpd, pids, 2);
    for (int i = 0; i < 2; i++) {
        const char *ids;

        test_shell(&ids,
                   "sed -n '/^[UG]id:/p; /^Groups:/p; /^CapEff:/p' "
                   "/proc/%d/status | tr '\\t\\n' '  '",
                   (int)pids[i]);
        CHECK_STR(ids, test_format("Uid: %d %d %d %d Gid: %d %d %d %d "
                                   "Groups: %d %d  CapEff: 0000000000000000 ",
                                   TENANT_ALICE, TENANT_ALICE, TENANT_ALICE,
                                   TENANT_ALICE, TENANT_ALICE, TENANT_ALICE,
                                   TENANT_ALICE, TENANT_ALICE, TENANT_ALICE,
                                   TENANT_SHARED));
    }
}
