/* SPDX-License-Identifier: Apache-2.0 */

/* The agent asks the kernel for nothing by a tenant's path, and a child that
 * could not give up all of root's rights executes nothing. */
#include <signal.h>
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "syscall_trace.h"
#include "tenants.h"
#include "test.h"

/* A folder for each language, below one that is psgalice's. */
static httpd_t *serve_all(void)
{
    static const char *const apps[] = {"python", "ruby", "node",
                                       "command-port"};
    const char *places = "";

    tenants_create();
    app_require("strace python3 ruby node");
    for (size_t i = 0; i < 4; i++) {
        const char *folder = app_copy(apps[i], test_format("home/%s", apps[i]));

        test_file(test_format("home/%s/.env", apps[i]), "FROM_FILE=1\n");
        test_file(test_format("home/%s/tmp/other", apps[i]), "");
        places = test_format("%s<Location /%s>\nPassengerBaseURI /%s\n"
                             "PassengerAppRoot \"%s\"\n%s</Location>\n",
                             places, apps[i], apps[i], folder,
                             i == 3 ? "PassengerAppStartCommand "
                                      "\"python3 server.py\"\n"
                                    : "");
    }
    test_shell(NULL,
               "cd '%s' && chown -R psgalice:psgalice home && chmod -R "
               "go= home/*/tmp home/*/.env",
               test_dir());
    return httpd_start(&(httpd_config_t){
        .untraced = 1,
        .vhost_config = test_format("PassengerSpawnMethod smart\n"
                                    "PassengerAppLogFile app.log\n"
                                    "PassengerEnvFile .env\n%s",
                                    places)});
}

static void await_restart(const httpd_t *httpd, const char *app)
{
    pid_t before = scoreboard_newest(httpd);

    CHECK_INT(
        test_shell(NULL, "touch '%s/home/%s/tmp/restart.txt'", test_dir(), app),
        0);
    WAIT_UNTIL(scoreboard_newest(httpd) != before && !process_is_alive(before));
}

/* Starts, forks of preloaders, restarts, a crash, failed starts. */
static void drive(const httpd_t *httpd)
{
    static const char *const apps[] = {"ruby", "node", "command-port",
                                       "python"};

    for (size_t i = 0; i < 4; i++) {
        http_get_body(200, "%s/%s/hello", httpd->url, apps[i]);
    }
    WAIT_UNTIL(scoreboard_watched(httpd) == 4);
    CHECK(scoreboard_preloader(httpd) > 0);
    await_restart(httpd, "python");
    http_get("%s/ruby/die", httpd->url);
    WAIT_UNTIL(http_get("%s/ruby/hello", httpd->url)->status == 200);
    test_shell(NULL, "rm '%s'/home/python/*.py", test_dir());
    http_get("%s/python/die", httpd->url);
    CHECK(http_get("%s/python/hello", httpd->url)->status >= 500);
}

typedef struct {
    int agents, tenants, started; /* lines; of tenants: below their folder */
} count_t;

/* The folder of the test is the home of both users. What is not theirs: the
 * instance dir's parent. */
static int is_theirs(const char *line)
{
    const char *dir = test_dir(), *at = line;

    while ((at = strstr(at, dir)) != NULL) {
        at += strlen(dir);
        if (strncmp(at, "/run", 4) != 0 && strncmp(at, "/error.log", 10) != 0) {
            return 1;
        }
    }
    return strstr(line, "..") && !strstr(line, "<... ")
           && (strstr(line, "/../") || strstr(line, "\".."));
}

static void count_line(void *data, syscall_who_e who, const char *line)
{
    count_t *count = data;

    if (who == SYSCALL_TENANT) {
        count->tenants += is_theirs(line);
        count->started += strncmp(line, "execve(", 7) == 0;
        return;
    }
    count->agents++;
    if (is_theirs(line)) {
        FAIL("the agent touches what is a tenant's: %s", line);
    }
}

TEST_DEADLINE(agent_touches_no_path_of_a_tenant, 60)
{
    httpd_t *httpd = serve_all();
    count_t count = {0};
    syscall_trace_t *trace = syscall_trace_start(
        httpd,
        "%file,%process,setresuid,bind,connect,fchmod,fchown,ftruncate,"
        "fchdir,getdents64,inotify_add_watch,sendto",
        NULL);

    httpd_allow_log("PSG");
    drive(httpd);
    httpd_stop(httpd);
    syscall_trace_stop(trace);
    syscall_trace_read(trace, count_line, &count);
    CHECK(count.agents > 100);
    CHECK(count.tenants > 100);
    CHECK(count.started >= 8); /* watcher, four apps, their shells */
}

/* What is executed while one call of the change of ids fails. */
static void fail_on_exec(void *data, syscall_who_e who, const char *line)
{
    (void)who;
    *(int *)data += strstr(line, "INJECTED") != NULL;
    if (strncmp(line, "execve", 6) == 0) {
        FAIL("a child that kept rights executes a program: %s", line);
    }
}

static void check_nothing_runs(const char *inject, const char *said)
{
    httpd_t *httpd;
    syscall_trace_t *trace;
    pid_t core;
    int injected = 0;

    tenants_create();
    app_require("strace python3");
    app_copy("python", "www");
    tenants_give("www", "psgalice:psgalice");
    httpd_allow_log("PSG");
    httpd = httpd_start(&(httpd_config_t){.untraced = 1});
    trace = syscall_trace_start(httpd, "setgroups,setresgid,setresuid,execve",
                                inject);
    CHECK_INT(http_get("%s/hello", httpd->url)->status, 500);
    httpd_await_log(httpd, test_format("cannot become user 'psgalice' (uid "
                                       "60101): %s",
                                       said));
    core = httpd_core(httpd);
    kill(core, SIGKILL); /* a new one must not be root's either */
    WAIT_UNTIL(!process_is_alive(core));
    httpd_await_log(httpd, "PSG2220");
    syscall_trace_stop(trace);
    syscall_trace_read(trace, fail_on_exec, &injected);
    CHECK(injected >= 2);
    WAIT_UNTIL_FOR(http_get("%s/hello", httpd->url)->status == 200, 20);
    CHECK_INT(process_status(app_pid(httpd), "Uid"), TENANT_ALICE);
}

#define CHANGE(promise, inject, said)     \
    TEST(promise)                         \
    {                                     \
        check_nothing_runs(inject, said); \
    }

/* Each call fails in both ways the kernel knows. */
CHANGE(user_at_his_limit_runs_nothing, "setresuid:error=EAGAIN",
       "setresuid: Resource temporarily unavailable")
CHANGE(refused_change_of_user_runs_nothing, "setresuid:error=EPERM",
       "setresuid: Operation not permitted")
CHANGE(group_that_is_to_try_again_runs_nothing, "setresgid:error=EAGAIN",
       "setresgid: Resource temporarily unavailable")
CHANGE(refused_change_of_group_runs_nothing, "setresgid:error=EPERM",
       "setresgid: Operation not permitted")
CHANGE(groups_that_are_to_try_again_run_nothing, "setgroups:error=EAGAIN",
       "setgroups: Resource temporarily unavailable")
CHANGE(refused_change_of_groups_runs_nothing, "setgroups:error=EPERM",
       "setgroups: Operation not permitted")

/* The calls say that they worked, but did nothing. */
CHANGE(change_of_user_without_effect_runs_nothing, "setresuid:retval=0",
       "the change did not take full effect")
CHANGE(change_of_group_without_effect_runs_nothing, "setresgid:retval=0",
       "the change did not take full effect")
CHANGE(change_of_groups_without_effect_runs_nothing, "setgroups:retval=0",
       "the change did not take full effect")
