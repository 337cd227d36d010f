/* SPDX-License-Identifier: Apache-2.0 */

/* The watchdog, its folder and its core: starting, restarting, ending. */
#include "test.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "process_tree.h"
#include "watchdog_driver.h"

static const char *mode_of(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        return "absent";
    }
    return test_format("%04o %d %d", (unsigned)info.st_mode & 07777,
                       (int)info.st_uid, (int)info.st_gid);
}

TEST(watchdog_makes_and_removes_its_folder)
{
    driver_t *driver = driver_start("w");
    int root = geteuid() == 0;
    const char *folder =
        root ? "0711 0 33"
             : test_format("0700 %d %d", (int)geteuid(), (int)getegid());

    CHECK_STR(driver->answer, "ok");
    CHECK_STR(mode_of(driver->dir), folder);
    CHECK_STR(mode_of(test_format("%s/apps", driver->dir)),
              root ? "0710 0 33" : folder);
    CHECK_STR(mode_of(test_format("%s/admin.sock", driver->dir)),
              test_format("0666 %d %d", (int)geteuid(), (int)getegid()));
    CHECK_STR(mode_of(test_format("%s/agent.sock", driver->dir)),
              root ? "0660 33 33"
                   : test_format("0600 %d %d", (int)geteuid(), (int)getegid()));
    CHECK_INT(driver_end(driver), 0);
    CHECK(!test_exists(driver->dir));
}

TEST(core_continues_with_the_same_agent_socket)
{
    driver_t *driver = driver_start_with_core("w");
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strncpy(address.sun_path, test_format("%s/agent.sock", driver->dir),
            sizeof(address.sun_path) - 1);
    kill(driver->core_pid, SIGKILL);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    driver_accept_core(driver);
    CHECK_INT(driver_end(driver), 0);
}

TEST(core_gets_configuration_and_log)
{
    driver_t *driver = driver_start("w");

    driver_configure(driver);
    driver_accept_core(driver);
    driver_expect(driver, PSG_MSG_CONFIG);
    CHECK_INT(driver->fd_count, 1);
    CHECK_INT(driver->msg.as.config.users_list.len, sizeof("nobody\0daemon"));
    CHECK(write(driver->fds[0], "I am the log\n", 13) == 13);
    CHECK_CONTAINS(test_read(test_format("%s/agent.log", test_dir())),
                   "I am the log");
    driver_expect(driver, PSG_MSG_ADOPTED);
    CHECK_INT(driver->msg.as.adopted.count, 0);
    driver_configure(driver); /* a reload: the same core is told */
    driver_expect(driver, PSG_MSG_CONFIG);
    CHECK_INT(driver_end(driver), 0);
}

TEST(core_has_no_rights_of_root)
{
    driver_t *driver = driver_start_with_core("w");
    const char *status =
        test_read(test_format("/proc/%d/status", (int)driver->core_pid));

    CHECK_CONTAINS(status, "NoNewPrivs:\t1");
    if (geteuid() == 0) {
        CHECK_LACKS(status, "Uid:\t0");
        CHECK_CONTAINS(status, "Groups:\t33 \n");
        CHECK_CONTAINS(status, "CapEff:\t0000000000000000");
    }
    CHECK_INT(driver_end(driver), 0);
}

TEST(core_has_descriptors_0_to_6_only)
{
    driver_t *driver = driver_start_with_core("w");
    const char *list;

    /* 7 is its connection to the test. */
    CHECK_INT(test_shell(&list, "ls /proc/%d/fd | tr '\\n' ' '",
                         (int)driver->core_pid),
              0);
    CHECK_STR(list, "0 1 2 3 4 5 6 7 ");
    CHECK_INT(driver_end(driver), 0);
}

TEST(core_that_dies_at_its_start_is_restarted_slower)
{
    driver_t *driver = driver_start_with_core("w");
    double start = test_now();
    int i;

    for (i = 0; i < 5; i++) {
        kill(driver->core_pid, SIGKILL);
        driver_accept_core(driver);
    }
    CHECK(test_now() - start >= 0.310); /* 10 + 20 + 40 + 80 + 160 ms */
    CHECK_INT(driver_end(driver), 0);
}

/* As in a container that gives root few capabilities. */
static void lose_right_to_change_groups(void)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];

    if (geteuid() != 0) {
        SKIP("needs root");
    }
    CHECK_INT(syscall(SYS_capget, &header, sets), 0);
    sets[0].effective &= ~(1u << CAP_SETGID);
    sets[0].permitted &= ~(1u << CAP_SETGID);
    CHECK_INT(syscall(SYS_capset, &header, sets), 0);
}

/* How often the core could not be started. */
static int count_failures(void)
{
    const char *log = test_read(test_format("%s/agent.log", test_dir()));
    int count = 0;

    while ((log = strstr(log, "PSG2220")) != NULL) {
        log++;
        count++;
    }
    return count;
}

TEST(core_that_cannot_become_its_user_is_tried_rarely_and_at_a_reload)
{
    driver_t *driver;
    double start = test_now();

    lose_right_to_change_groups();
    driver = driver_start("w");
    driver_configure(driver);
    WAIT_UNTIL(count_failures() == 3);
    CHECK(test_now() - start >= 1.5); /* 0.5 + 1 s */
    driver_configure(driver);
    start = test_now();
    WAIT_UNTIL(count_failures() == 4);
    CHECK(test_now() - start < 1.5); /* it would be 2 */
    CHECK_CONTAINS(test_read(test_format("%s/agent.log", test_dir())),
                   "CAP_SETGID) also in a container");
    CHECK_LACKS(test_read(test_format("%s/agent.log", test_dir())), "PSG2224");
    CHECK_INT(driver_end(driver), 0);
}

TEST(core_that_sends_nonsense_is_replaced)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t first = driver->core_pid;

    CHECK(send(driver->core, "nonsense", 8, 0) == 8);
    driver_accept_core(driver);
    CHECK(driver->core_pid != first);
    CHECK(!process_is_alive(first));
    driver_expect(driver, PSG_MSG_CONFIG);
    driver_expect(driver, PSG_MSG_ADOPTED);
    CHECK_INT(driver_end(driver), 0);
}

/* Replies wait in the watchdog until they are read, and use no memory: it
 * stops reading requests. */
TEST(core_that_does_not_read_is_not_forgotten)
{
    driver_t *driver = driver_start_with_core("w");
    psg_message_t msg = driver_spawn_message(1, "true");
    uint32_t sent = 0, received = 0;

    msg.as.spawn.app_root.len = 0;
    do {
        msg.as.spawn.process_generation = sent;
    } while (psg_wire_send(driver->core, &msg, NULL, 0, 200) == APR_SUCCESS
             && ++sent < 100000);
    CHECK(sent > 100 && sent < 100000);
    for (; received < sent; received++) {
        driver_expect(driver, PSG_MSG_SPAWN_FAILED);
        CHECK_INT(driver->msg.as.spawn_failed.process_generation, received);
    }
    CHECK_INT(driver_end(driver), 0);
}

TEST(sigterm_ends_the_watchdog)
{
    driver_t *driver = driver_start_with_core("w");

    CHECK_INT(kill(driver->pid, SIGTERM), 0);
    CHECK_INT(driver_wait(driver), 0);
    CHECK(!test_exists(driver->dir));
}

TEST(two_watchdogs_do_not_share_a_folder)
{
    driver_t *first = driver_start("w"), *second = driver_start("w");

    CHECK_CONTAINS(second->answer, "error: another agent uses folder");
    CHECK_CONTAINS(second->answer, first->dir);
    CHECK_INT(driver_wait(second), 1);
    CHECK(test_exists(test_format("%s/agent.sock", first->dir)));
    CHECK_INT(driver_end(first), 0);
}

TEST(stale_folders_are_cleaned)
{
    driver_t *driver;
    const char *dead = test_format("%s/passenger.2147483646", test_dir());
    const char *living =
        test_format("%s/passenger.%d", test_dir(), (int)getpid());

    test_file("w/apps/12.1", "");
    test_file("w/old", "");
    test_file("passenger.2147483646/apps/1.1", "");
    test_file(test_format("passenger.%d/apps/1.1", (int)getpid()), "");
    test_file("passenger.12x/keep", "");
    driver = driver_start("w");
    CHECK_STR(driver->answer, "ok");
    CHECK(!test_exists(test_format("%s/apps/12.1", driver->dir)));
    CHECK(!test_exists(test_format("%s/old", driver->dir)));
    CHECK(!test_exists(dead));
    CHECK(test_exists(test_format("%s/apps/1.1", living)));
    CHECK(test_exists(test_format("%s/passenger.12x/keep", test_dir())));
    CHECK_INT(driver_end(driver), 0);
}

TEST(link_in_place_of_the_folder_is_refused)
{
    driver_t *driver;

    test_file("target/apps/precious", "");
    CHECK(symlink("target", test_format("%s/w", test_dir())) == 0);
    driver = driver_start("w");
    CHECK_CONTAINS(driver->answer, "error: cannot make folder");
    CHECK_INT(driver_wait(driver), 1);
    CHECK(test_exists(test_format("%s/target/apps/precious", test_dir())));
}

/* Removing never goes through a link. */
TEST(link_in_a_stale_folder_is_not_followed)
{
    driver_t *driver;

    test_file("target/precious", "");
    test_file("w/x", "");
    CHECK(symlink("../target", test_format("%s/w/apps", test_dir())) == 0);
    driver = driver_start("w");
    CHECK_STR(driver->answer, "ok");
    CHECK_INT(driver_end(driver), 0);
    CHECK(test_exists(test_format("%s/target/precious", test_dir())));
}

TEST(folder_that_others_can_write_is_refused)
{
    driver_t *driver;

    test_file("open/x", "");
    CHECK(chmod(test_format("%s/open", test_dir()), 0777) == 0);
    driver = driver_start("open/w");
    CHECK_CONTAINS(driver->answer, "error: others can replace what is in");
    CHECK_INT(driver_wait(driver), 1);
    CHECK(chmod(test_format("%s/open", test_dir()), 01777) == 0);
    driver = driver_start("open/w");
    CHECK_STR(driver->answer, "ok");
    CHECK_INT(driver_end(driver), 0);
}

/* Sockets are bound by names relative to the folder. */
TEST(folder_may_have_a_long_path)
{
    char name[120];
    driver_t *driver;

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    driver = driver_start(name);
    CHECK_STR(driver->answer, "ok");
    CHECK(test_exists(test_format("%s/agent.sock", driver->dir)));
    CHECK_INT(driver_end(driver), 0);
}
