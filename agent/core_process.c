/* SPDX-License-Identifier: Apache-2.0 */

/* Starts the core as its own user and restarts it when it died. Called by the
 * watchdog's loop. */
#include "core_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "birth.h"
#include "privileges.h"
#include "watchdog.h"

/* Microseconds. A core that lived longer than BRIEF is restarted at once, one
 * that dies at its start after a pause that doubles: a short one if it was
 * killed, since apps need it; else what is wrong lasts longer. */
enum {
    SECOND = 1000000,
    BRIEF = SECOND,
    KILLED_PAUSE_MIN = SECOND / 100,
    KILLED_PAUSE_MAX = SECOND / 4,
    FAILED_PAUSE_MIN = SECOND / 2,
    FAILED_PAUSE_MAX = 60 * SECOND
};

/* The exit status of a child that could not become the core, and said why. */
enum {
    NOT_STARTED = 120
};

/* The core's descriptors by number: see ARCHITECTURE. */
enum {
    FD_CHANNEL = 4,
    FD_AGENT_SOCKET = 5,
    FD_ADMIN_SOCKET = 6,
    FD_FIRST_FREE = 7
};

/* In the child: the signals back to normal, fd 4 to 6 to what the core has
 * there; 2 and 3 are what they were, 0 and 1 are /dev/null. */
static const char *arrange(int channel, const core_process_t *core)
{
    const int from[] = {channel, core->agent_socket, core->admin_socket};
    const int to[] = {FD_CHANNEL, FD_AGENT_SOCKET, FD_ADMIN_SOCKET};
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    int i, fds[3];

    for (i = 1; i < NSIG; i++) {
        sigaction(i, &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Out of the way first, lest one overwrite another. */
    for (i = 0; i < 3; i++) {
        fds[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FD_FIRST_FREE);
    }
    for (i = 0; i < 3; i++) {
        if (fds[i] < 0 || dup2(fds[i], to[i]) < 0) {
            return strerror(errno);
        }
    }
    fcntl(WATCHDOG_FD_SCOREBOARD, F_SETFD, 0);
    fcntl(WATCHDOG_FD_LOG, F_SETFD, 0);
    return NULL; /* all others are close-on-exec */
}

/* How long the next core is waited for, if the one before was short-lived. */
static uint64_t pause_after(uint64_t pause, int was_killed)
{
    uint64_t min = was_killed ? KILLED_PAUSE_MIN : FAILED_PAUSE_MIN;
    uint64_t max = was_killed ? KILLED_PAUSE_MAX : FAILED_PAUSE_MAX;

    pause *= 2;
    return pause < min ? min : pause > max ? max : pause;
}

/* In the child. */
static void give_up(const core_process_t *core, const char *reason)
    __attribute__((noreturn));
static void give_up(const core_process_t *core, const char *reason)
{
    agent_log(PSG_LOG_CRIT,
              "PSG2220: the agent's core cannot be started: %s; apps start "
              "no processes until it can: httpd needs root's rights "
              "(CAP_SETUID, CAP_SETGID) also in a container, /proc, and "
              "memory; next try in %.1f s, and when httpd reloads",
              reason, (double)pause_after(core->backoff, 0) / SECOND);
    _exit(NOT_STARTED);
}

/* In the child. The core is bound to the watchdog: without it, it could start
 * nothing, and a new watchdog brings its own core. */
static void run_core(watchdog_t *dog, int channel) __attribute__((noreturn));
static void run_core(watchdog_t *dog, int channel)
{
    apr_pool_t *pool = dog->scratch;
    const char *reason = arrange(channel, &dog->core);
    const char *args[] = {
        "passenger-agent", "core",
        apr_pstrcat(pool, "--loaders=", dog->loaders, NULL),
        apr_pstrcat(pool, "--instance-dir=", dog->dir.path, NULL), NULL};

    if (!reason && dog->as_root) {
        privileges_drop_to_group(&dog->core.user, dog->httpd_gid, &reason,
                                 pool);
    }
    if (!reason && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        reason = "no_new_privs is refused";
    }
    if (!reason) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != dog->pid) {
            _exit(1);
        }
        execv("/proc/self/exe", (char *const *)args);
        reason = strerror(errno);
    }
    give_up(&dog->core, reason);
}

static void start_after(core_process_t *core, uint64_t pause)
{
    core->backoff = pause;
    core->start_at = psg_now() + pause;
}

void core_process_start_now(watchdog_t *dog)
{
    dog->core.backoff = 0; /* one that is failing just now is the first */
    if (dog->core.pid == 0) {
        dog->core.start_at = psg_now();
    }
}

/* A new core knows nothing: it gets the configuration and every process. */
static void owe_everything(watchdog_t *dog)
{
    app_child_t *child = NULL;

    dog->core.config_owed = 1;
    dog->core.adopting = 1;
    dog->core.adopted = 0;
    dog->core.failure_owed = 0;
    dog->core.retry_at = 0;
    while ((child = child_table_next(dog->children, child)) != NULL) {
        child->told = 0;
    }
}

void core_process_start(watchdog_t *dog)
{
    core_process_t *core = &dog->core;
    int pair[2];
    pid_t pid;

    if (core->pid != 0 || core->start_at == 0 || psg_now() < core->start_at) {
        return;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2221: cannot start the core: %s; trying again",
                  strerror(errno));
        start_after(core, pause_after(core->backoff, 0));
        return;
    }
    pid = fork();
    if (pid == 0) {
        run_core(dog, pair[1]);
    }
    close(pair[1]);
    if (pid < 0) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2222: cannot fork the core: %s; trying again",
                  strerror(errno));
        close(pair[0]);
        start_after(core, pause_after(core->backoff, 0));
        return;
    }
    core->pid = pid;
    core->channel = pair[0];
    core->started = psg_now();
    core->start_at = 0;
    owe_everything(dog);
}

/* What the core was not told about dead processes it will see by itself: they
 * are not among those it adopts. */
static void forget_exited(watchdog_t *dog)
{
    app_child_t *child = NULL;

    birth_drop_all(dog); /* those who wait are with the next core */
    while ((child = child_table_next(dog->children, child)) != NULL) {
        if (child->exited) {
            child_table_drop(dog->children, child);
        }
    }
}

static void close_channel(core_process_t *core)
{
    if (core->channel >= 0) {
        close(core->channel);
    }
    core->channel = -1;
}

void core_process_ended(watchdog_t *dog, int status)
{
    core_process_t *core = &dog->core;
    int was_killed = WIFSIGNALED(status);
    int is_brief = psg_now() - core->started < BRIEF;

    core->pid = 0;
    core->retry_at = 0;
    close_channel(core);
    forget_exited(dog);
    if (dog->ending) {
        return;
    }
    start_after(core, is_brief ? pause_after(core->backoff, was_killed) : 0);
    if (was_killed) {
        agent_log(
            PSG_LOG_ERROR,
            "PSG2223: the core was ended by signal %d (%s); starting a new one",
            WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    else if (WEXITSTATUS(status) != NOT_STARTED) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2224: the core ended with status %d; starting a new one "
                  "in %.1f s",
                  WEXITSTATUS(status), (double)core->backoff / SECOND);
    }
}

void core_process_end(watchdog_t *dog, int kill_it)
{
    close_channel(&dog->core);
    forget_exited(dog);
    if (kill_it && dog->core.pid != 0) {
        kill(dog->core.pid, SIGKILL); /* not reaped yet: it is the core */
    }
}
