/* SPDX-License-Identifier: Apache-2.0 */

/* What one watchdog leaves to the next: processes that look like loaders go on
 * and are taken over; without anybody to take them over they end. */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_tree.h"
#include "scoreboard.h"
#include "watchdog_driver.h"

static void kill_watchdog(driver_t *driver)
{
    int status;

    CHECK_INT(kill(driver->pid, SIGKILL), 0);
    CHECK(waitpid(driver->pid, &status, 0) == driver->pid);
    WAIT_UNTIL(!process_is_alive(driver->core_pid));
    close(driver->core);
    close(driver->httpd);
}

/* A new watchdog, whose core is told of `count` processes. */
static driver_t *start_again(uint32_t count)
{
    driver_t *driver = driver_start("w");

    CHECK_STR(driver->answer, "ok");
    driver_configure(driver);
    driver_accept_core(driver);
    driver_expect(driver, PSG_MSG_CONFIG);
    driver_close_fds(driver);
    for (uint32_t i = 0; i < count; i++) {
        driver_close_fds(driver);
        driver_expect(driver, PSG_MSG_ADOPT);
    }
    driver_expect_any(driver);
    CHECK_INT(driver->msg.number, PSG_MSG_ADOPTED);
    CHECK_INT(driver->msg.as.adopted.count, count);
    return driver;
}

#define UNTIL_END "while read line; do echo got $line; done <&4; echo bye >&4"

TEST(new_watchdog_takes_processes_over)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t app = driver_spawn(driver, 7, UNTIL_END);
    int fds[PSG_FRAME_MAX_FDS];

    driver_close_fds(driver);
    for (int i = 0; i < 20; i++) {
        kill_watchdog(driver);
        driver = driver_start("w");
        driver_configure(driver);
        driver_accept_core(driver);
        driver_expect(driver, PSG_MSG_CONFIG);
        driver_close_fds(driver);
        driver_expect(driver, PSG_MSG_ADOPT);
        CHECK_INT(driver->msg.as.adopt.pid, app);
        CHECK_INT(driver->msg.as.adopt.process, 7);
        CHECK_INT(driver->msg.as.adopt.process_generation, 3);
        CHECK_INT(driver->fd_count, 3);
        memcpy(fds, driver->fds, sizeof(fds));
        driver->fd_count = 0;
        driver_expect(driver, PSG_MSG_ADOPTED);
        CHECK(test_exists(test_format("%s/apps/7.3", driver->dir)));
        CHECK(write(fds[DRIVER_CONTROL], "it\n", 3) == 3);
        CHECK_STR(driver_read(fds[DRIVER_OUTPUT], "\n"), "got it\n");
        for (int fd = 0; fd < 3; fd++) {
            close(fds[fd]);
        }
    }
    CHECK_INT(driver_end(driver), 0);
    WAIT_UNTIL(kill(app, 0) != 0); /* not even a zombie */
}

TEST(end_of_a_process_that_was_taken_over_is_told)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t app = driver_spawn(driver, 7, "sleep 1000 & echo $!; wait");
    pid_t child =
        (pid_t)strtol(driver_read(driver->fds[DRIVER_OUTPUT], "\n"), NULL, 10);

    driver_close_fds(driver);
    kill_watchdog(driver);
    driver = start_again(1);
    driver_signal(driver, 7, 3, SIGTERM);
    driver_expect(driver, PSG_MSG_EXITED);
    CHECK_INT(driver->msg.as.exited.process, 7);
    CHECK_INT(driver->msg.as.exited.status, PSG_NONE);
    WAIT_UNTIL(!process_is_alive(app));
    WAIT_UNTIL(!process_is_alive(child)); /* what it started goes with it */
    WAIT_UNTIL(!test_exists(test_format("%s/apps/7.3", driver->dir)));
    driver_spawn(driver, 7, UNTIL_END); /* its place is free */
    CHECK_INT(driver_end(driver), 0);
}

TEST(process_that_ends_without_a_watchdog_is_forgotten)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t app = driver_spawn(driver, 7, UNTIL_END);

    driver_close_fds(driver);
    driver_spawn(driver, 9, UNTIL_END);
    driver_close_fds(driver);
    kill_watchdog(driver);
    kill(app, SIGKILL);
    WAIT_UNTIL(!process_is_alive(app));
    driver = start_again(1);
    CHECK(!test_exists(test_format("%s/apps/7.3", driver->dir)));
    CHECK(test_exists(test_format("%s/apps/9.3", driver->dir)));
    CHECK_INT(driver_end(driver), 0);
}

TEST(processes_end_if_nobody_takes_them_over)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t app = driver_spawn(driver, 7, UNTIL_END);

    driver_close_fds(driver);
    kill_watchdog(driver);
    CHECK(process_is_alive(app));
    driver_forget_store();
    WAIT_UNTIL(!process_is_alive(app));
    driver = start_again(0);
    CHECK_INT(driver_end(driver), 0);
}

/* A process that ends must take its listening socket along: a connection that
 * nobody accepted is reset then, and its request goes elsewhere. */
TEST(store_does_not_keep_what_has_ended)
{
    driver_t *driver = driver_start_with_core("w");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte;

    strncpy(address.sun_path, test_format("%s/apps/7.3", driver->dir),
            sizeof(address.sun_path) - 1);
    driver_spawn(driver, 7, "read line <&4");
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(write(driver->fds[DRIVER_CONTROL], "\n", 1) == 1);
    driver_close_fds(driver);
    driver_expect(driver, PSG_MSG_EXITED);
    CHECK(read(fd, &byte, 1) <= 0);
    CHECK_INT(driver_end(driver), 0);
}

/* More processes than a plain user's socket has room for come and go: what has
 * ended makes room, and all who live are there after a restart. */
TEST(store_has_room_for_those_who_live)
{
    driver_t *driver = driver_start_with_core("w");

    for (uint32_t i = 0; i < 5; i++) {
        driver_spawn(driver, i, UNTIL_END);
        driver_close_fds(driver);
    }
    for (int i = 0; i < 600; i++) {
        driver_spawn(driver, 7, "exit 0");
        driver_close_fds(driver);
        driver_expect(driver, PSG_MSG_EXITED);
    }
    kill_watchdog(driver);
    driver = start_again(5);
    CHECK_INT(driver_end(driver), 0);
    CHECK_LACKS(test_read(test_format("%s/agent.log", test_dir())), "PSG2250");
}

/* Children of httpd are connected with a core through the same socket. */
TEST(agent_socket_outlives_the_watchdog)
{
    driver_t *driver = driver_start_with_core("w");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    strncpy(address.sun_path, test_format("%s/agent.sock", driver->dir),
            sizeof(address.sun_path) - 1);
    kill_watchdog(driver);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    driver = start_again(0);
    CHECK_INT(driver_end(driver), 0);
}

TEST(core_is_told_of_the_end)
{
    driver_t *driver = driver_start_with_core("w");

    CHECK_INT(kill(driver->pid, SIGTERM), 0);
    driver_expect(driver, PSG_MSG_END);
    CHECK_INT(driver_wait(driver), 0);
}
