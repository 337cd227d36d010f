/* SPDX-License-Identifier: Apache-2.0 */

/* A real watcher, started by a real watchdog; the test is its core. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "restart_stamp.h"
#include "scoreboard.h"
#include "test.h"
#include "watchdog_driver.h"

enum {
    GROUP = 5,
    GENERATION = 9
};

static driver_t *driver;
static int watcher = -1; /* the channel */
static psg_message_t said;
static uint32_t always; /* what the core believes of always_restart.txt */

/* A core that was taken over might ask for this. */
static pid_t start_watcher(void)
{
    psg_message_t msg = driver_spawn_message(7, "touch evil; sleep 60");

    driver = driver_start_with_core("w");
    msg.as.spawn.kind = PSG_KIND_WATCHER;
    msg.as.spawn.env_list.data = "LD_PRELOAD=/tmp/evil.so";
    msg.as.spawn.env_list.len = sizeof("LD_PRELOAD=/tmp/evil.so");
    driver_send(driver, &msg);
    driver_expect(driver, PSG_MSG_SPAWNED);
    watcher = driver->fds[DRIVER_CONTROL];
    return (pid_t)driver->msg.as.spawned.pid;
}

static void watch(uint64_t seen)
{
    psg_message_t msg = {.number = PSG_MSG_WATCH};
    const char *dir = test_format("%s/tmp", test_dir());

    msg.as.watch.group = GROUP;
    msg.as.watch.group_generation = GENERATION;
    msg.as.watch.seen = seen;
    msg.as.watch.always = always;
    msg.as.watch.dir.data = dir;
    msg.as.watch.dir.len = strlen(dir);
    CHECK_INT(psg_wire_send(watcher, &msg, NULL, 0, 1000), APR_SUCCESS);
}

static void expect(psg_message_e number)
{
    static char frame[PSG_FRAME_MAX];
    int fds[PSG_FRAME_MAX_FDS], count;
    apr_status_t rv;

    WAIT_UNTIL((rv = psg_wire_recv(watcher, &said, frame, fds, &count))
               != APR_EAGAIN);
    CHECK_INT(rv, APR_SUCCESS);
    CHECK_INT(said.number, number);
}

static uint64_t expect_seen(int is_wish)
{
    expect(PSG_MSG_RESTART_SEEN);
    CHECK_INT(said.as.restart_seen.group, GROUP);
    CHECK_INT(said.as.restart_seen.group_generation, GENERATION);
    CHECK_INT(said.as.restart_seen.restart, is_wish);
    return said.as.restart_seen.seen;
}

TEST(watcher_is_our_program_whatever_the_core_says)
{
    pid_t pid = start_watcher();
    const char *file;

    watch(RESTART_STAMP_UNSEEN);
    expect_seen(0);
    CHECK_STR(test_read(test_format("/proc/%d/cmdline", (int)pid)),
              "passenger-agent"); /* and, after a NUL: watcher */
    CHECK(!test_exists(test_format("%s/evil", test_dir())));
    if (geteuid() == 0) {
        test_shell(&file, "tr '\\0' ' ' </proc/%d/environ", (int)pid);
        CHECK_STR(file, "");
        test_shell(&file, "readlink -n /proc/%d/cwd", (int)pid);
        CHECK_STR(file, "/");
    }
    CHECK_INT(driver_end(driver), 0);
}

TEST(watcher_tells_of_changes)
{
    start_watcher();
    watch(RESTART_STAMP_UNSEEN);
    CHECK_INT(expect_seen(0), RESTART_STAMP_ABSENT);
    test_file("tmp/restart.txt", "");
    CHECK(expect_seen(1) > RESTART_STAMP_ABSENT);
    unlink(test_format("%s/tmp/restart.txt", test_dir()));
    CHECK_INT(expect_seen(0), RESTART_STAMP_ABSENT);
    test_file("tmp/always_restart.txt", "");
    expect(PSG_MSG_ALWAYS_RESTART);
    CHECK_INT(said.as.always_restart.on, 1);
    CHECK_INT(driver_end(driver), 0);
}

/* What an earlier watcher saw last counts. */
TEST(watcher_continues_from_what_was_seen)
{
    start_watcher();
    test_file("tmp/restart.txt", "");
    always = 1;
    watch(RESTART_STAMP_ABSENT);
    CHECK(expect_seen(1) > RESTART_STAMP_ABSENT);
    expect(PSG_MSG_ALWAYS_RESTART);
    CHECK_INT(said.as.always_restart.on, 0);
    CHECK_INT(driver_end(driver), 0);
}

/* The core may tell twice; only another folder is looked at anew. */
TEST(watcher_that_is_told_again_misses_nothing)
{
    start_watcher();
    watch(RESTART_STAMP_UNSEEN);
    expect_seen(0);
    test_file("tmp/restart.txt", "");
    watch(RESTART_STAMP_UNSEEN);
    CHECK(expect_seen(1) > RESTART_STAMP_ABSENT);
    CHECK_INT(driver_end(driver), 0);
}

TEST(watcher_ends_with_its_channel)
{
    start_watcher();
    CHECK_INT(send(watcher, "nonsense", 8, MSG_NOSIGNAL), 8);
    driver_expect(driver, PSG_MSG_EXITED);
    CHECK_INT(driver_end(driver), 0);
}
