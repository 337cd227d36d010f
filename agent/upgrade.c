/* SPDX-License-Identifier: Apache-2.0 */

/* Looks whether the program on disk is another one than ours and may take over,
 * and executes it. Called by the watchdog's loop at each reload of httpd. */
#include "upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"

enum {
    ANSWER_MS = 2000,  /* a program has to say what it speaks */
    CORE_END_MS = 1000 /* a killed core has to be gone */
};

const char *upgrade_protocols(apr_pool_t *pool)
{
    return apr_psprintf(pool, "scoreboard %u, messages %u\n", PSG_SB_VERSION,
                        PSG_WIRE_VERSION);
}

static int is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino
           && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* What the program at the given path must not be, in words; or NULL. */
static const char *check_file(const struct stat *info)
{
    if (!S_ISREG(info->st_mode) || !(info->st_mode & S_IXUSR)) {
        return "it is not a program";
    }
    if (info->st_uid != 0 && info->st_uid != geteuid()) {
        return "it belongs to another user";
    }
    if (info->st_mode & (S_IWGRP | S_IWOTH)) {
        return "others than its owner may write it";
    }
    return NULL;
}

static void execute(int program, char *const *args)
{
    syscall(SYS_execveat, program, "", args, environ, AT_EMPTY_PATH);
}

/* In the child: ours are close-on-exec, but for the log. */
__attribute__((noreturn)) static void say_protocols(int program, int out)
{
    char name[] = "passenger-agent", option[] = "--protocols";
    char *args[] = {name, option, NULL};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(out, STDOUT_FILENO);
    execute(program, args);
    _exit(127);
}

/* What comes until the end, or until the time is over. */
static void read_answer(char *answer, size_t size, int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    uint64_t end = psg_now() + (uint64_t)ANSWER_MS * 1000;
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len < size - 1 && psg_now() < end
           && poll(&poller, 1, ANSWER_MS) > 0) {
        n = read(fd, answer + len, size - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    answer[len] = '\0';
}

/* Asks the program what it speaks. */
static const char *check_protocols(watchdog_t *dog, int program)
{
    char answer[128] = "";
    int out[2];
    pid_t pid;

    if (pipe2(out, O_CLOEXEC) != 0) {
        return strerror(errno);
    }
    pid = fork();
    if (pid == 0) {
        say_protocols(program, out[1]);
    }
    close(out[1]);
    if (pid > 0) {
        read_answer(answer, sizeof(answer), out[0]);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    close(out[0]);
    if (strcmp(answer, upgrade_protocols(dog->scratch)) == 0) {
        return NULL;
    }
    return answer[0] ? "it is of a version that this one cannot hand over to; "
                       "stop and start httpd"
                     : "it cannot be executed";
}

static int core_has_ended(watchdog_t *dog)
{
    int waited;

    core_process_end(dog, 1);
    for (waited = 0; dog->core.pid != 0 && waited < CORE_END_MS; waited += 5) {
        int status = 0;

        if (waitpid(dog->core.pid, &status, WNOHANG) == dog->core.pid) {
            dog->core.pid = 0;
            dog->core.start_at = psg_now(); /* for the case that we stay */
            return 1;
        }
        poll(NULL, 0, 5);
    }
    return dog->core.pid == 0;
}

/* 2 and up are given to the new program as httpd gave them to us. */
static void set_close_on_exec(int flag)
{
    for (int fd = WATCHDOG_FD_LOG; fd < WATCHDOG_FD_FIRST_FREE; fd++) {
        fcntl(fd, F_SETFD, fd == WATCHDOG_FD_LOG ? 0 : flag);
    }
}

static char **make_args(const watchdog_t *dog)
{
    int count = 0, has = 0, i;
    char **args;

    while (dog->args[count]) {
        has |= strcmp(dog->args[count++], UPGRADE_OPTION) == 0;
    }
    args = apr_pcalloc(dog->scratch, sizeof(*args) * (size_t)(count + 3));
    args[0] = apr_pstrdup(dog->scratch, dog->program);
    for (i = 0; i < count; i++) {
        args[i + 1] = dog->args[i];
    }
    if (!has) {
        args[count + 1] = apr_pstrdup(dog->scratch, UPGRADE_OPTION);
    }
    return args;
}

/* Does not return if it works. */
static const char *become(watchdog_t *dog, int program)
{
    struct rlimit raised;
    const char *problem;

    if (!core_has_ended(dog)) {
        return "the core does not end";
    }
    agent_log(
        PSG_LOG_NOTICE,
        "PSG2260: '%s' was replaced: the agent goes on as the new program",
        dog->program);
    getrlimit(RLIMIT_NOFILE, &raised);
    setrlimit(RLIMIT_NOFILE, &dog->files);
    set_close_on_exec(0);
    execute(program, make_args(dog));
    problem = strerror(errno);
    set_close_on_exec(FD_CLOEXEC);
    setrlimit(RLIMIT_NOFILE, &raised);
    return problem;
}

void upgrade_exec(watchdog_t *dog)
{
    struct stat ours, theirs;
    const char *problem;
    int program;

    if (!dog->program || dog->store.out < 0
        || stat("/proc/self/exe", &ours) != 0) {
        return;
    }
    program = open(dog->program, O_RDONLY | O_CLOEXEC);
    if (program < 0 || fstat(program, &theirs) != 0) {
        problem = strerror(errno);
    }
    else if (is_same_file(&ours, &theirs)) {
        close(program);
        return;
    }
    else {
        problem = check_file(&theirs);
        problem = problem ? problem : check_protocols(dog, program);
        problem = problem ? problem : become(dog, program);
    }
    agent_log(PSG_LOG_ERROR,
              "PSG2261: '%s' was replaced, but the agent goes on as the old "
              "program: %s",
              dog->program, problem);
    if (program >= 0) {
        close(program);
    }
}
