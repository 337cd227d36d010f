/* SPDX-License-Identifier: Apache-2.0 */

/* Starts and ends one watchdog process: fork, descriptors, environment, exec,
 * and its first word. Called by agent_daemon.c. */

#include "agent_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_tables.h>

enum {
    START_MS = 10000, /* until its first word */
    END_MS = 7000,    /* it gives apps 5 s */
    STEP_MS = 20,     /* between two looks whether it has ended */
    ANSWER_SIZE = 1024,
    LOG = 2,
    SCOREBOARD = 3,
    HTTPD = 4,
    STORE = 5,
    FIRST_FREE = 7,
};

static void close_from(unsigned first)
{
    unsigned fd;
    long limit;

#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0u, 0u) == 0) {
        return;
    }
#endif
    limit = sysconf(_SC_OPEN_MAX);
    if (limit < 0 || limit > 65536) {
        limit = 65536;
    }
    for (fd = first; fd < (unsigned)limit; fd++) {
        close((int)fd);
    }
}

/* httpd's parent blocks and catches signals; none of that is the agent's. */
static void reset_signals(void)
{
    sigset_t none;
    int number;

    for (number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts the descriptors where ARCHITECTURE says; by way of high numbers, since
 * any of them may have the number of another. */
static int arrange_descriptors(const psg_launch_t *launch, int socket)
{
    int fds[FIRST_FREE], i;

    fds[0] = fds[1] = open("/dev/null", O_RDWR);
    fds[LOG] = launch->log;
    fds[SCOREBOARD] = launch->scoreboard;
    fds[HTTPD] = socket;
    fds[STORE] = launch->store[0];
    fds[STORE + 1] = launch->store[1];
    for (i = 0; i < FIRST_FREE; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD, 16);
        if (fds[i] < 0) {
            return 0;
        }
    }
    for (i = 0; i < FIRST_FREE; i++) {
        if (dup2(fds[i], i) < 0) {
            return 0;
        }
    }
    close_from(FIRST_FREE);
    return 1;
}

/* The end of its socket says that httpd has ended, unless another module's
 * daemon, a fork of ours, holds a copy of the other end: then the signal does.
 * It would not come if httpd ended before the call. */
static int end_with_httpd(pid_t httpd)
{
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == httpd;
}

/* The new process. Its failures travel the way its own ones will. */
__attribute__((noreturn)) static void
become_watchdog(const psg_launch_t *launch, int socket, pid_t httpd,
                char **args, char **env)
{
    char text[ANSWER_SIZE];
    int len;

    /* A group of its own: prefork signals its process group. */
    setsid();
    reset_signals();
    if (!end_with_httpd(httpd)) {
        _exit(1);
    }
    if (arrange_descriptors(launch, socket)) {
        socket = HTTPD;
        execve(args[0], args, env);
    }
    len = snprintf(text, sizeof(text), "error: cannot execute '%s': %s",
                   args[0], strerror(errno));
    if (len >= (int)sizeof(text)) {
        len = (int)sizeof(text) - 1;
    }
    (void)!send(socket, text, (size_t)len, MSG_NOSIGNAL);
    _exit(1);
}

/* Where it was installed, unless somebody tries out a build. */
static const char *program_name(void)
{
    const char *name = getenv("PASSENGER_AGENT");

    return name ? name : PSG_AGENT_PATH;
}

const char *psg_agent_check_program(apr_pool_t *pool)
{
    if (access(program_name(), X_OK) == 0) {
        return NULL;
    }
    return apr_psprintf(pool, "cannot execute '%s': %s", program_name(),
                        strerror(errno));
}

static char **make_args(const psg_launch_t *launch, apr_pool_t *pool)
{
    const char *loaders = getenv("PASSENGER_LOADERS");
    apr_array_header_t *args = apr_array_make(pool, 8, sizeof(char *));

    APR_ARRAY_PUSH(args, char *) = apr_pstrdup(pool, program_name());
    APR_ARRAY_PUSH(args, char *) = apr_pstrdup(pool, "watchdog");
    APR_ARRAY_PUSH(args, char *) =
        apr_pstrcat(pool, "--program=", program_name(), NULL);
    APR_ARRAY_PUSH(args, char *) =
        apr_pstrcat(pool, "--instance-dir=", launch->instance_dir, NULL);
    if (loaders) {
        APR_ARRAY_PUSH(args, char *) =
            apr_pstrcat(pool, "--loaders=", loaders, NULL);
    }
    APR_ARRAY_PUSH(args, char *) =
        apr_psprintf(pool, "--httpd-uid=%u", launch->httpd_uid);
    APR_ARRAY_PUSH(args, char *) =
        apr_psprintf(pool, "--httpd-gid=%u", launch->httpd_gid);
    APR_ARRAY_PUSH(args, char *) = NULL;
    return (char **)args->elts;
}

/* httpd's environment may hold secrets; apps get theirs from the agent. */
static char **make_env(apr_pool_t *pool)
{
    static const char *const kept[] = {"LANG", "TZ"};
    const char *path = getenv("PATH");
    apr_array_header_t *env = apr_array_make(pool, 4, sizeof(char *));
    size_t i;

    APR_ARRAY_PUSH(env, char *) = apr_pstrcat(
        pool, "PATH=", path ? path : "/usr/local/bin:/usr/bin:/bin", NULL);
    for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        const char *value = getenv(kept[i]);

        if (value) {
            APR_ARRAY_PUSH(env, char *) =
                apr_pstrcat(pool, kept[i], "=", value, NULL);
        }
    }
    APR_ARRAY_PUSH(env, char *) = NULL;
    return (char **)env->elts;
}

/* Waits for "ok" or "error: ..."; returns NULL or what is wrong. */
static const char *await_answer(int socket, apr_pool_t *pool)
{
    struct pollfd poll_fd = {.fd = socket, .events = POLLIN};
    char text[ANSWER_SIZE];
    ssize_t len;
    int ready;

    do {
        ready = poll(&poll_fd, 1, START_MS);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        return apr_psprintf(pool, "it said nothing for %d s", START_MS / 1000);
    }
    len = recv(socket, text, sizeof(text), 0);
    if (len <= 0) {
        return "it ended at once; see what it wrote to the log";
    }
    if (len == 2 && !memcmp(text, "ok", 2)) {
        return NULL;
    }
    if (len > 7 && !memcmp(text, "error: ", 7)) {
        return apr_pstrmemdup(pool, text + 7, (size_t)len - 7);
    }
    return "it is another version of passenger-agent than this module is made "
           "for";
}

apr_status_t psg_agent_launch(pid_t *pid, int *socket, const char **error,
                              const psg_launch_t *launch, apr_pool_t *pool)
{
    char **args = make_args(launch, pool);
    char **env = make_env(pool);
    int pair[2];
    pid_t child, httpd = getpid();

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        *error = apr_psprintf(pool, "socketpair: %s", strerror(errno));
        return APR_EGENERAL;
    }
    child = fork();
    if (child == 0) {
        close(pair[0]);
        become_watchdog(launch, pair[1], httpd, args, env);
    }
    close(pair[1]);
    *error = child < 0 ? apr_psprintf(pool, "fork: %s", strerror(errno))
                       : await_answer(pair[0], pool);
    if (!*error) {
        *pid = child;
        *socket = pair[0];
        return APR_SUCCESS;
    }
    close(pair[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    return APR_EGENERAL;
}

void psg_agent_end(pid_t pid, int socket)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    int waited;

    if (socket >= 0) {
        close(socket);
    }
    kill(pid, SIGTERM);
    for (waited = 0; waited < END_MS; waited += STEP_MS) {
        /* An error means that the MPM has reaped it. */
        if (waitpid(pid, NULL, WNOHANG) != 0) {
            return;
        }
        nanosleep(&step, NULL);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
