/* SPDX-License-Identifier: Apache-2.0 */

/* App processes of the watchdog: started, adopted, signalled, and ended with
 * everything they started. */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_size.h"
#include "process_tree.h"
#include "watchdog_driver.h"

static void expect_exit(driver_t *driver, uint32_t process)
{
    driver_expect(driver, PSG_MSG_EXITED);
    CHECK_INT(driver->msg.as.exited.process, process);
}

TEST(app_is_connected_with_the_core)
{
    driver_t *driver = driver_start_with_core("w");

    driver_spawn(driver, 7, "echo out; read line <&4; echo got $line >&4");
    CHECK_CONTAINS(driver_read(driver->fds[DRIVER_OUTPUT], "out"), "out\n");
    CHECK(write(driver->fds[DRIVER_CONTROL], "stop\n", 5) == 5);
    CHECK_CONTAINS(driver_read(driver->fds[DRIVER_CONTROL], "stop"),
                   "got stop\n");
    expect_exit(driver, 7);
    CHECK_INT(driver->msg.as.exited.status, 0);
    CHECK_INT(driver_end(driver), 0);
}

TEST(app_socket_lives_as_long_as_the_app)
{
    driver_t *driver = driver_start_with_core("w");
    const char *path = test_format("%s/apps/7.3", driver->dir);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat info;

    driver_spawn(driver, 7, "read line <&4");
    CHECK(stat(path, &info) == 0);
    CHECK_INT(info.st_mode & 0777, geteuid() == 0 ? 0660 : 0600);
    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(write(driver->fds[DRIVER_CONTROL], "\n", 1) == 1);
    expect_exit(driver, 7);
    WAIT_UNTIL(!test_exists(path)); /* removed as soon as EXITED is sent */
    CHECK_INT(driver_end(driver), 0);
}

TEST(exit_status_and_signal_are_told)
{
    driver_t *driver = driver_start_with_core("w");

    driver_spawn(driver, 0, "exit 5");
    expect_exit(driver, 0);
    CHECK_INT(WEXITSTATUS((int)driver->msg.as.exited.status), 5);
    driver_spawn(driver, 16383, "kill -9 $$");
    expect_exit(driver, 16383);
    CHECK_INT(WTERMSIG((int)driver->msg.as.exited.status), 9);
    CHECK_INT(driver_end(driver), 0);
}

TEST(killed_core_finds_apps_again)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t first = driver_spawn(driver, 7, "read line <&4; echo $line");
    pid_t second;

    driver_close_fds(driver);
    second = driver_spawn(driver, 9, "read line <&4");
    driver_close_fds(driver);
    kill(driver->core_pid, SIGKILL);
    driver_accept_core(driver);
    driver_expect(driver, PSG_MSG_CONFIG);
    driver_close_fds(driver);
    driver_expect(driver, PSG_MSG_ADOPT);
    CHECK_INT(driver->msg.as.adopt.process, 7);
    CHECK_INT(driver->msg.as.adopt.process_generation, 3);
    CHECK_INT(driver->msg.as.adopt.pid, first);
    CHECK_INT(driver->fd_count, 3);
    CHECK(write(driver->fds[DRIVER_CONTROL], "hello\n", 6) == 6);
    CHECK_CONTAINS(driver_read(driver->fds[DRIVER_OUTPUT], "hello"), "hello");
    driver_close_fds(driver);
    driver_expect(driver, PSG_MSG_ADOPT);
    CHECK_INT(driver->msg.as.adopt.pid, second);
    driver_close_fds(driver);
    driver_expect(driver, PSG_MSG_ADOPTED);
    CHECK_INT(driver->msg.as.adopted.count, 2);
    expect_exit(driver, 7);
    CHECK_INT(driver_end(driver), 0);
}

TEST(signal_needs_the_right_generation)
{
    driver_t *driver = driver_start_with_core("w");

    driver_spawn(driver, 7, "read line <&4; exit 1");
    driver_signal(driver, 7, 2, SIGKILL);
    driver_signal(driver, 8, 3, SIGKILL);
    driver_signal(driver, 0xffffffff, 3, SIGKILL);
    driver_signal(driver, 7, 3, 0);
    driver_signal(driver, 7, 3, 99999);
    driver_signal(driver, 7, 3, SIGUSR1);
    expect_exit(driver, 7);
    CHECK_INT(WTERMSIG((int)driver->msg.as.exited.status), SIGUSR1);
    CHECK_INT(driver_end(driver), 0);
}

/* Sends it and checks the refusal. */
static void check_refused(driver_t *driver, const psg_message_t *msg,
                          const char *reason)
{
    driver_send(driver, msg);
    driver_expect(driver, PSG_MSG_SPAWN_FAILED);
    CHECK_INT(driver->msg.as.spawn_failed.process, msg->as.spawn.process);
    CHECK_CONTAINS(test_format("%.*s",
                               (int)driver->msg.as.spawn_failed.reason.len,
                               driver->msg.as.spawn_failed.reason.data),
                   reason);
}

#define SET(field, text)                       \
    do {                                       \
        msg = good;                            \
        msg.as.spawn.field.data = text;        \
        msg.as.spawn.field.len = sizeof(text); \
    } while (0)

TEST(bad_spawn_is_refused)
{
    driver_t *driver = driver_start_with_core("w");
    const psg_message_t good = driver_spawn_message(7, "true");
    static char large[5000], list[8200];
    psg_message_t msg = good;

    msg.as.spawn.process = 16384;
    check_refused(driver, &msg, "no such process index");
    msg = good;
    msg.as.spawn.identity = 4;
    check_refused(driver, &msg, "identity");
    SET(user, "a"); /* with a NUL inside */
    check_refused(driver, &msg, "user");
    SET(app_root, "relative");
    msg.as.spawn.app_root.len--;
    check_refused(driver, &msg, "app root");
    memset(large, '/', sizeof(large));
    SET(app_root, large);
    check_refused(driver, &msg, "app root");
    SET(startup_file, large);
    check_refused(driver, &msg, "startup file");
    SET(args_list, "");
    check_refused(driver, &msg, "no program");
    SET(args_list, "sh");
    msg.as.spawn.args_list.len--; /* not terminated */
    check_refused(driver, &msg, "no program");
    SET(args_list, list);
    memset(list, 'x', 1);
    check_refused(driver, &msg, "no program"); /* too many */
    SET(env_list, "NOVALUE");
    check_refused(driver, &msg, "environment");
    SET(env_list, "=x");
    check_refused(driver, &msg, "environment");
    driver_spawn(driver, 7, "read line <&4");
    check_refused(driver, &good, "lives already");
    CHECK_INT(driver_end(driver), 0);
}

TEST(users_the_configuration_does_not_name_are_refused)
{
    driver_t *driver = driver_start_with_core("w");
    psg_message_t good = driver_spawn_message(7, "true"), msg;

    if (geteuid() != 0) {
        SKIP("needs root");
    }
    SET(user, "www-data");
    msg.as.spawn.user.len--;
    msg.as.spawn.identity = 2;
    check_refused(driver, &msg, "'www-data' is not named");
    SET(group, "shadow");
    msg.as.spawn.group.len--;
    check_refused(driver, &msg, "'shadow' is not named");
    CHECK_INT(driver_end(driver), 0);
}

TEST(failure_before_exec_comes_like_a_loaders)
{
    driver_t *driver = driver_start_with_core("w");
    psg_message_t good = driver_spawn_message(7, "true"), msg;

    SET(args_list, "no-such-ruby");
    driver_send(driver, &msg);
    driver_expect(driver, PSG_MSG_SPAWNED);
    CHECK_CONTAINS(driver_read(driver->fds[DRIVER_CONTROL], "\n"),
                   "{\"event\":\"failed\",\"step\":\"exec\",\"summary\":\"the "
                   "interpreter 'no-such-ruby' was not found\"");
    expect_exit(driver, 7);
    CHECK_INT(driver_end(driver), 0);
}

TEST(nothing_is_left_of_ended_apps)
{
    driver_t *driver = driver_start_with_core("w");
    int before = process_size(driver->pid).fds, i;

    for (i = 0; i < 100; i++) {
        driver_spawn(driver, (uint32_t)i % 3, "exit 1");
        driver_close_fds(driver);
        expect_exit(driver, (uint32_t)i % 3);
    }
    WAIT_UNTIL(process_size(driver->pid).fds == before);
    CHECK_STR(test_read(test_format("/proc/%d/task/%d/children",
                                    (int)driver->pid, (int)driver->pid)),
              test_format("%d ", (int)driver->core_pid));
    CHECK_INT(driver_end(driver), 0);
}

/* The hard limit stays: what was lowered, a plain user cannot raise. */
static void limit_fds(pid_t pid, rlim_t number)
{
    struct rlimit limit;

    CHECK(prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == 0);
    limit.rlim_cur = number;
    CHECK(prlimit(pid, RLIMIT_NOFILE, &limit, NULL) == 0);
}

/* Spawns until there are no descriptors left; returns how many there were. */
static uint32_t spawn_until_failure(driver_t *driver)
{
    uint32_t process;

    for (process = 0;; process++) {
        psg_message_t msg = driver_spawn_message(process, "exec sleep 1000");

        driver_send(driver, &msg);
        driver_expect_any(driver);
        driver_close_fds(driver);
        if (driver->msg.number != PSG_MSG_SPAWNED) {
            CHECK_INT(driver->msg.number, PSG_MSG_SPAWN_FAILED);
            return process;
        }
    }
}

static int count_in_log(const char *text)
{
    const char *log = test_read(test_format("%s/agent.log", test_dir()));
    int count = 0;

    while ((log = strstr(log, text)) != NULL) {
        count++;
        log++;
    }
    return count;
}

/* Everything that lives goes on, what is new waits, and nobody spins. */
TEST(watchdog_without_descriptors_goes_on)
{
    driver_t *driver = driver_start_with_core("w");
    uint32_t count;
    double start;

    limit_fds(driver->pid, 30);
    count = spawn_until_failure(driver);
    CHECK(count >= 2);
    CHECK_CONTAINS(driver->msg.as.spawn_failed.reason.data,
                   "Too many open files");
    limit_fds(driver->pid, 5);
    start = test_now();
    kill(driver->core_pid, SIGKILL);
    WAIT_UNTIL(count_in_log("cannot start the core: Too many open") >= 5);
    CHECK(test_now() - start >= 0.150); /* 10 + 20 + 40 + 80 ms */
    limit_fds(driver->pid, 1024);
    driver_accept_core(driver);
    driver_expect(driver, PSG_MSG_CONFIG);
    driver_close_fds(driver);
    for (; count > 0; count--) {
        driver_expect(driver, PSG_MSG_ADOPT);
        driver_close_fds(driver);
    }
    driver_expect(driver, PSG_MSG_ADOPTED);
    CHECK_INT(driver_end(driver), 0);
}

/* Reads a pid the app printed. */
static pid_t read_pid(driver_t *driver)
{
    return (pid_t)strtol(driver_read(driver->fds[DRIVER_OUTPUT], "\n"), NULL,
                         10);
}

TEST(orphans_are_reaped)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t orphan;

    driver_spawn(driver, 7,
                 "(setsid sh -c 'echo $$; read x' <&4 &) ; sleep 1000");
    orphan = read_pid(driver);
    CHECK(process_is_alive(orphan));
    CHECK(write(driver->fds[DRIVER_CONTROL], "\n", 1) == 1);
    WAIT_UNTIL(kill(orphan, 0) != 0); /* not even a zombie */
    CHECK_INT(driver_end(driver), 0);
}

/* Whether the group has zombies only. */
static int has_ended(pid_t group)
{
    return test_shell(NULL,
                      "! cat /proc/[0-9]*/stat 2>/dev/null | "
                      "awk '$5 == %d && $3 != \"Z\"' | grep -q .",
                      (int)group)
           == 0;
}

/* More than one turn of the watchdog reaps, all ended before it looks. */
TEST(crowd_of_orphans_is_reaped)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t group;

    driver_spawn(driver, 7,
                 "setsid sh -c 'for i in $(seq 300); do sleep 1000 & done; "
                 "echo $$'; sleep 1000");
    group = read_pid(driver);
    CHECK_INT(kill(driver->pid, SIGSTOP), 0);
    CHECK_INT(kill(-group, SIGKILL), 0);
    WAIT_UNTIL(has_ended(group));
    CHECK_INT(kill(driver->pid, SIGCONT), 0);
    WAIT_UNTIL(kill(-group, 0) != 0); /* not even a zombie */
    CHECK_INT(driver_end(driver), 0);
}

TEST(children_of_an_ended_app_are_told_to_end)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t child;

    driver_spawn(driver, 7, "sleep 1000 & echo $!");
    child = read_pid(driver);
    expect_exit(driver, 7);
    WAIT_UNTIL(kill(child, 0) != 0);
    CHECK_INT(driver_end(driver), 0);
}

TEST(children_of_a_killed_app_are_killed)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t child;

    driver_spawn(driver, 7,
                 "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & "
                 "wait");
    child = read_pid(driver);
    driver_signal(driver, 7, 3, SIGKILL);
    expect_exit(driver, 7);
    WAIT_UNTIL(kill(child, 0) != 0);
    CHECK_INT(driver_end(driver), 0);
}

TEST(end_lets_apps_finish)
{
    driver_t *driver = driver_start_with_core("w");
    const char *done = test_file("open/done", "");

    CHECK(chmod(done, 0666) == 0);
    driver_spawn(driver, 7,
                 "trap 'sleep 0.3; echo bye > open/done; exit' TERM; echo up;"
                 "while :; do sleep 0.05; done");
    driver_read(driver->fds[DRIVER_OUTPUT], "up");
    CHECK_INT(driver_end(driver), 0);
    CHECK_STR(test_read(done), "bye\n");
    CHECK(!test_exists(driver->dir));
}

/* Apps that ignore everything, and daemons they started, are gone all the same,
 * not at once but soon enough for httpd, which waits 7 s. */
TEST(end_kills_what_does_not_end)
{
    driver_t *driver = driver_start_with_core("w");
    const char *stubborn = "trap '' TERM HUP; (setsid sleep 7777 &); echo up;"
                           "while :; do sleep 1; done";
    pid_t app = driver_spawn(driver, 7, stubborn), daemon;
    double start;

    driver_read(driver->fds[DRIVER_OUTPUT], "up");
    WAIT_UNTIL((daemon = process_find(driver->pid, "sleep 7777")) != 0);
    start = test_now();
    CHECK_INT(driver_end(driver), 0);
    CHECK(test_now() - start >= 4.9 && test_now() - start < 6.5);
    CHECK(kill(app, 0) != 0);
    CHECK(kill(daemon, 0) != 0);
    CHECK(!test_exists(driver->dir));
}

/* The program knows nothing of its channel: the kernel tells it, and what it
 * started. */
TEST(killed_watchdog_takes_programs_along_if_no_other_comes)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t app = driver_spawn_program(driver, 7, "sleep 1000; true"), below;
    int status;

    WAIT_UNTIL((below = process_find(app, "sleep 1000")) > 0 && below != app);
    while (driver->fd_count > 0) {
        close(driver->fds[--driver->fd_count]);
    }
    CHECK_INT(kill(driver->pid, SIGKILL), 0);
    CHECK(waitpid(driver->pid, &status, 0) == driver->pid);
    WAIT_UNTIL(!process_is_alive(driver->core_pid));
    CHECK(process_is_alive(app) && process_is_alive(below));
    driver_forget_store();
    WAIT_UNTIL(!process_is_alive(app) && !process_is_alive(below));
    driver = driver_start("w"); /* the next one takes the folder over */
    CHECK_STR(driver->answer, "ok");
    CHECK(!test_exists(test_format("%s/apps/7.3", driver->dir)));
    CHECK_INT(driver_end(driver), 0);
}
