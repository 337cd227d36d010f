/* SPDX-License-Identifier: Apache-2.0 */

/* See syscall_trace.h. Tests of the walls between tenants call it. */
#include "syscall_trace.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "process_tree.h"
#include "tenants.h"
#include "test.h"

/* One traced process: who it was born as, and what it has become. */
typedef struct {
    pid_t pid, parent;
    int is_tenant, is_asking; /* setresuid() has not returned yet */
} traced_t;

struct syscall_trace_t {
    pid_t strace;
    const char *file;
    apr_hash_t *processes;
};

static void end(void *data)
{
    syscall_trace_stop(data);
}

static void run_strace(const httpd_t *httpd, const char *file,
                       const char *calls, const char *inject)
{
    const char *args[16] = {"strace",
                            "-f",
                            "-y",
                            "-o",
                            file,
                            "-p",
                            test_format("%d", (int)httpd_watchdog(httpd)),
                            "-p",
                            test_format("%d", (int)httpd_core(httpd)),
                            "-e",
                            test_format("trace=%s", calls)};

    if (inject) {
        args[11] = "-e";
        args[12] = test_format("inject=%s", inject);
    }
    execvp(args[0], (char *const *)args);
    _exit(127);
}

syscall_trace_t *syscall_trace_start(const httpd_t *httpd, const char *calls,
                                     const char *inject)
{
    static int count;
    syscall_trace_t *trace = apr_pcalloc(test_pool(), sizeof(*trace));
    pid_t watchdog = httpd_watchdog(httpd), core;

    WAIT_UNTIL((core = httpd_core(httpd)) > 0);
    httpd_allow_log("LeakSanitizer"); /* which refuses to be traced */
    trace->file = test_format("%s/trace.%d", test_dir(), ++count);
    trace->strace = fork();
    CHECK(trace->strace >= 0);
    if (trace->strace == 0) {
        run_strace(httpd, trace->file, calls, inject);
    }
    test_defer(end, trace);
    while (process_status(watchdog, "TracerPid") != trace->strace
           || process_status(core, "TracerPid") != trace->strace) {
        if (waitpid(trace->strace, NULL, WNOHANG) != 0) {
            trace->strace = 0;
            SKIP("strace cannot be run, or may trace nothing here");
        }
        test_pause();
    }
    return trace;
}

void syscall_trace_stop(syscall_trace_t *trace)
{
    if (trace->strace > 0) {
        kill(trace->strace, SIGTERM);
        waitpid(trace->strace, NULL, 0);
        trace->strace = 0;
    }
}

static traced_t *get(syscall_trace_t *trace, pid_t pid)
{
    traced_t *process = apr_hash_get(trace->processes, &pid, sizeof(pid));

    if (!process) {
        process = apr_pcalloc(test_pool(), sizeof(*process));
        process->pid = pid;
        apr_hash_set(trace->processes, &process->pid, sizeof(pid), process);
    }
    return process;
}

/* Whether the line is of a call of that name, and what it returned. */
static int has_returned(const char *line, const char *name, long *result)
{
    const char *equals = strrchr(line, '=');
    size_t len = strlen(name);

    if (strncmp(line, "<... ", 5) == 0) {
        line += 5;
    }
    if (!equals || strncmp(line, name, len) != 0
        || (line[len] != '(' && line[len] != ' ')) {
        return 0;
    }
    *result = strtol(equals + 1, NULL, 10);
    return 1;
}

/* A child may be heard of before the fork that made it has returned: so parents
 * are noted first. */
static void note_parent(syscall_trace_t *trace, pid_t pid, const char *line)
{
    static const char *const forks[] = {"fork", "vfork", "clone", "clone3"};
    long child;

    for (size_t i = 0; i < sizeof(forks) / sizeof(forks[0]); i++) {
        if (has_returned(line, forks[i], &child) && child > 0) {
            get(trace, (pid_t)child)->parent = pid;
        }
    }
}

static int names_tenant(const char *line)
{
    return strstr(line, test_format("(%d,", TENANT_ALICE))
           || strstr(line, test_format("(%d,", TENANT_BOB));
}

/* Tenants' children are tenants'; nobody else but the watchdog forks. */
static syscall_who_e who_is(syscall_trace_t *trace, pid_t pid, const char *line)
{
    traced_t *process = get(trace, pid);
    syscall_who_e who = SYSCALL_AGENT;
    long result;

    if (process->parent && get(trace, process->parent)->is_tenant) {
        process->is_tenant = 1;
    }
    if (process->is_tenant) {
        who = SYSCALL_TENANT;
    }
    if (strncmp(line, "setresuid(", 10) == 0 && names_tenant(line)) {
        process->is_asking = 1;
    }
    if (process->is_asking && has_returned(line, "setresuid", &result)) {
        process->is_asking = 0;
        process->is_tenant |= result == 0;
    }
    return who;
}

void syscall_trace_read(syscall_trace_t *trace, syscall_fn fn, void *data)
{
    int round;

    trace->processes = apr_hash_make(test_pool());
    for (round = 0; round < 2; round++) {
        char *text = apr_pstrdup(test_pool(), test_read(trace->file));
        char *last = NULL, *line = apr_strtok(text, "\n", &last), *call;

        for (; line; line = apr_strtok(NULL, "\n", &last)) {
            pid_t pid = (pid_t)strtol(line, &call, 10);

            call += strspn(call, " ");
            if (round == 0) {
                note_parent(trace, pid, call);
            }
            else {
                fn(data, who_is(trace, pid, call), call);
            }
        }
    }
}
