/* SPDX-License-Identifier: Apache-2.0 */

/* Runs the administrator's commands for events: fork, exec of /bin/sh, a pidfd
 * in the loop. Called by app_group and others that see something happen. */
#include "event_hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_pool.h"

enum {
    SECOND = 1000000,
    RUNNING_MAX = 8,
    STARTS_PER_SECOND = 20,
    TIME_MAX = 30 * SECOND,
    EXIT_NO_SHELL = 127,
    FIRST_UNKNOWN_FD = 3
};

#define CTL_PREFIX "hook_"

/* A command that runs, or room for one. */
typedef struct {
    core_t *core;
    pid_t pid; /* of its process group, too; 0 = free */
    int pidfd;
    int killed;
    event_hook_e hook;
    event_source_t source;
    event_timer_t deadline;
} running_t;

struct event_hooks_t {
    running_t running[RUNNING_MAX];
    uint64_t second; /* when the second that is counted began */
    unsigned started, dropped;
};

static const char *const hook_names[HOOK_COUNT] = {
#define EVENT_HOOK(NAME, name) [HOOK_##NAME] = name,
#include "event_hooks.def"
};

static const struct {
    const char *name, *why;
} without_effect[] = {
#define EVENT_HOOK_NONE(name, why) {name, why},
#include "event_hooks.def"
};

event_hooks_t *event_hooks_create(core_t *core)
{
    return apr_pcalloc(core->pool, sizeof(event_hooks_t));
}

/* What follows "hook_NAME=" in a PassengerCtl, or NULL. */
static const char *command_in(const char *ctl, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(ctl, CTL_PREFIX, sizeof(CTL_PREFIX) - 1) != 0) {
        return NULL;
    }
    ctl += sizeof(CTL_PREFIX) - 1;
    return strncmp(ctl, name, len) == 0 && ctl[len] == '=' ? ctl + len + 1
                                                           : NULL;
}

static const char *why_without_effect(const char *ctl)
{
    for (int i = 0; i < HOOK_COUNT; i++) {
        if (command_in(ctl, hook_names[i])) {
            return NULL;
        }
    }
    for (size_t i = 0; i < sizeof(without_effect) / sizeof(without_effect[0]);
         i++) {
        if (command_in(ctl, without_effect[i].name)) {
            return without_effect[i].why;
        }
    }
    return "it has no meaning here";
}

void event_hooks_configured(const core_t *core)
{
    const apr_array_header_t *list = core->options->ctl;

    for (int i = 0; list && i < list->nelts; i++) {
        const char *ctl = APR_ARRAY_IDX(list, i, const char *);
        const char *why = why_without_effect(ctl);

        if (why) {
            agent_log(PSG_LOG_NOTICE, "PSG2180: PassengerCtl %.*s: %s",
                      (int)strcspn(ctl, "="), ctl, why);
        }
    }
}

static void on_deadline(void *baton)
{
    running_t *running = baton;

    agent_log(PSG_LOG_WARN,
              "PSG2181: the command for hook_%s takes longer than %d seconds; "
              "it is killed",
              hook_names[running->hook], TIME_MAX / SECOND);
    running->killed = 1;
    (void)kill(-running->pid, SIGKILL); /* not reaped: the number is its own */
}

static void on_exit_of_command(void *baton)
{
    running_t *running = baton;
    int status = 0;
    pid_t reaped = waitpid(running->pid, &status, WNOHANG);

    if (reaped == 0 || (reaped < 0 && errno == EINTR)) {
        return;
    }
    if (reaped > 0 && status != 0 && !running->killed) {
        agent_log(PSG_LOG_WARN,
                  "PSG2182: the command for hook_%s failed (%s %d); what it "
                  "said is above",
                  hook_names[running->hook],
                  WIFSIGNALED(status) ? "signal" : "exit status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    event_timer_clear(&running->deadline);
    event_source_unwatch(&running->source);
    (void)close(running->pidfd);
    running->pid = 0;
}

/* In the child: what the command finds. Only async-signal-safe calls. */
__attribute__((noreturn)) static void
run_shell(const char *command, const char *const *environment, int null)
{
    const char *const args[] = {"/bin/sh", "-c", command, NULL};
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(null, 0) < 0 || dup2(2, 1) < 0) {
        _exit(EXIT_NO_SHELL);
    }
    /* All are close-on-exec; a second wall costs nothing. */
    (void)syscall(SYS_close_range, FIRST_UNKNOWN_FD, ~0U, 0);
    (void)execve(args[0], (char *const *)args, (char *const *)environment);
    _exit(EXIT_NO_SHELL);
}

/* Forks; APR_SUCCESS if the command runs and is watched. */
static apr_status_t start(running_t *running, const char *command,
                          const char *const *environment)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    apr_status_t rv;
    pid_t pid;

    if (null < 0) {
        return errno;
    }
    pid = fork();
    if (pid == 0) {
        run_shell(command, environment, null);
    }
    rv = pid < 0 ? errno : APR_SUCCESS;
    (void)close(null);
    if (pid < 0) {
        return rv;
    }
    (void)setpgid(pid, pid); /* whoever of both is first */
    running->killed = 0;
    running->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    rv = running->pidfd < 0
             ? errno
             : event_source_watch(&running->source, running->core->loop,
                                  running->pidfd, on_exit_of_command, running);
    if (rv != APR_SUCCESS) {
        (void)kill(-pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
        if (running->pidfd >= 0) {
            (void)close(running->pidfd);
        }
        return rv;
    }
    running->pid = pid;
    event_timer_set(&running->deadline, running->core->loop,
                    event_loop_now(running->core->loop) + TIME_MAX, on_deadline,
                    running);
    return APR_SUCCESS;
}

static running_t *find_room(core_t *core)
{
    event_hooks_t *hooks = core->apps->hooks;
    uint64_t now = event_loop_now(core->loop);

    if (now - hooks->second >= SECOND) {
        if (hooks->dropped > 0) {
            agent_log(PSG_LOG_WARN,
                      "PSG2183: %u events had no command run: at most %d run "
                      "at once, and %d begin in a second",
                      hooks->dropped, RUNNING_MAX, STARTS_PER_SECOND);
        }
        hooks->second = now;
        hooks->started = hooks->dropped = 0;
    }
    for (int i = 0; i < RUNNING_MAX && hooks->started < STARTS_PER_SECOND;
         i++) {
        if (hooks->running[i].pid == 0) {
            hooks->started++;
            return &hooks->running[i];
        }
    }
    hooks->dropped++;
    return NULL;
}

static void run_one(app_group_t *group, event_hook_e hook, int pid,
                    const char *command)
{
    apr_pool_t *scratch = event_loop_scratch(group->core->loop);
    const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        apr_pstrcat(scratch, "PASSENGER_HOOK_NAME=", hook_names[hook], NULL),
        apr_pstrcat(scratch, "PASSENGER_APP_ROOT=", group->spec->root, NULL),
        pid ? apr_psprintf(scratch, "PASSENGER_PROCESS_PID=%d", pid) : NULL,
        NULL};
    running_t *running = find_room(group->core);
    apr_status_t rv;
    char text[128];

    if (!running) {
        return;
    }
    running->core = group->core;
    running->hook = hook;
    rv = start(running, command, environment);
    if (rv != APR_SUCCESS) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2184: app '%s': the command for hook_%s cannot be run: "
                  "%s",
                  group->spec->root, hook_names[hook],
                  apr_strerror(rv, text, sizeof(text)));
    }
}

void event_hooks_run(app_group_t *group, event_hook_e hook, int pid)
{
    const apr_array_header_t *list = group->core->options->ctl;

    for (int i = 0; list && i < list->nelts; i++) {
        const char *command =
            command_in(APR_ARRAY_IDX(list, i, const char *), hook_names[hook]);

        if (command) {
            run_one(group, hook, pid, command);
        }
    }
}

void event_hooks_check_queue(app_group_t *group)
{
    uint64_t rejected = __atomic_load_n(
        &group->core->sb->groups[group->index].rejected, __ATOMIC_RELAXED);

    if (rejected > group->rejected_seen) {
        event_hooks_run(group, HOOK_QUEUE_FULL_ERROR, 0);
    }
    group->rejected_seen = rejected;
}
