/* SPDX-License-Identifier: Apache-2.0 */

/* Processes that preloaders fork: the watchdog admits exactly those that were
 * born by the rules, whatever a hostile preloader does. */
#include "test.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd_packet.h"
#include "process_size.h"
#include "process_tree.h"
#include "scoreboard.h"
#include "watchdog_driver.h"

enum {
    PRELOADER = 5,
    GENERATION = 3
};

typedef struct {
    driver_t *driver;
    pid_t pid;
    int control;
} preloader_t;

/* Starts the preloader of test/apps in that mode, with a watchdog if there is
 * none, and waits until it is ready. */
static preloader_t start_preloader(driver_t *driver, const char *mode)
{
    const char *program =
        test_file("preloader.py",
                  test_read(TEST_SRCDIR "/test/apps/preloader/preloader.py"));
    const char *script =
        test_format("exec /usr/bin/python3 %s %s", program, mode);
    psg_message_t msg = driver_spawn_message(PRELOADER, script);
    preloader_t preloader = {.driver = driver};

    msg.as.spawn.kind = PSG_KIND_PRELOADER;
    driver_send(driver, &msg);
    driver_expect(driver, PSG_MSG_SPAWNED);
    CHECK_INT(driver->fd_count, 3);
    preloader.pid = (pid_t)driver->msg.as.spawned.pid;
    preloader.control = dup(driver->fds[DRIVER_CONTROL]);
    CHECK_CONTAINS(driver_read(preloader.control, "\n"), "\"fork\"");
    driver_close_fds(driver);
    return preloader;
}

static psg_message_t birth_message(uint32_t process)
{
    psg_message_t msg = driver_spawn_message(process, "true");

    msg.as.spawn.preloader = PRELOADER;
    msg.as.spawn.preloader_generation = GENERATION;
    return msg;
}

/* Asks the watchdog for a process that is to be forked. */
static void expect_offer(driver_t *driver, uint32_t process)
{
    psg_message_t msg = birth_message(process);

    driver_send(driver, &msg);
    driver_expect(driver, PSG_MSG_FORKABLE);
    CHECK_INT(driver->msg.as.forkable.process, process);
    CHECK_INT(driver->fd_count, 4);
}

/* Passes what was offered on to the preloader. */
static void say_fork(const preloader_t *preloader)
{
    static const char line[] = "{\"command\":\"fork\"}\n";

    CHECK_INT(fd_packet_send(preloader->control, line, sizeof(line) - 1,
                             preloader->driver->fds, 4),
              0);
    driver_close_fds(preloader->driver);
}

static void expect_failure(driver_t *driver, uint32_t process, const char *why)
{
    struct pollfd poller = {.fd = driver->core, .events = POLLIN};

    CHECK_INT(poll(&poller, 1, 15000), 1); /* a birth may take 10 s */
    driver_expect(driver, PSG_MSG_SPAWN_FAILED);
    CHECK_INT(driver->msg.as.spawn_failed.process, process);
    CHECK_CONTAINS(test_format("%.*s",
                               (int)driver->msg.as.spawn_failed.reason.len,
                               driver->msg.as.spawn_failed.reason.data),
                   why);
}

/* A process is told to the core, and is the one that has our channels. */
static pid_t expect_birth(driver_t *driver, uint32_t process)
{
    pid_t pid;

    driver_expect(driver, PSG_MSG_SPAWNED);
    CHECK_INT(driver->msg.as.spawned.process, process);
    CHECK_INT(driver->fd_count, 3);
    pid = (pid_t)driver->msg.as.spawned.pid;
    CHECK_CONTAINS(driver_read(driver->fds[DRIVER_CONTROL], "\n"),
                   test_format("%d\n", (int)pid));
    CHECK_INT(process_status(pid, "PPid"), driver->pid);
    return pid;
}

TEST(forked_process_is_a_child_like_any_other)
{
    driver_t *driver = driver_start_with_core("w");
    preloader_t preloader = start_preloader(driver, "good");
    const char *name = test_format("%s/apps/7.3", driver->dir);
    int before = process_size(driver->pid).fds;
    pid_t pid;

    expect_offer(driver, 7);
    say_fork(&preloader);
    pid = expect_birth(driver, 7);
    CHECK(pid != preloader.pid && test_exists(name));
    CHECK(!test_exists(test_format("%s/apps/5.3", driver->dir)));
    driver_signal(driver, 7, GENERATION, SIGUSR1);
    driver_expect(driver, PSG_MSG_EXITED);
    CHECK_INT(driver->msg.as.exited.process, 7);
    CHECK_INT(driver->msg.as.exited.status, SIGUSR1);
    WAIT_UNTIL(!test_exists(name));
    WAIT_UNTIL(process_size(driver->pid).fds == before);
    CHECK(process_is_alive(preloader.pid));
    CHECK_INT(driver_end(driver), 0);
    CHECK(!process_is_alive(preloader.pid));
}

TEST(several_births_may_be_under_way)
{
    driver_t *driver = driver_start_with_core("w");
    preloader_t preloader = start_preloader(driver, "good");

    int offered = 0, born = 0;

    for (uint32_t process = 10; process < 14; process++) {
        psg_message_t msg = birth_message(process);

        driver_send(driver, &msg);
    }
    while (offered + born < 8) { /* their order is the kernel's */
        driver_expect_any(driver);
        if (driver->msg.number == PSG_MSG_FORKABLE) {
            offered++;
            say_fork(&preloader);
            continue;
        }
        CHECK_INT(driver->msg.number, PSG_MSG_SPAWNED);
        CHECK(driver->msg.as.spawned.process >= 10
              && driver->msg.as.spawned.process < 14);
        born++;
        driver_close_fds(driver);
    }
    CHECK_INT(offered, 4);
    CHECK_INT(driver_end(driver), 0);
}

TEST(new_core_adopts_forked_process)
{
    driver_t *driver = driver_start_with_core("w");
    preloader_t preloader = start_preloader(driver, "good");
    pid_t pid;

    expect_offer(driver, 7);
    say_fork(&preloader);
    pid = expect_birth(driver, 7);
    driver_close_fds(driver);
    kill(driver->core_pid, SIGKILL);
    driver_accept_core(driver);
    driver_expect(driver, PSG_MSG_CONFIG);
    driver_close_fds(driver);
    driver_expect(driver, PSG_MSG_ADOPT);
    CHECK_INT(driver->msg.as.adopt.pid, preloader.pid);
    driver_close_fds(driver);
    driver_expect(driver, PSG_MSG_ADOPT);
    CHECK_INT(driver->msg.as.adopt.pid, pid);
    CHECK_INT(driver_end(driver), 0);
}

/* Whoever asked for it is dead: the process that comes all the same finds its
 * control channel closed. */
TEST(birth_ends_with_the_core_that_wanted_it)
{
    driver_t *driver = driver_start_with_core("w");
    preloader_t preloader = start_preloader(driver, "good");
    const char *name = test_format("%s/apps/7.3", driver->dir);

    expect_offer(driver, 7);
    CHECK(test_exists(name));
    kill(driver->core_pid, SIGKILL);
    WAIT_UNTIL(!test_exists(name));
    say_fork(&preloader);
    driver_accept_core(driver);
    driver_expect(driver, PSG_MSG_CONFIG);
    driver_close_fds(driver);
    driver_expect(driver, PSG_MSG_ADOPT);
    driver_close_fds(driver);
    driver_expect(driver, PSG_MSG_ADOPTED);
    CHECK_INT(driver->msg.as.adopted.count, 1);
    WAIT_UNTIL(process_find_all(driver->pid, "preloader.py", &preloader.pid, 1)
               == 1);
    CHECK_INT(driver_end(driver), 0);
}

/* mode: what the preloader does; why: what the core is told. */
static void check_refused(const char *mode, const char *why)
{
    driver_t *driver = driver_start_with_core("w");
    preloader_t preloader = start_preloader(driver, mode);
    int before = process_size(driver->pid).fds;

    expect_offer(driver, 7);
    say_fork(&preloader);
    expect_failure(driver, 7, why);
    WAIT_UNTIL(process_size(driver->pid).fds == before);
    CHECK(!test_exists(test_format("%s/apps/7.3", driver->dir)));
    CHECK(process_is_alive(preloader.pid));
    expect_offer(driver, 7); /* the place is free again */
    CHECK_INT(driver_end(driver), 0);
}

TEST(preloader_cannot_pass_itself_off_as_the_new_process)
{
    check_refused("self", "lives already");
}

TEST(process_with_another_parent_is_not_admitted)
{
    check_refused("impatient", "or its parent did not");
}

TEST(preloader_that_drops_the_channel_fails_at_once)
{
    double start = test_now();

    check_refused("drop", "did not fork it");
    CHECK(test_now() - start < 5);
}

TEST(preloader_that_never_forks_fails_in_time)
{
    check_refused("never", "within 10 seconds");
}

/* The byte may come twice, with descriptors, or the channel stay open. */
static void check_admitted(const char *mode)
{
    driver_t *driver = driver_start_with_core("w");
    preloader_t preloader = start_preloader(driver, mode);
    int before = process_size(driver->pid).fds;

    expect_offer(driver, 7);
    say_fork(&preloader);
    expect_birth(driver, 7);
    CHECK_INT(process_size(driver->pid).fds, before + 4); /* 3 and a pidfd */
    expect_offer(driver, 8);
    say_fork(&preloader);
    expect_birth(driver, 8);
    CHECK_INT(driver_end(driver), 0);
}

TEST(descriptors_a_process_attaches_are_dropped)
{
    check_admitted("attach");
}

TEST(channel_that_stays_open_does_no_harm)
{
    check_admitted("hold");
}

TEST(only_a_living_preloader_of_the_same_app_may_fork)
{
    driver_t *driver = driver_start_with_core("w");
    psg_message_t good = birth_message(7), msg = good;
    preloader_t preloader = start_preloader(driver, "good");

    msg.as.spawn.app_root.data = "/tmp";
    msg.as.spawn.app_root.len = 4;
    driver_send(driver, &msg);
    expect_failure(driver, 7, "another app's or user's");
    msg = good;
    msg.as.spawn.preloader_generation++;
    driver_send(driver, &msg);
    expect_failure(driver, 7, "not there any more");
    msg = good;
    msg.as.spawn.preloader = 0xfffffffe;
    driver_send(driver, &msg);
    expect_failure(driver, 7, "not there any more");
    msg = good;
    msg.as.spawn.kind = PSG_KIND_PRELOADER;
    driver_send(driver, &msg);
    expect_failure(driver, 7, "no such kind");
    driver_spawn(driver, 6, "read line <&4");
    msg = good;
    msg.as.spawn.preloader = 6; /* an app process */
    driver_send(driver, &msg);
    expect_failure(driver, 7, "not there any more");
    kill(preloader.pid, SIGKILL);
    driver_close_fds(driver);
    driver_expect(driver, PSG_MSG_EXITED);
    driver_send(driver, &good);
    expect_failure(driver, 7, "not there any more");
    CHECK_INT(driver_end(driver), 0);
}

TEST(preloader_of_another_user_may_not_fork)
{
    driver_t *driver = driver_start_with_core("w");
    psg_message_t msg = birth_message(7);

    if (geteuid() != 0) {
        SKIP("needs root");
    }
    start_preloader(driver, "good"); /* as nobody */
    msg.as.spawn.identity = 2;       /* IDENTITY_NAMED */
    msg.as.spawn.user.data = "daemon";
    msg.as.spawn.user.len = 6;
    driver_send(driver, &msg);
    expect_failure(driver, 7, "another app's or user's");
    CHECK_INT(driver_end(driver), 0);
}

TEST(process_that_is_being_born_is_not_started_twice)
{
    driver_t *driver = driver_start_with_core("w");
    preloader_t preloader = start_preloader(driver, "good");
    psg_message_t msg = birth_message(7);

    expect_offer(driver, 7);
    driver_send(driver, &msg);
    expect_failure(driver, 7, "lives already");
    driver->fd_count = 4; /* they are still there */
    say_fork(&preloader);
    expect_birth(driver, 7);
    CHECK_INT(driver_end(driver), 0);
}
