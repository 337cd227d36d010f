/* SPDX-License-Identifier: Apache-2.0 */

/* The admin socket and its tools: owners restart and see their own apps, root
 * all, and nobody else learns that an app exists. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "tenants.h"
#include "test.h"

static const httpd_config_t plain;

/* passenger-agent with these arguments, by root or, if uid is not 0, by that
 * user; returns its exit status. */
static int tool(const httpd_t *httpd, int uid, const char **output,
                const char *arguments)
{
    const char *as =
        uid ? test_format("setpriv --reuid=%d --regid=%d --clear-groups", uid,
                          uid)
            : "";

    return test_shell(output,
                      "cd / && PASSENGER_INSTANCE_REGISTRY_DIR='%s' %s "
                      "'%s/passenger-agent' %s 2>&1",
                      httpd->run_dir, as, test_product_dir, arguments);
}

static void await_other(const httpd_t *httpd, pid_t before)
{
    WAIT_UNTIL(scoreboard_newest(httpd) > 0
               && scoreboard_newest(httpd) != before
               && !process_is_alive(before));
}

static httpd_t *serve_alice(void)
{
    tenants_create();
    app_require("python3 setpriv");
    app_copy("python", "www");
    tenants_give("www", "psgalice:psgalice");
    return httpd_start(&plain);
}

static const char *restart_of(const httpd_t *httpd)
{
    return test_format("restart-app '%s'", httpd->app_root);
}

TEST(command_restarts_an_app)
{
    httpd_t *httpd = app_serve("python", &plain);
    pid_t before = app_pid(httpd);
    const char *output;

    CHECK_INT(tool(httpd, 0, &output, restart_of(httpd)), 0);
    CHECK_CONTAINS(output, test_format("Restarting %s\n", httpd->app_root));
    await_other(httpd, before);
}

TEST(command_by_plain_user_restarts_an_app)
{
    httpd_t *httpd = app_serve("python", &(httpd_config_t){.plain_user = 1});
    pid_t before = app_pid(httpd);
    const char *output;
    int uid = getuid() == 0 ? (int)process_status(httpd->pid, "Uid") : 0;

    CHECK_INT(tool(httpd, uid, &output, "restart-app --all"), 0);
    await_other(httpd, before);
}

TEST(owner_may_and_others_see_nothing)
{
    httpd_t *httpd = serve_alice();
    pid_t before = app_pid(httpd);
    const char *output;

    CHECK_INT(tool(httpd, TENANT_BOB, &output, restart_of(httpd)), 1);
    CHECK_CONTAINS(output, "no such app");
    CHECK_INT(tool(httpd, TENANT_BOB, &output,
                   test_format("detach-process %d", (int)before)),
              1);
    CHECK_CONTAINS(output, "Could not detach");
    CHECK_INT(tool(httpd, TENANT_BOB, &output, "status --json"), 0);
    CHECK_LACKS(output, httpd->app_root);
    CHECK_INT(tool(httpd, TENANT_ALICE, &output, "status"), 0);
    CHECK_CONTAINS(output, httpd->app_root);
    CHECK_CONTAINS(output, test_format("PID: %d", (int)before));
    CHECK_INT(app_pid(httpd), before);
    CHECK_INT(tool(httpd, TENANT_ALICE, &output, restart_of(httpd)), 0);
    await_other(httpd, before);
}

/* Whose an app is, is known to a core that did not start it. */
TEST(owner_may_after_the_core_was_killed)
{
    httpd_t *httpd = serve_alice();
    pid_t before = app_pid(httpd), core = httpd_core(httpd);
    const char *output;

    httpd_allow_log("core");
    kill(core, SIGKILL);
    WAIT_UNTIL(httpd_core(httpd) > 0 && httpd_core(httpd) != core);
    CHECK_INT(tool(httpd, TENANT_BOB, &output, restart_of(httpd)), 1);
    CHECK_INT(tool(httpd, TENANT_ALICE, &output, restart_of(httpd)), 0);
    await_other(httpd, before);
}

/* The socket has its name again, and the owner is known. */
TEST(owner_may_after_the_watchdog_was_killed)
{
    httpd_t *httpd = serve_alice();
    pid_t before = app_pid(httpd), watchdog = httpd_watchdog(httpd);
    const char *output;

    httpd_allow_log("PSG");
    httpd_allow_log("passenger");
    kill(watchdog, SIGKILL);
    WAIT_UNTIL(httpd_watchdog(httpd) > 0 && httpd_watchdog(httpd) != watchdog
               && httpd_core(httpd) > 0);
    WAIT_UNTIL(tool(httpd, TENANT_ALICE, &output, "status") == 0
               && strstr(output, httpd->app_root));
    CHECK_INT(tool(httpd, TENANT_BOB, &output, restart_of(httpd)), 1);
    CHECK_INT(tool(httpd, TENANT_ALICE, &output, restart_of(httpd)), 0);
    await_other(httpd, before);
}

TEST(detached_process_is_replaced)
{
    httpd_t *httpd = app_serve("python", &plain);
    pid_t before = app_pid(httpd);
    const char *output;

    CHECK_INT(
        tool(httpd, 0, &output, test_format("detach-process %d", (int)before)),
        0);
    CHECK_CONTAINS(output, test_format("Process %d detached.", (int)before));
    await_other(httpd, before);
    CHECK_INT(tool(httpd, 0, &output, "detach-process 1"), 1);
    CHECK_INT(
        tool(httpd, 0, &output, "detach-process 1 --ignore-nonexistant-pid"),
        0);
}

TEST(folder_restarts_what_is_below_and_no_namesake)
{
    httpd_t *httpd = app_serve("python", &plain);
    pid_t before = app_pid(httpd);
    const char *output;

    CHECK_INT(
        tool(httpd, 0, &output,
             test_format("restart-app '%.*s'", (int)strlen(httpd->app_root) - 1,
                         httpd->app_root)),
        1);
    CHECK_INT(
        tool(httpd, 0, &output, test_format("restart-app '%s'", test_dir())),
        0);
    await_other(httpd, before);
}

TEST(name_and_link_restart_an_app)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.vhost_config = "PassengerAppGroupName shop\n"});
    pid_t before = app_pid(httpd);
    const char *output;

    CHECK_INT(tool(httpd, 0, &output, "restart-app --name shop"), 0);
    await_other(httpd, before);
    before = scoreboard_newest(httpd);
    symlink(httpd->app_root, test_format("%s/current", test_dir()));
    CHECK_INT(tool(httpd, 0, &output,
                   test_format("restart-app '%s/current'", test_dir())),
              0);
    await_other(httpd, before);
}

TEST(app_that_does_not_run_may_be_ignored)
{
    httpd_t *httpd = app_serve("python", &plain);
    const char *output;

    app_pid(httpd);
    CHECK_INT(tool(httpd, 0, &output, "restart-app /nowhere"), 1);
    CHECK_INT(tool(httpd, 0, &output,
                   "restart-app --ignore-app-not-running /nowhere"),
              0);
    CHECK_INT(tool(httpd, 0, &output, "restart-app"), 1);
}

TEST(instances_are_found_and_missing_ones_explained)
{
    httpd_t *httpd = app_serve("python", &plain);
    httpd_t nowhere = {.run_dir = test_dir()};
    const char *output, *name = test_format("passenger.%d", (int)httpd->pid);

    app_pid(httpd);
    CHECK_INT(tool(httpd, 0, &output, "list-instances"), 0);
    CHECK_CONTAINS(output, name);
    CHECK_INT(tool(&nowhere, 0, &output, "status"), 1);
    CHECK_CONTAINS(output, "PASSENGER_INSTANCE_REGISTRY_DIR");
    CHECK_INT(tool(&nowhere, 0, &output,
                   "restart-app / --ignore-passenger-not-running"),
              0);
    CHECK_INT(
        tool(&nowhere, 0, &output,
             test_format("status --instance '%s/%s'", httpd->run_dir, name)),
        0);
}

/* Another instance dir, with the socket of the first. One that others may write
 * to could be anybody's. */
TEST(one_of_several_instances_is_chosen)
{
    httpd_t *httpd = app_serve("python", &plain);
    const char *output, *name = test_format("passenger.%d", (int)httpd->pid);

    app_pid(httpd);
    test_shell(NULL,
               "cd '%s' && mkdir -m 755 passenger.1 && "
               "ln -s ../%s/admin.sock passenger.1/admin.sock",
               httpd->run_dir, name);
    CHECK_INT(tool(httpd, 0, &output, "restart-app --all"), 1);
    CHECK_CONTAINS(output, name);
    CHECK_CONTAINS(output, "passenger.1\n");
    CHECK_INT(tool(httpd, 0, &output,
                   test_format("status --instance %d", (int)httpd->pid)),
              0);
    test_shell(NULL, "chmod 777 '%s/passenger.1'", httpd->run_dir);
    CHECK_INT(tool(httpd, 0, &output, "status"), 0);
    test_shell(NULL, "rm -r '%s/passenger.1'", httpd->run_dir);
}

/* One folder below two URIs is two apps. */
TEST(status_tells_apps_of_one_folder_apart)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.modules = "alias",
                          .vhost_config = test_format(
                              "Alias /one \"%s/www/public\"\n"
                              "Alias /two \"%s/www/public\"\n"
                              "PassengerBaseURI /one\nPassengerBaseURI /two\n",
                              test_dir(), test_dir())});
    const char *output;

    CHECK_INT(http_get("%s/one/hello", httpd->url)->status, 200);
    CHECK_INT(http_get("%s/two/hello", httpd->url)->status, 200);
    CHECK_INT(tool(httpd, 0, &output, "status"), 0);
    CHECK_CONTAINS(output, "\n  Base URI: /one\n");
    CHECK_CONTAINS(output, "\n  Base URI: /two\n");
}

/* The names existing scripts know. */
TEST(other_names_of_the_program_are_commands)
{
    httpd_t *httpd = app_serve("python", &plain);
    pid_t before = app_pid(httpd);
    const char *output;

    test_shell(NULL,
               "cd '%s' && ln -s '%s/passenger-agent' passenger-config && "
               "ln -s '%s/passenger-agent' passenger-status",
               test_dir(), test_product_dir, test_product_dir);
    CHECK_INT(test_shell(&output,
                         "PASSENGER_INSTANCE_REGISTRY_DIR='%s' "
                         "'%s/passenger-status' --show=json",
                         httpd->run_dir, test_dir()),
              0);
    CHECK_CONTAINS(output, test_format("\"pid\": %d", (int)before));
    CHECK_INT(test_shell(&output,
                         "PASSENGER_INSTANCE_REGISTRY_DIR='%s' "
                         "'%s/passenger-config' restart-app "
                         "--ignore-app-not-running '%s'",
                         httpd->run_dir, test_dir(), httpd->app_root),
              0);
    await_other(httpd, before);
}

static int connect_to(const httpd_t *httpd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strncpy(address.sun_path,
            test_format("%s/passenger.%d/admin.sock", httpd->run_dir,
                        (int)httpd->pid),
            sizeof(address.sun_path) - 1);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

/* One line; "" at the end of the connection. */
static const char *read_line(int fd)
{
    char line[65536];
    size_t len = 0;

    while (len < sizeof(line) - 1 && recv(fd, line + len, 1, 0) == 1
           && line[len] != '\n') {
        len++;
    }
    line[len] = '\0';
    return test_format("%s", line);
}

static void say(int fd, const char *text)
{
    CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

TEST(lines_are_answered_one_by_one)
{
    httpd_t *httpd = app_serve("python", &plain);
    int fd;

    app_pid(httpd);
    fd = connect_to(httpd);
    say(fd, "rubbish\n{\"command\":\"status\"}\n{\"command\":\"detach_");
    CHECK_CONTAINS(read_line(fd), "bad_request");
    CHECK_CONTAINS(read_line(fd), httpd->app_root);
    say(fd, "process\",\"pid\":1}\n");
    CHECK_CONTAINS(read_line(fd), "no_such_process");
    close(fd);
}

TEST(endless_line_ends_the_connection)
{
    httpd_t *httpd = app_serve("python", &plain);
    char much[40000];
    int fd;

    httpd_allow_log("PSG2080");
    app_pid(httpd);
    fd = connect_to(httpd);
    memset(much, 'x', sizeof(much));
    (void)send(fd, much, sizeof(much), MSG_NOSIGNAL);
    CHECK_STR(read_line(fd), "");
    close(fd);
    http_get_body(200, "%s/hello", httpd->url);
}

TEST(one_user_does_not_get_all_connections)
{
    httpd_t *httpd = serve_alice();
    const char *output;

    app_pid(httpd);
    CHECK_INT(test_shell(&output,
                         "setpriv --reuid=%d --regid=%d --clear-groups "
                         "/usr/bin/python3 -c '\n"
                         "import socket, sys\n"
                         "held, alive = [], 0\n"
                         "for i in range(30):\n"
                         "    s = socket.socket(socket.AF_UNIX)\n"
                         "    s.connect(sys.argv[1])\n"
                         "    held.append(s)\n"
                         "for s in held:\n"
                         "    try:\n"
                         "        s.sendall(b\"x\\n\")\n"
                         "        alive += s.recv(1) != b\"\"\n"
                         "    except OSError:\n"
                         "        pass\n"
                         "print(alive, end=\"\")\n"
                         "' '%s/passenger.%d/admin.sock'",
                         TENANT_BOB, TENANT_BOB, httpd->run_dir,
                         (int)httpd->pid),
              0);
    CHECK_STR(output, "8");
    CHECK_INT(tool(httpd, 0, &output, "status"), 0);
}
