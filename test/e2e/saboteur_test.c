/* SPDX-License-Identifier: Apache-2.0 */

/* What a tenant does with the channels and processes he has slows nobody else
 * down: neither the agent's core, nor its watchdog. */
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_stats.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "tenants.h"
#include "test.h"
#include "wire.h"

enum {
    WATCHED = 1000000, /* microseconds */
    ROUNDS = 5,
};

/* psgalice's app at /, psgbob's saboteur at /bob. */
static httpd_t *serve_both(void)
{
    httpd_t *httpd;
    const char *dir;

    tenants_create();
    app_require("python3");
    app_copy("python", "www");
    app_copy("saboteur", "bob");
    test_shell(NULL,
               "cd '%s' && chown -R psgalice:psgalice www && "
               "chown -R psgbob:psgbob bob",
               test_dir());
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config = test_format("<Location /bob>\nPassengerBaseURI /bob\n"
                                    "PassengerAppRoot \"%s/bob\"\n"
                                    "</Location>\n",
                                    test_dir())});
    test_shell(&dir, "echo '%s'/passenger.*", httpd->run_dir);
    test_file("bob/instance", dir);
    return httpd;
}

static uint64_t cpu_of(pid_t pid)
{
    psg_process_stats_t stats = {.cpu = 0};

    (void)psg_process_stats_read(&stats, (int32_t)pid);
    return stats.cpu;
}

/* For a second, both take less than a third of one CPU. */
static void check_idle(const httpd_t *httpd)
{
    pid_t core = httpd_core(httpd), dog = httpd_watchdog(httpd);
    uint64_t before = cpu_of(core) + cpu_of(dog);

    usleep(WATCHED);
    CHECK(cpu_of(core) + cpu_of(dog) - before < WATCHED / 3);
}

/* psgalice's app starts, on her wish, as soon as the agent is asked. */
static void check_starts(const httpd_t *httpd)
{
    double start = test_now();

    for (int i = 0; i < ROUNDS; i++) {
        pid_t before = scoreboard_newest(httpd);

        CHECK_INT(test_shell(NULL,
                             "PASSENGER_INSTANCE_REGISTRY_DIR='%s' "
                             "'%s/passenger-agent' restart-app '%s' 2>&1",
                             httpd->run_dir, test_product_dir, httpd->app_root),
                  0);
        WAIT_UNTIL(app_pid(httpd) != before);
    }
    CHECK(test_now() - start < ROUNDS * test_deadline_factor());
}

/* What he does, one path after the other, goes on while the checks are made. */
static void check_harmless(const char *const *attacks)
{
    httpd_t *httpd = serve_both();

    CHECK(app_pid(httpd) > 0);
    for (; *attacks; attacks++) {
        CHECK_STR(http_get_body(200, "%s/bob/%s", httpd->url, *attacks),
                  "done");
    }
    check_starts(httpd);
    check_idle(httpd);
}

TEST(chatter_is_taken_slowly)
{
    httpd_allow_log("PSG2102");
    check_harmless((const char *[]){"out_of_band", "chatter", "ready_again",
                                    "interpreter_again", NULL});
}

TEST(output_is_taken_slowly)
{
    httpd_expect_log("PSG2111");
    check_harmless((const char *[]){"print_for_ever", NULL});
}

TEST(questions_are_answered_slowly)
{
    check_harmless((const char *[]){"ask_admin", NULL});
}

/* His own requests wait for what he has stopped, nobody else's. */
TEST(stopped_processes_hold_nobody_else_up)
{
    httpd_allow_log("psg-test");
    check_harmless((const char *[]){"stop_watcher", "stop_self", NULL});
}

TEST(socket_that_is_shut_down_is_his_own)
{
    httpd_allow_log("PSG");
    check_harmless((const char *[]){"shut_down", NULL});
}

/* Orphans are the watchdog's to reap, connections the core's to close. */
TEST(crowds_hold_nobody_up)
{
    check_harmless((const char *[]){"orphans", "crowd_admin", NULL});
}

/* Where descriptors can be attached: a socket whose closing lasts a minute. */
TEST(slow_descriptors_hold_nobody_up)
{
    static const char *const attacks[] = {"linger", "linger_admin",
                                          "linger_answer"};
    httpd_t *httpd = serve_both();

    httpd_allow_log("PSG");
    CHECK(app_pid(httpd) > 0);
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        CHECK_INT(http_get("%s/bob/%s", httpd->url, attacks[i])->status, 200);
    }
    check_starts(httpd);
    check_idle(httpd);
}

static void end_process(void *pid)
{
    kill(*(pid_t *)pid, SIGKILL);
}

/* Says without end, in the watcher's name, that an app of psgalice's is to be
 * restarted. */
static void speak_for(pid_t watcher)
{
    static pid_t speaker;
    psg_message_t msg = {.number = PSG_MSG_RESTART_SEEN};
    int pidfd = (int)syscall(SYS_pidfd_open, watcher, 0);
    int fd = (int)syscall(SYS_pidfd_getfd, pidfd, 4, 0);

    CHECK(fd >= 0);
    msg.as.restart_seen.group_generation = 1;
    msg.as.restart_seen.restart = 1;
    speaker = fork();
    if (speaker == 0) {
        for (;;) {
            msg.as.restart_seen.seen++;
            (void)psg_wire_send(fd, &msg, NULL, 0, 1000);
        }
    }
    test_defer(end_process, &speaker);
}

/* A tenant who gets hold of his watcher, as a debugger may while it starts. */
TEST(watcher_without_manners_is_heard_slowly)
{
    httpd_t *httpd = serve_both();
    pid_t app = app_pid(httpd), watcher;

    http_get_body(200, "%s/bob/", httpd->url);
    WAIT_UNTIL((watcher = tenants_watcher(httpd, TENANT_BOB)) > 0);
    speak_for(watcher);
    check_idle(httpd);
    CHECK_INT(app_pid(httpd), app);
    check_starts(httpd);
}
