/* SPDX-License-Identifier: Apache-2.0 */

/* The strikes a server must survive, and what each may cost: a table at the
 * end, found by name. survival.c runs them. */
#include "survival.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "test.h"

enum {
    ROWS_MAX = 64
};

/* SURVIVAL_APPS processes; a restart makes one more. */
#define POOL_OF_2 "PassengerMaxPoolSize 2\nPassengerMinInstances 2\n"
#define POOL_OF_3                                       \
    "PassengerMaxPoolSize 3\nPassengerMinInstances 2\n" \
    "PassengerMaxInstances 2\n"

/* Old children stay for a moment beside the new ones. */
#define ROOM_FOR_CHILDREN "ServerLimit 16\n"

/* Never 0, which would be our own group. */
static void kill_victim(survival_t *survival, pid_t pid)
{
    survival->victim = pid;
    if (pid > 1) {
        kill(pid, SIGKILL);
    }
}

static void kill_app(survival_t *survival)
{
    pid_t pids[ROWS_MAX];
    int count = scoreboard_pids(survival->httpd, pids, ROWS_MAX);

    kill_victim(survival, count > 0 ? pids[survival->struck % count] : 0);
}

static int app_is_replaced(const survival_t *survival)
{
    pid_t pids[ROWS_MAX];
    int i, count = scoreboard_pids(survival->httpd, pids, ROWS_MAX);

    for (i = 0; i < count; i++) {
        if (pids[i] == survival->victim) {
            return 0;
        }
    }
    return count >= 2;
}

static void kill_core(survival_t *survival)
{
    kill_victim(survival, scoreboard_core(survival->httpd));
}

static int core_is_back(const survival_t *survival)
{
    return scoreboard_core(survival->httpd) != survival->victim;
}

static void kill_child(survival_t *survival)
{
    pid_t pids[ROWS_MAX];
    int count =
        process_find_all(survival->httpd->pid, "httpd.conf", pids, ROWS_MAX);

    kill_victim(survival, count > 0 ? pids[survival->struck % count] : 0);
}

static void kill_watchdog(survival_t *survival)
{
    kill_victim(survival, httpd_watchdog(survival->httpd));
}

static int watchdog_is_back(const survival_t *survival)
{
    pid_t pid = httpd_watchdog(survival->httpd);

    return pid > 0 && pid != survival->victim;
}

static void reload_gracefully(survival_t *survival)
{
    httpd_graceful(survival->httpd);
}

/* What a log's rotation does. The lines of before are put back, since they are
 * checked at the end; httpd appends. */
static void rotate_logs(survival_t *survival)
{
    const char *log = survival->httpd->error_log;

    CHECK_INT(rename(log, test_format("%s.1", log)), 0);
    kill(survival->httpd->pid, SIGUSR1);
    WAIT_UNTIL(strstr(httpd_log(survival->httpd), "AH00094") != NULL);
    CHECK_INT(test_shell(NULL, "cat '%s.1' >>'%s.0'", log, log), 0);
}

static void reload_hard(survival_t *survival)
{
    httpd_restart(survival->httpd);
}

/* A version that nobody was told of yet. */
static void write_version(survival_t *survival)
{
    snprintf(survival->version, sizeof(survival->version), "%d",
             survival->struck + 2);
    ledger_deploy(survival->httpd, survival->version);
}

static void write_broken_version(survival_t *survival)
{
    survival->mark = scoreboard_failures(survival->httpd);
    ledger_deploy(survival->httpd, test_format("broken%d", survival->struck));
}

static void deploy(survival_t *survival)
{
    write_version(survival);
    ledger_restart(survival->httpd);
}

static void deploy_badly(survival_t *survival)
{
    write_broken_version(survival);
    ledger_restart(survival->httpd);
}

/* The tool instead of the file, which is looked at once a second. */
static void restart_by_command(const httpd_t *httpd)
{
    app_tool(httpd, test_format("restart-app '%s'", httpd->app_root));
}

static void deploy_by_command(survival_t *survival)
{
    write_version(survival);
    restart_by_command(survival->httpd);
}

static void deploy_badly_by_command(survival_t *survival)
{
    write_broken_version(survival);
    restart_by_command(survival->httpd);
}

static int is_deployed(const survival_t *survival)
{
    const char *version = ledger_look(survival->httpd).version;

    return version && strcmp(version, survival->version) == 0;
}

/* Another while each time, so that it is met in all it does. */
static void wait_a_while(const survival_t *survival)
{
    usleep((useconds_t)(survival->struck * 37 % 400) * 1000);
}

static void kill_core_in_restart(survival_t *survival)
{
    deploy(survival);
    wait_a_while(survival);
    kill_core(survival);
}

static void kill_watchdog_in_restart(survival_t *survival)
{
    deploy(survival);
    wait_a_while(survival);
    kill_watchdog(survival);
}

static void kill_both(survival_t *survival)
{
    kill_victim(survival, scoreboard_core(survival->httpd));
    kill_watchdog(survival);
}

/* Of the old version or, if it is there already, of the new one. */
static void kill_preloader(survival_t *survival)
{
    deploy(survival);
    WAIT_UNTIL(scoreboard_preloader(survival->httpd) > 0);
    kill_victim(survival, scoreboard_preloader(survival->httpd));
}

/* It was tried, and what runs answers. */
static int is_refused(const survival_t *survival)
{
    const char *version = ledger_look(survival->httpd).version;

    CHECK(!version || strncmp(version, "broken", 6) != 0);
    return scoreboard_failures(survival->httpd) > survival->mark;
}

static const char app_logs[] = "PSG";
static const char core_logs[] = "the core|PSG";

static const survival_case_t cases[] = {
    {
        .name = "ruby app killed",
        .language = "ruby",
        .config.server_config = POOL_OF_2,
        .plan.wait_ms = 10,
        .strike = kill_app,
        .is_back = app_is_replaced,
        .lost_posts = 1,
        .logs = app_logs,
    },
    {
        .name = "python app killed",
        .language = "python",
        .config.server_config = POOL_OF_2,
        .plan.wait_ms = 10,
        .strike = kill_app,
        .is_back = app_is_replaced,
        .lost_posts = 1,
        .logs = app_logs,
    },
    {
        .name = "node app killed",
        .language = "node",
        .config.server_config = POOL_OF_2,
        .plan.wait_ms = 10,
        .strike = kill_app,
        .is_back = app_is_replaced,
        .lost_posts = 24, /* as many as are in flight */
        .logs = app_logs,
    },
    {
        .name = "core killed",
        .language = "ruby",
        .config.server_config = POOL_OF_2,
        .plan.wait_ms = 10,
        .strike = kill_core,
        .is_back = core_is_back,
        .back_within = 0.5,
        .slowest = 1,
        .keeps_apps = 1,
        .keeps_slots = 1,
        .logs = core_logs,
    },
    {
        .name = "httpd child killed",
        .language = "python",
        .config.server_config = POOL_OF_2,
        .plan.wait_ms = 15, /* some requests run, some wait */
        .strike = kill_child,
        .answers_between = 100, /* httpd makes children once a second */
        .lost_gets = 16,        /* its threads */
        .lost_posts = 16,
        .keeps_apps = 1,
        .logs = "AH00052|PSG",
    },
    {
        .name = "watchdog killed",
        .language = "ruby",
        .config.server_config = POOL_OF_2,
        .strike = kill_watchdog,
        .is_back = watchdog_is_back,
        .slowest = 1,
        .keeps_apps = 1,
        .keeps_slots = 1,
        .logs = "agent|PSG",
    },
    {
        .name = "both killed",
        .language = "python",
        .config.server_config = POOL_OF_2,
        .strike = kill_both,
        .is_back = watchdog_is_back,
        .slowest = 1,
        .keeps_apps = 1,
        .keeps_slots = 1,
        .logs = "agent|PSG",
    },
    {
        .name = "core, in a restart",
        .language = "ruby",
        .config.server_config = POOL_OF_3,
        .strike = kill_core_in_restart,
        .is_back = is_deployed,
        .slowest = 1,
        .logs = core_logs,
    },
    {
        .name = "watchdog, in a restart",
        .language = "node",
        .config.server_config = POOL_OF_3,
        .strike = kill_watchdog_in_restart,
        .is_back = is_deployed,
        .slowest = 1,
        .logs = "agent|PSG",
    },
    {
        .name = "graceful",
        .language = "ruby",
        .config.server_config = POOL_OF_2 ROOM_FOR_CHILDREN,
        .plan.wait_ms = 10,
        .strike = reload_gracefully,
        .answers_between = 100,
        .keeps_apps = 1,
        .keeps_slots = 1,
    },
    {
        .name = "graceful, logs rotated",
        .language = "python",
        .config.server_config = POOL_OF_2 ROOM_FOR_CHILDREN,
        .plan.wait_ms = 10,
        .strike = rotate_logs,
        .answers_between = 100,
        .keeps_apps = 1,
        .keeps_slots = 1,
    },
    {
        .name = "hard restart",
        .language = "ruby",
        .config.server_config = POOL_OF_2 ROOM_FOR_CHILDREN,
        .plan.wait_ms = 10,
        .strike = reload_hard,
        .lost_gets = 24, /* httpd ends every connection */
        .lost_posts = 24,
        .keeps_apps = 1,
        .logs = "PSG",
    },
    {
        .name = "restart.txt",
        .language = "ruby",
        .config.server_config = POOL_OF_3,
        .strike = deploy,
        .is_back = is_deployed,
        .slowest = 1,
    },
    {
        .name = "restart by command",
        .language = "python",
        .config.server_config = POOL_OF_3,
        .strike = deploy_by_command,
        .is_back = is_deployed,
        .answers_between = 5,
        .slowest = 1,
    },
    {
        .name = "bad, by command",
        .language = "python",
        .config.server_config = POOL_OF_3,
        .strike = deploy_badly_by_command,
        .is_back = is_refused,
        .answers_between = 5,
        .keeps_apps = 1,
        .slowest = 1,
        .logs = "PSG",
    },
    {
        .name = "preloader killed",
        .language = "python",
        .config.server_config = POOL_OF_3 "PassengerSpawnMethod smart\n",
        .strike = kill_preloader,
        .is_back = is_deployed,
        .slowest = 1,
        .logs = "PSG",
    },
    {
        .name = "bad deployment",
        .language = "ruby",
        .config.server_config = POOL_OF_3,
        .strike = deploy_badly,
        .is_back = is_refused,
        .keeps_apps = 1,
        .slowest = 1,
        .logs = "PSG",
    },
};

const survival_case_t *survival_case(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, name) == 0) {
            return &cases[i];
        }
    }
    FAIL("there is no strike called '%s'", name);
}
