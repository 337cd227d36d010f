/* SPDX-License-Identifier: Apache-2.0 */

/* The test's own process: checks, cleanups, files. Tests call what test.h
 * declares; the supervisor calls test_case_run(). */
#include "test_case.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>

const char *test_base_dir;

typedef struct {
    test_cleanup_fn fn;
    void *data;
} deferred_t;

static test_case_t *running;
static apr_pool_t *pool;
static pid_t test_pid;
static deferred_t deferred[64];
static int deferred_count;
static int failed;
static char *dir;

double test_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void test_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

double test_deadline_factor(void)
{
    const char *text = getenv("TEST_DEADLINE_FACTOR");
    double factor = text ? strtod(text, NULL) : 1;

    return factor >= 1 ? factor : 1;
}

apr_pool_t *test_pool(void)
{
    return pool;
}

const char *test_name(void)
{
    return running->id;
}

int test_has_failed(void)
{
    return failed;
}

void test_defer(test_cleanup_fn fn, void *data)
{
    CHECK(deferred_count < (int)(sizeof(deferred) / sizeof(deferred[0])));
    deferred[deferred_count++] = (deferred_t){fn, data};
}

/* Ends the test. A cleanup may fail in its turn: then the rest still runs. A
 * process forked by the test only ends itself: the cleanups are not its own. */
__attribute__((noreturn)) static void end(int status)
{
    fflush(NULL);
    if (getpid() != test_pid) {
        _exit(status);
    }
    failed |= status == TEST_FAILED;
    while (deferred_count > 0) {
        deferred_t *last = &deferred[--deferred_count];

        last->fn(last->data);
    }
    fflush(NULL);
    if (dir && !failed) {
        test_shell(NULL, "rm -rf '%s'", dir);
    }
    apr_pool_destroy(pool);
    _exit(failed ? TEST_FAILED : status);
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    end(TEST_FAILED);
}

void test_skip(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(running->report->skip_reason,
              sizeof(running->report->skip_reason), format, args);
    va_end(args);
    end(TEST_SKIPPED);
}

void test_wait_more(const char *file, int line, const char *what, double end)
{
    if (test_now() > end) {
        test_fail(file, line, "waited in vain for: %s", what);
    }
    test_pause();
}

void test_check_int(const char *file, int line, const char *what,
                    long long actual, long long expected)
{
    if (actual != expected) {
        test_fail(file, line, "%s is %lld, not %lld", what, actual, expected);
    }
}

void test_check_str(const char *file, int line, const char *what,
                    const char *actual, const char *expected)
{
    if (!actual || !expected ? actual != expected
                             : strcmp(actual, expected) != 0) {
        test_fail(file, line, "%s is \"%s\", not \"%s\"", what,
                  actual ? actual : "(null)", expected ? expected : "(null)");
    }
}

void test_check_contains(const char *file, int line, const char *what,
                         const char *haystack, const char *needle, int wanted)
{
    int found = haystack && strstr(haystack, needle) != NULL;

    if (found != wanted) {
        test_fail(file, line, "%s %s \"%s\"; it is \"%.4000s\"", what,
                  wanted ? "lacks" : "contains", needle,
                  haystack ? haystack : "(null)");
    }
}

const char *test_format(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = apr_pvsprintf(pool, format, args);
    va_end(args);
    return text;
}

/* The folder is called like the test; a slash would make two of it. */
const char *test_dir(void)
{
    if (!dir) {
        char *c;

        dir = apr_psprintf(pool, "%s/%s", test_base_dir, running->id);
        for (c = dir + strlen(test_base_dir) + 1; *c; c++) {
            *c = *c == '/' ? '.' : *c;
        }
        if (mkdir(dir, 0755) != 0) {
            FAIL("cannot make '%s': %s", dir, strerror(errno));
        }
    }
    return dir;
}

const char *test_file(const char *name, const char *content)
{
    char *path = apr_pstrcat(pool, test_dir(), "/", name, NULL);
    char *slash = path + strlen(dir);
    FILE *file;

    while ((slash = strchr(slash + 1, '/')) != NULL) {
        *slash = 0;
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            FAIL("cannot make '%s': %s", path, strerror(errno));
        }
        *slash = '/';
    }
    file = fopen(path, "we");
    if (!file || fputs(content, file) < 0 || fclose(file) != 0) {
        FAIL("cannot write '%s': %s", path, strerror(errno));
    }
    return path;
}

/* Reads until the end: files of /proc do not know their size. */
static const char *read_all(int fd)
{
    size_t size = 4096, len = 0;
    char *text = apr_palloc(pool, size);
    ssize_t got;

    while ((got = read(fd, text + len, size - len - 1)) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            break;
        }
        len += (size_t)got;
        if (size - len < 2) {
            char *larger = apr_palloc(pool, size * 2);

            memcpy(larger, text, len);
            text = larger;
            size *= 2;
        }
    }
    text[len] = 0;
    return text;
}

const char *test_read(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *text = "";

    if (fd >= 0) {
        text = read_all(fd);
        close(fd);
    }
    return text;
}

int test_exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

int test_shell(const char **output, const char *format, ...)
{
    int pipe_fds[2], status;
    va_list args;
    char *command;
    pid_t pid;

    va_start(args, format);
    command = apr_pvsprintf(pool, format, args);
    va_end(args);
    CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0);
    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (output) {
            dup2(pipe_fds[1], 1);
            dup2(pipe_fds[1], 2);
        }
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(pipe_fds[1]);
    if (output) {
        *output = read_all(pipe_fds[0]);
    }
    close(pipe_fds[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The supervisor's SIGTERM: the deadline passed. Cleanups run from here, since
 * they show logs and stop servers; should that hang, SIGKILL follows. */
static void on_deadline(int sig)
{
    (void)sig;
    FAIL("the deadline of %.0f s passed",
         running->seconds * test_deadline_factor());
}

void test_case_run(test_case_t *test)
{
    struct sigaction action = {.sa_handler = on_deadline};

    running = test;
    test_pid = getpid();
    sigaction(SIGTERM, &action, NULL);
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test->fn();
    end(TEST_PASSED);
}
