/* SPDX-License-Identifier: Apache-2.0 */

/* PassengerCtl hook_...: the administrator's commands for events. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

/* Where the commands, which run as the agent's user, may write. */
static const char *make_folder(void)
{
    const char *folder = test_format("%s/hooks", test_dir());

    CHECK_INT(mkdir(folder, 0777), 0);
    CHECK_INT(chmod(folder, 0777), 0);
    return folder;
}

static void await_line(const char *folder, const char *line)
{
    const char *path = test_format("%s/log", folder);

    WAIT_UNTIL(strstr(test_read(path), line) != NULL);
}

/* Each event leaves a line: its name, the process, the app. */
static const char *hook(const char *name, const char *folder)
{
    return test_format("PassengerCtl hook_%s \"echo $PASSENGER_HOOK_NAME "
                       "$PASSENGER_PROCESS_PID $PASSENGER_APP_ROOT "
                       ">>%s/log\"\n",
                       name, folder);
}

TEST(hooks_run_when_processes_come_and_go)
{
    const char *folder = make_folder();
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.server_config = test_format(
                              "%s%s", hook("attached_process", folder),
                              hook("detached_process", folder))});
    int pid = (int)app_pid(httpd);

    await_line(folder,
               test_format("attached_process %d %s\n", pid, httpd->app_root));
    httpd_allow_log("ended by itself");
    kill(pid, SIGKILL);
    await_line(folder,
               test_format("detached_process %d %s\n", pid, httpd->app_root));
}

TEST(hook_runs_when_an_app_does_not_start)
{
    const char *folder = make_folder();
    httpd_t *httpd;

    app_require("python3");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/passenger_wsgi.py", "raise RuntimeError('no')\n");
    httpd = httpd_start(
        &(httpd_config_t){.server_config = hook("spawn_failed", folder)});
    CHECK_INT(http_get("%s/", httpd->url)->status, 500);
    await_line(folder, test_format("spawn_failed %s\n", httpd->app_root));
}

TEST(hook_runs_when_a_queue_is_full)
{
    const char *folder = make_folder();
    http_running_t *running[3];
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.server_config =
                              test_format("PassengerMaxPoolSize 1\n%s",
                                          hook("queue_full_error", folder)),
                          .vhost_config = "PassengerMaxRequestQueueSize 1\n"});

    httpd_allow_log("PSG0104");
    app_pid(httpd);
    for (int i = 0; i < 3; i++) {
        running[i] = http_begin(
            &(http_request_t){.url = test_format("%s/wait/go", httpd->url)});
    }
    await_line(folder, test_format("queue_full_error %s\n", httpd->app_root));
    app_release(httpd, "go");
    for (int i = 0; i < 3; i++) {
        (void)http_end(running[i]);
    }
}

TEST(hook_has_a_clean_environment_and_no_descriptor_of_the_agent)
{
    const char *folder = make_folder(), *seen;
    httpd_t *httpd;

    setenv("SECRET_OF_HTTPD", "1", 1);
    httpd = app_serve(
        "python", &(httpd_config_t){
                      .server_config = test_format(
                          "PassengerCtl hook_attached_process \"env >%s/env; "
                          "readlink /proc/$$/fd/* >%s/fds; id -u >%s/uid; "
                          "echo done >>%s/log\"\n",
                          folder, folder, folder, folder)});
    app_pid(httpd);
    await_line(folder, "done");
    seen = test_read(test_format("%s/env", folder));
    CHECK_CONTAINS(seen, "PASSENGER_HOOK_NAME=attached_process");
    CHECK_LACKS(seen, "SECRET_OF_HTTPD");
    seen = test_read(test_format("%s/fds", folder));
    CHECK_LACKS(seen, "socket:");
    CHECK_LACKS(seen, "memfd:");
    if (getuid() == 0) {
        CHECK(strcmp(test_read(test_format("%s/uid", folder)), "0\n") != 0);
    }
}

TEST(other_names_of_ctl_are_explained)
{
    httpd_t *httpd = httpd_start(&(httpd_config_t){
        .server_config = "PassengerCtl hook_before_watchdog_shutdown \"x y\"\n"
                         "PassengerCtl turbocaching true\n"});

    httpd_await_log(httpd, "PassengerCtl hook_before_watchdog_shutdown: the "
                           "watchdog, which may be root");
    httpd_await_log(httpd, "PassengerCtl turbocaching: it has no meaning here");
}
