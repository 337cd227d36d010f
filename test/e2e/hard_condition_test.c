/* SPDX-License-Identifier: Apache-2.0 */

/* The system refuses what the agent needs: apps that run go on serving, nobody
 * spins, the log says what is wrong, and all is well when the condition ends. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "tenants.h"
#include "test.h"

/* Seconds of CPU time a process has used. */
static double cpu_time(pid_t pid)
{
    const char *stat = test_read(test_format("/proc/%d/stat", (int)pid));
    const char *fields = strrchr(stat, ')');
    unsigned long user = 0, system = 0;

    CHECK(fields != NULL);
    CHECK_INT(sscanf(fields + 2,
                     "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                     &user, &system),
              2);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Whoever tries again and again without a pause uses a whole second. */
static void check_calm(pid_t pid)
{
    double before = cpu_time(pid), end = test_now() + 1;

    while (test_now() < end) {
        test_pause();
    }
    CHECK(cpu_time(pid) - before < 0.3);
}

/* Sets the soft limit of a running process, as its own user: root may lack the
 * capability to do that to others. */
static void set_limit(pid_t pid, const char *what, const char *value)
{
    const char *as_user = "";

    if (geteuid() == 0) {
        as_user =
            test_format("setpriv --reuid=%ld --regid=%ld --clear-groups",
                        process_status(pid, "Uid"), process_status(pid, "Gid"));
    }
    CHECK_INT(test_shell(NULL, "%s prlimit --pid=%d --%s=%s:", as_user,
                         (int)pid, what, value),
              0);
}

/* For a plain user there is a limit of processes, which holds at once. */
TEST(fork_that_fails_is_no_end)
{
    httpd_t *httpd = app_serve("python", &(httpd_config_t){.plain_user = 1});
    pid_t app = app_pid(httpd), watchdog = httpd_watchdog(httpd), core;

    httpd_allow_log("PSG");
    set_limit(watchdog, "nproc", "1");
    kill(app, SIGKILL);
    WAIT_UNTIL(scoreboard_ready(httpd) == 0);
    CHECK(http_get("%s/hello", httpd->url)->status >= 500);
    httpd_await_log(httpd, "cannot fork: Resource temporarily unavailable");
    check_calm(watchdog);
    core = httpd_core(httpd);
    kill(core, SIGKILL);
    httpd_await_log(httpd, "PSG2222");
    check_calm(watchdog);
    set_limit(watchdog, "nproc", "5000");
    WAIT_UNTIL(httpd_core(httpd) > 0 && httpd_core(httpd) != core);
    WAIT_UNTIL(http_get("%s/hello", httpd->url)->status == 200);
    CHECK_INT(httpd_watchdog(httpd), watchdog);
}

/* The core cannot accept httpd's children; what runs needs no core. */
TEST(core_without_descriptors_is_no_end)
{
    httpd_t *httpd = app_serve("python", NULL);
    pid_t app = app_pid(httpd), core = httpd_core(httpd);

    httpd_allow_log("PSG");
    set_limit(core, "nofile", "3");
    httpd_graceful(httpd); /* new children make new connections */
    httpd_await_log(httpd, "PSG2064");
    check_calm(core);
    set_limit(core, "nofile", "1000");
    CHECK_INT(app_pid(httpd), app);
    kill(app, SIGKILL);
    WAIT_UNTIL(http_get("%s/hello", httpd->url)->status == 200);
    CHECK_INT(httpd_core(httpd), core);
}

/* What cannot be logged is lost, and nothing else. */
TEST(full_disk_below_the_log_is_no_end)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.server_config = "PassengerLogFile /dev/full\n"});
    pid_t app = app_pid(httpd), core = httpd_core(httpd);

    for (int i = 0; i < 50; i++) {
        http_get_body(200, "%s/say/something", httpd->url);
    }
    check_calm(core);
    kill(core, SIGKILL);
    WAIT_UNTIL(httpd_core(httpd) > 0 && httpd_core(httpd) != core);
    CHECK_INT(app_pid(httpd), app);
    check_calm(httpd_watchdog(httpd));
}

/* In a pid namespace with few pids. Its own /tmp/psg-test-UID hides those of
 * runs outside, whose pids do not exist there. */
#define FEW_PIDS                                                             \
    "unshare -pf --mount-proc sh -c 'echo 400 >/proc/sys/kernel/pid_max && " \
    "mount -t tmpfs -o mode=755 none /tmp/psg-test-0 && %s' 2>&1"

/* Pids come again after some hundred processes: nobody may take one for the
 * one that had it before. Tests that start and kill many run there. */
TEST(reused_pids_mean_nobody_else)
{
    const char *output;
    char self[4096] = "";

    if (geteuid() != 0 || test_shell(&output, FEW_PIDS, "true") != 0) {
        SKIP("needs root, unshare, mount, and a kernel with a pid_max for each "
             "pid namespace");
    }
    CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    if (test_shell(&output, FEW_PIDS,
                   test_format("exec %s -j 1 store_has_room new_watchdog_takes "
                               "children_of_a_killed",
                               self))
        != 0) {
        FAIL("%s", output);
    }
}

/* Everything is gone at once, as when the power fails; what it left is no
 * obstacle, and is removed. */
TEST(next_start_after_a_power_cut_is_clean)
{
    pid_t left[256];
    httpd_t *httpd;

    httpd_allow_log("AH00098"); /* httpd's own pid file was left, too */
    httpd_allow_log("PSG");
    for (int i = 0; i < 20; i++) {
        int count;

        httpd = app_serve("python", NULL);
        http_get_body(200, "%s/hello", httpd->url);
        kill(httpd->pid, SIGSTOP);
        count = process_find_all(httpd->pid, "", left, 256);
        CHECK(count >= 3);
        for (int k = 0; k < count; k++) {
            kill(left[k], SIGSTOP);
        }
        for (int k = 0; k < count; k++) {
            kill(left[k], SIGKILL);
        }
        httpd_forget(httpd);
        CHECK(test_exists(httpd->run_dir));
    }
    httpd = app_serve("python", NULL);
    http_get_body(200, "%s/hello", httpd->url);
}

enum {
    MEBIBYTE = 1 << 20,
};

/* Else its folder could not be removed. */
static void unmount(void *folder)
{
    CHECK_INT(umount2(folder, MNT_DETACH), 0);
}

/* In the test's own mount namespace. */
static const char *small_disk(void)
{
    const char *folder;

    tenants_create();
    folder = test_format("%s/small", test_dir());
    CHECK_INT(test_shell(NULL,
                         "mkdir '%s' && mount -t tmpfs -o size=1m,mode=1777 "
                         "none '%s'",
                         folder, folder),
              0);
    test_defer(unmount, (void *)folder);
    return folder;
}

/* Bodies that are to be kept there have no room. */
TEST(full_disk_of_buffers_costs_large_bodies_only)
{
    httpd_t *httpd;
    const http_response_t *answer;

    httpd_expect_log("PSG0120");
    httpd = app_serve("python",
                      &(httpd_config_t){.server_config = test_format(
                                            "PassengerDataBufferDir \"%s\"\n",
                                            small_disk())});
    answer = http_request(&(http_request_t){
        .url = test_format("%s/echo", httpd->url), .body_size = 8 * MEBIBYTE});
    CHECK_INT(answer->status, 507);
    http_get_body(200, "%s/hello", httpd->url);
    http_get_body(200, "%s/size/%d", httpd->url, 8 * MEBIBYTE);
    answer = http_request(&(http_request_t){
        .url = test_format("%s/echo", httpd->url), .body_size = MEBIBYTE / 2});
    CHECK_INT(answer->status, 200);
}
