/* SPDX-License-Identifier: Apache-2.0 */

/* From the fork of an app process to its exec, step by step; the order of the
 * steps is the security of the product. Called by app_spawn in the child. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "app_env.h"
#include "app_log.h"
#include "interpreter.h"
#include "privileges.h"
#include "shell_env.h"
#include "tenant_path.h"

/* An app's descriptors by number: see loaders/PROTOCOL. */
enum {
    FD_LISTENING = 3,
    FD_FIRST_FREE = LAUNCH_FD_CONTROL + 1
};

#define DEFAULT_PATH \
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Tells the core and ends. The line may be larger than the socket's buffer
 * only if nobody reads, and then nobody misses it. */
static void give_up(int fd, const launch_failure_t *failure, apr_pool_t *pool)
    __attribute__((noreturn));
static void give_up(int fd, const launch_failure_t *failure, apr_pool_t *pool)
{
    const char *line = launch_failure_line(failure, pool);
    size_t len = strlen(line), done = 0;

    while (done < len) {
        ssize_t n = write(fd, line + done, len - done);

        if (n < 0 && errno != EINTR) {
            break;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    _exit(1);
}

/* The watchdog ignores and blocks signals; an app expects the defaults. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    int i;

    for (i = 1; i < NSIG; i++) {
        sigaction(i, &action, NULL); /* refused for some: those are default */
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Closes all from FD_FIRST_FREE on. */
static void close_others(void)
{
    long fd, limit;

    if (syscall(SYS_close_range, FD_FIRST_FREE, ~0u, 0) == 0) {
        return;
    }
    limit = sysconf(_SC_OPEN_MAX); /* some sandboxes refuse close_range */
    for (fd = FD_FIRST_FREE; fd < limit; fd++) {
        close((int)fd);
    }
}

/* Puts the descriptors where PROTOCOL says, without close-on-exec. They are
 * copied out of the way first, lest one overwrite another. */
static int arrange_fds(const launch_t *launch)
{
    int from[FD_FIRST_FREE], i;

    from[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
    from[1] = launch->output;
    from[2] = launch->output;
    from[FD_LISTENING] = launch->listening;
    from[LAUNCH_FD_CONTROL] = launch->control;
    for (i = 0; i < FD_FIRST_FREE; i++) {
        from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FD_FIRST_FREE);
        if (from[i] < 0) {
            return -1;
        }
    }
    for (i = 0; i < FD_FIRST_FREE; i++) {
        if (dup2(from[i], i) < 0) {
            return -1;
        }
    }
    close_others();
    return 0;
}

/* A session of its own, so that the app's children can be ended with it, and
 * nothing of the watchdog's state but the descriptors it is to have. */
static const char *leave_watchdog(const launch_t *launch)
{
    if (setsid() < 0) {
        return "setsid";
    }
    reset_signals();
    umask(022);
    if (setrlimit(RLIMIT_NOFILE, &launch->files) != 0) {
        return "setrlimit";
    }
    if (arrange_fds(launch) != 0) {
        return "arranging descriptors";
    }
    return NULL;
}

/* After the change of ids, which resets it. The watchdog may have died before
 * this call: then no signal would ever come. */
static void end_with_watchdog(const launch_t *launch)
{
    if (launch->watchdog == 0) {
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != launch->watchdog) {
        _exit(1);
    }
}

/* For a program that knows nothing of fd 4: when the channel ends, since nobody
 * is left at the other end, or something is said there, the kernel sends SIGTERM
 * to its process group. It remembers the group itself, not its number, and that
 * it is this user who asks. */
static void end_with_channel(void)
{
    fcntl(LAUNCH_FD_CONTROL, F_SETSIG, SIGTERM);
    fcntl(LAUNCH_FD_CONTROL, F_SETOWN, -getpid());
    fcntl(LAUNCH_FD_CONTROL, F_SETFL,
          fcntl(LAUNCH_FD_CONTROL, F_GETFL) | O_ASYNC);
}

/* Whether the variable is one that we set ourselves. */
static int is_ours(const char *variable, const char *const *ours, int count)
{
    size_t len = (size_t)(strchr(variable, '=') - variable) + 1;
    int i;

    for (i = 0; i < count; i++) {
        if (strncmp(variable, ours[i], len) == 0) {
            return 1;
        }
    }
    return 0;
}

char **launcher_env(const launch_t *launch, pid_t self, apr_pool_t *pool)
{
    const identity_user_t *user = &launch->identity.user;
    const char *ours[] = {
        apr_pstrcat(pool, "HOME=", user->home, NULL),
        apr_pstrcat(pool, "USER=", user->name, NULL),
        apr_pstrcat(pool, "LOGNAME=", user->name, NULL),
        apr_pstrcat(pool, "SHELL=", user->shell, NULL),
        apr_pstrcat(pool, "PWD=", launch->app_root, NULL),
        "LISTEN_FDS=1",
        apr_psprintf(pool, "LISTEN_PID=%ld", (long)self),
    };
    const int count = sizeof(ours) / sizeof(ours[0]);
    apr_array_header_t *env = apr_array_make(pool, 32, sizeof(char *));
    int i;

    for (i = 0; i < count; i++) {
        APR_ARRAY_PUSH(env, const char *) = ours[i];
    }
    for (i = 0; launch->env[i]; i++) {
        if (!is_ours(launch->env[i], ours, count)) {
            APR_ARRAY_PUSH(env, const char *) = launch->env[i];
        }
    }
    if (!app_env_value(launch->env, "PATH")) {
        APR_ARRAY_PUSH(env, const char *) = "PATH=" DEFAULT_PATH;
    }
    APR_ARRAY_PUSH(env, const char *) = NULL;
    return (char **)env->elts;
}

/* env with the variables of PassengerEnvFile. NULL if the file cannot count:
 * without its secrets an app would do something else than it is meant to. */
static char **add_env_file(launch_failure_t *failure, const launch_t *launch,
                           char **env, apr_pool_t *pool)
{
    apr_array_header_t *all, *added;
    const char *problem;

    if (launch->env_file[0] == '\0') {
        return env;
    }
    added = app_env_read(&problem, launch->env_file, pool);
    if (!added) {
        failure->step = "environment";
        failure->summary =
            apr_psprintf(pool, "PassengerEnvFile '%s' cannot be used: %s",
                         launch->env_file, problem);
        failure->details = "";
        return NULL;
    }
    all = apr_array_make(pool, 64, sizeof(char *));
    for (; *env; env++) {
        APR_ARRAY_PUSH(all, char *) = *env;
    }
    app_env_set_all(all, added);
    APR_ARRAY_PUSH(all, char *) = NULL;
    return (char **)all->elts;
}

/* With what the user's profile sets, if that is wanted. A profile that hangs or
 * fails costs five seconds and a line in the log, never the app. */
static char **add_shell_env(const launch_t *launch, char **env,
                            apr_pool_t *pool)
{
    const char *problem = "";
    char **shell = NULL;

    if (launch->shell_env) {
        shell =
            shell_env_read(&problem, launch->identity.user.shell, env, pool);
    }
    if (*problem) {
        dprintf(STDERR_FILENO,
                "%s: %s; its environment is not used "
                "(PassengerLoadShellEnvvars)\n",
                launch->identity.user.shell, problem);
    }
    return shell ? shell_env_merge(env, shell, pool) : env;
}

/* The version that runs, whatever is installed by now. Nothing the core says
 * goes into it: with a variable for the linker it would be any program. */
static void run_watcher(launch_failure_t *failure, apr_pool_t *pool)
{
    const char *const args[] = {"passenger-agent", "watcher", NULL};
    const char *const env[] = {NULL};

    failure->step = "start";
    if (chdir("/") == 0) {
        execve("/proc/self/exe", (char *const *)args, (char *const *)env);
    }
    failure->summary =
        apr_psprintf(pool, "cannot start the watcher: %s", strerror(errno));
}

/* Everything that touches the tenant's files; runs with the tenant's rights
 * only. Returns if it failed. */
static void run_as_tenant(const launch_t *launch, launch_failure_t *failure,
                          apr_pool_t *pool)
{
    const char *log_file = app_env_value(launch->env, "PASSENGER_APP_LOG_FILE");
    char **env;

    if (launch->kind == PSG_KIND_WATCHER) {
        run_watcher(failure, pool);
        return;
    }
    if (tenant_path_enter(failure, launch, pool) != APR_SUCCESS
        || tenant_path_check_startup(failure, launch, pool) != APR_SUCCESS) {
        return;
    }
    if (log_file) {
        app_log_open(log_file);
    }
    env = add_env_file(failure, launch, launcher_env(launch, getpid(), pool),
                       pool);
    if (!env) {
        return;
    }
    env = add_shell_env(launch, env, pool);
    interpreter_exec(failure, launch, env, pool);
}

void launcher_run(const launch_t *launch, apr_pool_t *pool)
{
    launch_failure_t failure = {.step = "user", .details = ""};
    const char *call = leave_watchdog(launch);

    if (call) {
        /* fd 4 may not be in its place yet. */
        failure.summary = apr_psprintf(pool,
                                       "cannot prepare the process: "
                                       "%s: %s",
                                       call, strerror(errno));
        give_up(launch->control, &failure, pool);
    }
    if (launch->identity.switched
        && privileges_drop(&launch->identity.user, &failure.summary, pool)
               != APR_SUCCESS) {
        failure.details = "The watchdog of the agent needs root's rights "
                          "(CAP_SETUID, CAP_SETGID) to start this app.";
        give_up(LAUNCH_FD_CONTROL, &failure, pool);
    }
    end_with_watchdog(launch);
    if (launch->signal_end) {
        end_with_channel();
    }
    run_as_tenant(launch, &failure, pool);
    give_up(LAUNCH_FD_CONTROL, &failure, pool);
}
