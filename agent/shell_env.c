/* SPDX-License-Identifier: Apache-2.0 */

/* Asks the login shell for its environment, through a pipe of its own, so that
 * nothing a profile prints is mistaken for it. Called by launcher.c. */
#include "shell_env.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "scoreboard.h"

enum {
    DEADLINE = 5000000, /* microseconds */
    RESULT_MAX = 256 * 1024,
    RESULT_FD = 9,
    SHELL_ARGS = 4
};

/* What a shell sets for itself, and functions. */
static const char *const not_taken[] = {
    "_=",         "SHLVL=",    "PWD=", "OLDPWD=",
    "BASH_FUNC_", "BASH_ENV=", "ENV=", "LISTEN_"};
/* Where the profile's word counts more than ours. */
static const char *const preferred[] = {"PATH=", "LANG="};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int begins_with_one_of(const char *text, const char *const *list,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(text, list[i], strlen(list[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_known(const char *shell)
{
    static const char *const known[] = {"sh", "bash", "dash", "zsh", "ksh"};
    const char *slash = strrchr(shell, '/');

    for (size_t i = 0; slash && i < COUNT(known); i++) {
        if (strcmp(slash + 1, known[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Either may have any number, 9 too: what is written last must not be what is
 * still needed. dup2() to the same number would leave close-on-exec set. */
static int set_descriptors(int nothing, int result)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (dup2(nothing, fd) < 0) {
            return 0;
        }
    }
    return result == RESULT_FD ? fcntl(result, F_SETFD, 0) == 0
                               : dup2(result, RESULT_FD) == RESULT_FD;
}

/* In the child. A group of its own, so that all the profile starts can be
 * ended. Our descriptors 3 and 4 are not the shell's. */
static void run_shell(const char *shell, char **env, int result)
    __attribute__((noreturn));
static void run_shell(const char *shell, char **env, int result)
{
    const char *args[SHELL_ARGS] = {shell, "-lc", "exec env -0 >&9", NULL};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)setpgid(0, 0);
    if (nothing < 0 || !set_descriptors(nothing, result)) {
        _exit(1);
    }
    for (int fd = 3; fd < RESULT_FD; fd++) {
        (void)close(fd);
    }
    (void)execve(shell, (char *const *)args, env);
    _exit(1);
}

/* Reads to the end; 0 with *problem if it does not come. */
static size_t read_all(const char **problem, int fd, char *buf)
{
    uint64_t end = psg_now() + DEADLINE;
    size_t len = 0;

    for (;;) {
        struct pollfd look = {.fd = fd, .events = POLLIN};
        uint64_t now = psg_now();
        ssize_t n;

        if (now >= end || poll(&look, 1, (int)((end - now) / 1000) + 1) == 0) {
            *problem = "the login shell did not finish within 5 seconds";
            return 0;
        }
        n = read(fd, buf + len, RESULT_MAX - len);
        if (n == 0) {
            return len;
        }
        if (n < 0 && errno != EINTR) {
            *problem = "the login shell cannot be read from";
            return 0;
        }
        len += n > 0 ? (size_t)n : 0;
        if (len == RESULT_MAX) {
            *problem = "the login shell exports more than 256 KiB";
            return 0;
        }
    }
}

/* Its strings, each of which ends with NUL. */
static char **split(char *buf, size_t len, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 32, sizeof(char *));
    char *end = buf + len;

    for (char *at = buf; at < end; at += strlen(at) + 1) {
        if (strchr(at, '=') && at[0] != '='
            && !begins_with_one_of(at, not_taken, COUNT(not_taken))) {
            APR_ARRAY_PUSH(list, char *) = at;
        }
    }
    APR_ARRAY_PUSH(list, char *) = NULL;
    return (char **)list->elts;
}

/* Why it said nothing, by its status of waitpid. */
static const char *silence(int status, apr_pool_t *pool)
{
    if (!WIFEXITED(status)) {
        return apr_psprintf(pool, "the login shell was ended by signal %d",
                            WTERMSIG(status));
    }
    return apr_psprintf(pool,
                        "the login shell ended with status %d before it had "
                        "exported anything; a profile must call neither exit "
                        "nor exec",
                        WEXITSTATUS(status));
}

char **shell_env_read(const char **problem, const char *shell, char **env,
                      apr_pool_t *pool)
{
    int ends[2];
    char *buf;
    size_t len;
    pid_t pid;
    int status = 0;

    *problem = "";
    if (!is_known(shell)) {
        return NULL;
    }
    if (access(shell, X_OK) != 0) {
        *problem = "the login shell cannot be executed";
        return NULL;
    }
    buf = apr_palloc(pool, RESULT_MAX + 1);
    if (pipe2(ends, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
        *problem = "the login shell cannot be started";
        return NULL;
    }
    if (pid == 0) {
        run_shell(shell, env, ends[1]);
    }
    (void)setpgid(pid, pid); /* whoever comes first */
    (void)close(ends[1]);
    len = read_all(problem, ends[0], buf);
    (void)close(ends[0]);
    (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (len == 0) {
        *problem = **problem ? *problem : silence(status, pool);
        return NULL;
    }
    buf[len] = '\0';
    return split(buf, len, pool);
}

/* The index of the variable of that string's name, or -1. */
static int find(const apr_array_header_t *env, const char *string)
{
    size_t len = strcspn(string, "=") + 1;

    for (int i = 0; i < env->nelts; i++) {
        if (strncmp(APR_ARRAY_IDX(env, i, char *), string, len) == 0) {
            return i;
        }
    }
    return -1;
}

char **shell_env_merge(char **base, char **shell, apr_pool_t *pool)
{
    apr_array_header_t *env = apr_array_make(pool, 64, sizeof(char *));

    for (; *base; base++) {
        APR_ARRAY_PUSH(env, char *) = *base;
    }
    for (; *shell; shell++) {
        int i = find(env, *shell);

        if (i < 0) {
            APR_ARRAY_PUSH(env, char *) = *shell;
        }
        else if (begins_with_one_of(*shell, preferred, COUNT(preferred))) {
            APR_ARRAY_IDX(env, i, char *) = *shell;
        }
    }
    APR_ARRAY_PUSH(env, char *) = NULL;
    return (char **)env->elts;
}
