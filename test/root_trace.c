/* SPDX-License-Identifier: Apache-2.0 */

/* See root_trace.h. A process of its own stops the others at each system call:
 * there are few, since those that do much have given up root's rights. */
#include "root_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "path_judge.h"
#include "test.h"

enum {
    CWD = -1,
    ITSELF = -2,
    ADDRESS = -3,
    ASKING_MAX = 64,
    SYSTEM_CALL = SIGTRAP | 0x80,
    REPORT_MAX = 16 * 1024,
};

typedef struct {
    uint64_t number;
    const char *name;
    int folder, path;
} call_t;

static const call_t calls[] = {
#define ROOT_CALL(name, folder, path) {SYS_##name, #name, folder, path},
#include "root_calls.def"
};

/* Those after which a process may have fewer rights. */
static const uint64_t drops[] = {SYS_setuid, SYS_setreuid, SYS_setresuid,
                                 SYS_capset};

struct root_trace_t {
    int go[2]; /* a pipe: a byte for the child */
    pid_t tracer;
    struct {
        int follows; /* the tracer, it could attach */
        long judged;
        size_t len;
        char text[REPORT_MAX]; /* a line for each offence */
    } * report;                /* shared with the tracer */
};

/* The tracer's own. */
static root_trace_t *current;
static pid_t asking[ASKING_MAX]; /* in one of `drops`; 0: free */

int root_trace_is_wanted(void)
{
    const char *text = getenv("TEST_TRACE");

    return text && strcmp(text, "1") == 0 && getuid() == 0;
}

static void link_of(pid_t pid, const char *name, char *buf)
{
    char path[64];
    ssize_t len;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    len = readlink(path, buf, PATH_MAX - 1);
    buf[len < 0 ? 0 : len] = '\0';
}

/* Bytes of its memory, as many as can be read up to size. */
static size_t read_memory(pid_t pid, uint64_t address, char *buf, size_t size)
{
    const size_t page = 4096;
    size_t done = 0;

    while (address && done < size) {
        size_t part = page - (address + done) % page;
        struct iovec here = {buf + done,
                             part < size - done ? part : size - done};
        struct iovec there = {(void *)(address + done), here.iov_len};
        ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    return done;
}

__attribute__((format(printf, 2, 3))) static void
accuse(pid_t pid, const char *format, ...)
{
    size_t room = REPORT_MAX - current->report->len;
    char *at = current->report->text + current->report->len;
    char program[PATH_MAX];
    va_list args;
    int len;

    link_of(pid, "exe", program);
    len = snprintf(at, room, "%s (pid %d): ", program, (int)pid);
    if (len >= 0 && (size_t)len < room) {
        va_start(args, format);
        len += vsnprintf(at + len, room - (size_t)len, format, args);
        va_end(args);
    }
    current->report->len += len >= 0 && (size_t)len < room ? (size_t)len : room;
}

static void judge(pid_t pid, const char *call, const char *path)
{
    char program[PATH_MAX];
    const char *theirs;

    if (path[0] != '/') {
        return; /* "pipe:[1]" and the like */
    }
    link_of(pid, "exe", program);
    current->report->judged++;
    theirs = path_judge(program, path);
    if (theirs) {
        accuse(pid, "%s of '%s': %s\n", call, path, theirs);
    }
}

/* The folder that a relative path is relative to. */
static void folder_of(pid_t pid, int fd, char *buf)
{
    char name[32] = "cwd";

    if (fd != AT_FDCWD) {
        snprintf(name, sizeof(name), "fd/%d", fd);
    }
    link_of(pid, name, buf);
}

static void judge_text(pid_t pid, const char *call, int folder_fd,
                       const char *text)
{
    static const char self[] = "/proc/self/";
    char folder[PATH_MAX], path[2 * PATH_MAX + 1];

    folder_of(pid, folder_fd, folder);
    if (strncmp(text, self, strlen(self)) == 0) {
        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid,
                 text + strlen(self));
    }
    else if (text[0] == '/') {
        snprintf(path, sizeof(path), "%s", text);
    }
    else {
        snprintf(path, sizeof(path), "%s%s%s", folder, text[0] ? "/" : "",
                 text);
    }
    judge(pid, call, path);
}

static void judge_address(pid_t pid, const call_t *call, uint64_t address)
{
    struct sockaddr_un un = {.sun_family = AF_UNSPEC};
    char path[sizeof(un.sun_path) + 1] = "";

    if (read_memory(pid, address, (char *)&un, sizeof(un)) > sizeof(sa_family_t)
        && un.sun_family == AF_UNIX && un.sun_path[0]) {
        memcpy(path, un.sun_path, sizeof(un.sun_path));
        judge_text(pid, call->name, AT_FDCWD, path);
    }
}

static void judge_call(pid_t pid, const call_t *call, const uint64_t *args)
{
    char text[PATH_MAX] = "";
    int folder = call->folder == CWD ? AT_FDCWD : (int)args[call->folder];

    if (call->path == ADDRESS) {
        judge_address(pid, call, args[call->folder]);
        return;
    }
    if (call->path >= 0) {
        read_memory(pid, args[call->path], text, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
    }
    judge_text(pid, call->name, folder, text);
}

/* A field of its status, e.g. "\nUid:". */
static const char *find_field(char *status, const char *name)
{
    const char *at = strstr(status, name);

    return at ? at + strlen(name) : "";
}

/* Whether it has, or can have again, what root may and others may not. */
static int is_privileged(pid_t pid)
{
    char path[64], status[4096] = "";
    unsigned real = 0, effective = 0, saved = 0;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, status, sizeof(status) - 1) <= 0) {
        status[0] = '\0';
    }
    if (fd >= 0) {
        close(fd);
    }
    return sscanf(find_field(status, "\nUid:"), "%u %u %u", &real, &effective,
                  &saved)
               != 3
           || real == 0 || effective == 0 || saved == 0
           || strtoull(find_field(status, "\nCapPrm:"), NULL, 16) != 0;
}

/* Replaces one pid by another; 0 stands for a free place. */
static int exchange_asking(pid_t old, pid_t new)
{
    for (int i = 0; i < ASKING_MAX; i++) {
        if (asking[i] == old) {
            asking[i] = new;
            return 1;
        }
    }
    return 0;
}

static void on_entry(pid_t pid, const struct __ptrace_syscall_info *info)
{
    uint64_t number = info->entry.nr;

    if (number == SYS_io_uring_setup) {
        accuse(pid, "io_uring: what it does cannot be seen\n");
    }
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (calls[i].number == number) {
            judge_call(pid, &calls[i], info->entry.args);
        }
    }
    for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++) {
        if (drops[i] == number && !exchange_asking(0, pid)) {
            accuse(pid, "too many change their user at once\n");
        }
    }
}

/* Returns 0 if it is not to be followed any more. */
static int on_call(pid_t pid)
{
    struct __ptrace_syscall_info info = {0};

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0) {
        return 1; /* killed */
    }
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        on_entry(pid, &info);
    }
    else if (exchange_asking(pid, 0)) {
        return is_privileged(pid);
    }
    return 1;
}

static int is_group_stop(int status)
{
    int sig = WSTOPSIG(status);

    return status >> 16 == PTRACE_EVENT_STOP
           && (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN
               || sig == SIGTTOU);
}

static void on_stop(pid_t pid, int status)
{
    int sig = WSTOPSIG(status);

    if (is_group_stop(status)) {
        ptrace(PTRACE_LISTEN, pid, 0, 0);
        return;
    }
    if (sig == SYSTEM_CALL && !on_call(pid)) {
        ptrace(PTRACE_DETACH, pid, 0, 0);
        return;
    }
    /* Signals go on to whom they were sent; the rest are news for us. */
    ptrace(PTRACE_SYSCALL, pid, 0,
           sig == SYSTEM_CALL || status >> 16 ? 0 : sig);
}

__attribute__((noreturn)) static void run_tracer(pid_t pid)
{
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK
                         | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE
                         | PTRACE_O_TRACEEXEC;
    int status;

    signal(SIGTERM, SIG_IGN);
    /* What the test has open must end when the test closes it. */
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
    if (ptrace(PTRACE_SEIZE, pid, 0, options) != 0
        || ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0) {
        _exit(1);
    }
    __atomic_store_n(&current->report->follows, 1, __ATOMIC_RELEASE);
    while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (pid > 0 && WIFSTOPPED(status)) {
            on_stop(pid, status);
        }
        else if (pid > 0) {
            exchange_asking(pid, 0);
        }
    }
    _exit(0);
}

root_trace_t *root_trace_create(void)
{
    root_trace_t *trace = apr_pcalloc(test_pool(), sizeof(*trace));

    trace->report = mmap(NULL, sizeof(*trace->report), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(trace->report != MAP_FAILED);
    CHECK_INT(pipe2(trace->go, O_CLOEXEC), 0);
    return trace;
}

void root_trace_await(const root_trace_t *trace)
{
    char byte;

    close(trace->go[1]);
    if (read(trace->go[0], &byte, 1) != 1) {
        _exit(126);
    }
}

static int tracer_has_ended(root_trace_t *trace)
{
    int status;

    if (waitpid(trace->tracer, &status, WNOHANG) != trace->tracer) {
        return 0;
    }
    trace->tracer = 0;
    CHECK(WIFEXITED(status));
    return 1;
}

int root_trace_follow(root_trace_t *trace, pid_t pid)
{
    fflush(NULL);
    trace->tracer = fork();
    CHECK(trace->tracer >= 0);
    if (trace->tracer == 0) {
        current = trace;
        run_tracer(pid);
    }
    WAIT_UNTIL(trace->report->follows || tracer_has_ended(trace));
    CHECK_INT(write(trace->go[1], "", 1), 1);
    close(trace->go[0]);
    close(trace->go[1]);
    return trace->report->follows;
}

const char *root_trace_offences(root_trace_t *trace)
{
    if (!trace->report->follows) {
        return "";
    }
    WAIT_UNTIL(trace->tracer == 0 || tracer_has_ended(trace));
    return trace->report->text;
}

long root_trace_judged(const root_trace_t *trace)
{
    return trace->report->judged;
}
