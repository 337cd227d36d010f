/* SPDX-License-Identifier: Apache-2.0 */

/* Who ends processes when nobody else is left: a watcher, which a real watchdog
 * tells of them. */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_tree.h"
#include "scoreboard.h"
#include "watchdog_driver.h"

static pid_t spawn_watcher(driver_t *driver, uint32_t process)
{
    psg_message_t msg = driver_spawn_message(process, "false");

    msg.as.spawn.kind = PSG_KIND_WATCHER;
    driver_send(driver, &msg);
    driver_expect(driver, PSG_MSG_SPAWNED);
    driver_close_fds(driver);
    return (pid_t)driver->msg.as.spawned.pid;
}

static int guards(pid_t watcher)
{
    return test_shell(NULL, "ls -l /proc/%d/fd | grep -q pidfd", (int)watcher)
           == 0;
}

/* Neither program nor child cares about SIGTERM. */
#define STUBBORN "trap '' TERM; sleep 1000 & echo up; while :; do wait; done"

TEST(program_that_ignores_the_end_of_all_is_killed)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t app = driver_spawn_program(driver, 7, STUBBORN), below, watcher;
    double start;
    int status;

    driver_read(driver->fds[1], "up");
    below = process_find(app, "sleep 1000");
    driver_close_fds(driver);
    watcher = spawn_watcher(driver, 8);
    WAIT_UNTIL(guards(watcher));
    CHECK_INT(kill(driver->pid, SIGKILL), 0);
    CHECK(waitpid(driver->pid, &status, 0) == driver->pid);
    WAIT_UNTIL(!process_is_alive(driver->core_pid));
    CHECK(process_is_alive(app) && process_is_alive(watcher));
    start = test_now();
    driver_forget_store();
    WAIT_UNTIL(!process_is_alive(app) && !process_is_alive(below));
    CHECK(test_now() - start > 4.9); /* it had time to end by itself */
    WAIT_UNTIL(!process_is_alive(watcher));
    driver = driver_start("w");
    CHECK_INT(driver_end(driver), 0);
}

TEST(watcher_forgets_processes_that_ended)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t watcher = spawn_watcher(driver, 8);

    driver_spawn(driver, 7, "exec sleep 1000");
    driver_close_fds(driver);
    WAIT_UNTIL(guards(watcher));
    driver_signal(driver, 7, 3, SIGKILL);
    driver_expect(driver, PSG_MSG_EXITED);
    WAIT_UNTIL(!guards(watcher));
    CHECK_INT(driver_end(driver), 0);
}

TEST(next_watcher_guards_what_the_one_before_did)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t watcher = spawn_watcher(driver, 8);

    for (int i = 0; i < 3; i++) {
        driver_spawn(driver, 7 + 2 * (uint32_t)i, "exec sleep 1000");
        driver_close_fds(driver);
        WAIT_UNTIL(guards(watcher));
        CHECK_INT(kill(watcher, SIGKILL), 0);
        driver_expect(driver, PSG_MSG_EXITED);
        watcher = spawn_watcher(driver, 8);
        WAIT_UNTIL(guards(watcher));
    }
    CHECK_INT(driver_end(driver), 0);
}
