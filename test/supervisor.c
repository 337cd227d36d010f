/* SPDX-License-Identifier: Apache-2.0 */

/* One process between the runner and each test: a subreaper in a session of its
 * own, so that whatever the test started, however it detached itself, becomes
 * our child, is named, fails the test and is killed. */
#include "process_tree.h"
#include "test_case.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CLEANUP_SECONDS = 10, /* a test may take after its deadline */
    LEFTOVER_SECONDS = 2, /* what a test started may take to end after it */
};

static void print_process(pid_t pid)
{
    char path[64], line[1024];
    size_t i, len = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    file = fopen(path, "re");
    if (file) {
        len = fread(line, 1, sizeof(line) - 1, file);
        fclose(file);
    }
    for (i = 0; i < len; i++) {
        line[i] = line[i] == 0 ? ' ' : line[i];
    }
    line[len] = 0;
    fprintf(stderr, "still running after the test: %d %s\n", (int)pid, line);
}

/* Calls SIGKILL on all our descendants; returns how many there were. */
static int kill_descendants(int name_them)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int count = 0;

    while (proc && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 1 && process_is_below(pid, getpid())) {
            if (name_them) {
                print_process(pid);
            }
            kill(pid, SIGKILL);
            count++;
        }
    }
    if (proc) {
        closedir(proc);
    }
    return count;
}

/* Reaps until `pid` (or, if 0, every child) has ended, or until `end`. Returns
 * 1 when that happened, with the status of pid; -1 when the runner is gone. */
static int reap_until(pid_t pid, int *status, double end)
{
    sigset_t wait_for;

    sigemptyset(&wait_for);
    sigaddset(&wait_for, SIGCHLD);
    sigaddset(&wait_for, SIGTERM);
    for (;;) {
        int ignored, sig;
        pid_t ended;
        double left;
        struct timespec timeout;

        while ((ended = waitpid(-1, &ignored, WNOHANG)) > 0) {
            if (ended == pid) {
                *status = ignored;
                return 1;
            }
        }
        if (ended < 0 && errno == ECHILD) {
            return 1;
        }
        left = end - test_now();
        if (left <= 0) {
            return 0;
        }
        timeout.tv_sec = (time_t)left;
        timeout.tv_nsec = (long)((left - (double)timeout.tv_sec) * 1e9);
        sig = sigtimedwait(&wait_for, NULL, &timeout);
        if (sig == SIGTERM) {
            return -1;
        }
    }
}

/* Kills until nothing is left: a process may fork while we look. */
static void kill_all(int name_them)
{
    int status;

    while (kill_descendants(name_them) > 0
           || reap_until(0, &status, test_now() + 0.05) == 0) {
        reap_until(0, &status, test_now() + 0.05);
        name_them = 0;
    }
}

/* Waits for the test; returns its verdict. */
static int await_test(test_case_t *test, pid_t pid)
{
    double end = test_now() + test->seconds * test_deadline_factor();
    int status = 0;
    int done = reap_until(pid, &status, end);

    if (done == 0) {
        kill(pid, SIGTERM);
        done = reap_until(pid, &status, test_now() + CLEANUP_SECONDS);
        if (done == 0) {
            fprintf(stderr, "deadline passed, cleanup too; killed\n");
        }
    }
    if (done <= 0) {
        return TEST_FAILED;
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "killed by signal %d (%s)\n", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
        return TEST_FAILED;
    }
    return WEXITSTATUS(status);
}

/* GNU make starts programs with signals 32 and 33 ignored, and tests look at
 * what apps inherit. They are the C library's own: it lets nobody set them, so
 * the kernel is asked; its struct is as long as five words at most. */
static void reset_hidden_signals(void)
{
    static const unsigned long action[5]; /* SIG_DFL, no flags, empty mask */
    int sig;

    for (sig = 32; sig <= 33; sig++) {
        syscall(SYS_rt_sigaction, sig, action, NULL, sizeof(action[0]));
    }
}

__attribute__((noreturn)) static void supervise(test_case_t *test)
{
    sigset_t blocked, before;
    int status, verdict;
    pid_t pid;

    setsid();
    reset_hidden_signals();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    dup2(test->output, 1);
    dup2(test->output, 2);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        test_case_run(test);
    }
    verdict = pid < 0 ? TEST_FAILED : await_test(test, pid);
    if (!reap_until(0, &status, test_now() + LEFTOVER_SECONDS)) {
        kill_all(1);
        verdict = TEST_FAILED;
    }
    kill_all(0);
    _exit(verdict);
}

pid_t test_supervisor_start(test_case_t *test)
{
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        supervise(test);
    }
    return pid;
}
