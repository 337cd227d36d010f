/* SPDX-License-Identifier: Apache-2.0 */

/* As root, every app runs as the owner of its startup file, with exactly that
 * user's groups, a clean environment and no descriptor but its own. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "tenants.h"
#include "test.h"

/* The app belongs to psgalice, or to whom `owner` says. */
static httpd_t *serve_for(const char *owner, const httpd_config_t *config)
{
    tenants_create();
    app_require("python3");
    app_copy("python", "www");
    tenants_give("www", owner);
    return httpd_start(config);
}

static const httpd_config_t plain;

/* A line of /proc/PID/status without its name, blanks as they are. */
static const char *status_line(pid_t pid, const char *name)
{
    const char *output;

    test_shell(&output,
               "sed -n 's/^%s:[\\t ]*//p' /proc/%d/status | tr -d '\\n'", name,
               (int)pid);
    return output;
}

static void check_runs_as(pid_t pid, int uid, int gid)
{
    CHECK_STR(status_line(pid, "Uid"),
              test_format("%d\t%d\t%d\t%d", uid, uid, uid, uid));
    CHECK_STR(status_line(pid, "Gid"),
              test_format("%d\t%d\t%d\t%d", gid, gid, gid, gid));
}

TEST(app_runs_as_owner_of_startup_file)
{
    httpd_t *httpd = serve_for("psgalice:psgalice", &plain);

    check_runs_as(app_pid(httpd), TENANT_ALICE, TENANT_ALICE);
}

TEST(app_has_exactly_the_groups_of_its_user)
{
    httpd_t *httpd = serve_for("psgalice:psgalice", &plain);

    CHECK_STR(status_line(app_pid(httpd), "Groups"),
              test_format("%d %d ", TENANT_ALICE, TENANT_SHARED));
}

TEST(app_has_no_capability)
{
    httpd_t *httpd = serve_for("psgalice:psgalice", &plain);

    CHECK_STR(status_line(app_pid(httpd), "CapEff"), "0000000000000000");
    CHECK_STR(status_line(app_pid(httpd), "CapPrm"), "0000000000000000");
    CHECK_STR(status_line(app_pid(httpd), "CapInh"), "0000000000000000");
}

TEST(app_of_root_runs_as_default_user)
{
    httpd_t *httpd = serve_for("root:root", &plain);

    check_runs_as(app_pid(httpd), 65534, 65534);
}

TEST(default_user_is_configurable)
{
    httpd_t *httpd = serve_for(
        "root:root",
        &(httpd_config_t){.server_config = "PassengerDefaultUser psgbob\n"});

    check_runs_as(app_pid(httpd), TENANT_BOB, TENANT_BOB);
}

TEST(user_of_the_configuration_wins)
{
    httpd_t *httpd =
        serve_for("psgalice:psgalice",
                  &(httpd_config_t){.vhost_config = "PassengerUser psgbob\n"});

    check_runs_as(app_pid(httpd), TENANT_BOB, TENANT_BOB);
}

TEST(group_of_the_configuration_wins)
{
    httpd_t *httpd = serve_for(
        "psgalice:psgalice",
        &(httpd_config_t){.vhost_config = "PassengerGroup psgshared\n"});

    check_runs_as(app_pid(httpd), TENANT_ALICE, TENANT_SHARED);
}

TEST(group_of_the_startup_file_may_be_used)
{
    httpd_t *httpd = serve_for(
        "psgalice:psgshared",
        &(httpd_config_t){.vhost_config = "PassengerGroup !STARTUP_FILE!\n"});

    check_runs_as(app_pid(httpd), TENANT_ALICE, TENANT_SHARED);
}

TEST(switched_off_user_switching_means_default_user)
{
    httpd_t *httpd = serve_for(
        "psgalice:psgalice",
        &(httpd_config_t){.server_config = "PassengerUserSwitching Off\n"});

    check_runs_as(app_pid(httpd), 65534, 65534);
}

TEST(environment_is_the_users_own)
{
    httpd_t *httpd;
    const char *environment;

    setenv("SECRET_OF_HTTPD", "1", 1);
    httpd = serve_for("psgalice:psgalice", &plain);
    environment = http_get_body(200, "%s/environment", httpd->url);
    CHECK_CONTAINS(environment, "\"USER\": \"psgalice\"");
    CHECK_CONTAINS(environment, "\"LOGNAME\": \"psgalice\"");
    CHECK_CONTAINS(environment, "\"SHELL\": \"/bin/sh\"");
    CHECK_CONTAINS(environment, test_format("\"HOME\": \"%s\"", test_dir()));
    CHECK_LACKS(environment, "SECRET_OF_HTTPD");
    CHECK_LACKS(environment, "PASSENGER_AGENT");
}

/* 0 to 4 of loaders/PROTOCOL, and what the interpreter made since. */
TEST(descriptors_are_the_apps_own)
{
    httpd_t *httpd = serve_for("psgalice:psgalice", &plain);
    const char *list;

    test_shell(&list, "ls -l /proc/%d/fd", (int)app_pid(httpd));
    CHECK_CONTAINS(list, "0 -> /dev/null");
    CHECK_CONTAINS(list, "1 -> pipe:");
    CHECK_CONTAINS(list, "2 -> pipe:");
    CHECK_LACKS(list, "error.log");
    CHECK_LACKS(list, "memfd:");
    CHECK_LACKS(list, "/run/");
    test_shell(&list, "ls -l /proc/%d/fd | grep -c socket: | tr -d '\\n'",
               (int)app_pid(httpd));
    CHECK(atoi(list) <= 2 + 64); /* listening, control, kept connections */
}

TEST(app_user_cannot_reach_the_sockets)
{
    httpd_t *httpd = serve_for("psgalice:psgalice", &plain);
    const char *output;

    app_pid(httpd);
    CHECK(test_shell(&output,
                     "setpriv --reuid=%d --regid=%d --clear-groups "
                     "ls '%s'/passenger*/",
                     TENANT_ALICE, TENANT_ALICE, httpd->run_dir)
          != 0);
    CHECK_CONTAINS(output, "Permission denied");
}

TEST(core_is_not_root)
{
    httpd_t *httpd = serve_for("psgalice:psgalice", &plain);
    pid_t core;

    WAIT_UNTIL((core = httpd_core(httpd)) > 0);
    CHECK(process_status(core, "Uid") > 0);
    CHECK_STR(status_line(core, "CapEff"), "0000000000000000");
}

/* Two owners, two VirtualHost-like places, one httpd. */
TEST(each_app_has_its_own_user)
{
    httpd_t *httpd = tenants_serve_two();
    long first, second;

    first = strtol(http_get_body(200, "%s/pid", httpd->url), NULL, 10);
    second = strtol(http_get_body(200, "%s/other/pid", httpd->url), NULL, 10);
    CHECK_INT(process_status((pid_t)first, "Uid"), TENANT_ALICE);
    CHECK_INT(process_status((pid_t)second, "Uid"), TENANT_BOB);
}

/* Somebody else may write the folder, so the owner's file proves nothing. */
TEST(startup_file_in_a_strangers_folder_is_refused)
{
    httpd_t *httpd;

    tenants_create();
    app_require("python3");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    app_copy("python", "www");
    test_shell(NULL,
               "chown psgbob '%s/www'; chmod 777 '%s/www'; "
               "chown psgalice '%s/www/passenger_wsgi.py'",
               test_dir(), test_dir(), test_dir());
    httpd = httpd_start(&plain);
    CHECK_INT(http_get("%s/hello", httpd->url)->status, 500);
    httpd_await_log(httpd, test_format("%s/www", test_dir()));
}

/* A file of root's, but a folder in which alice says what else is there. */
static void check_no_stand_in(httpd_t *httpd, const char *culprit)
{
    const http_response_t *response = http_get("%s/hello", httpd->url);

    CHECK_INT(response->status, 500);
    httpd_await_log(httpd, "cannot run as PassengerDefaultUser 'nobody'");
    httpd_await_log(httpd, test_format("'%s/%s'", test_dir(), culprit));
    httpd_await_log(httpd, "name that user with PassengerUser");
}

/* The app of root in `package`, and alice's folder www. */
static void make_package(void)
{
    tenants_create();
    app_require("python3");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    app_copy("python", "package");
    test_file("www/public/x", "");
    CHECK_INT(test_shell(NULL, "chown -R psgalice '%s/www'", test_dir()), 0);
}

TEST(default_user_runs_no_link_in_a_tenants_folder)
{
    make_package();
    CHECK_INT(test_shell(NULL,
                         "ln -s ../package/passenger_wsgi.py '%s/www' && "
                         "chown -h root '%s/www/passenger_wsgi.py'",
                         test_dir(), test_dir()),
              0);
    check_no_stand_in(httpd_start(&plain), "www");
}

TEST(default_user_runs_no_hard_link_in_a_tenants_folder)
{
    make_package();
    CHECK_INT(test_shell(NULL, "ln '%s/package/passenger_wsgi.py' '%s/www'",
                         test_dir(), test_dir()),
              0);
    check_no_stand_in(httpd_start(&plain), "www");
}

TEST(default_user_runs_no_file_of_root_in_a_tenants_folder)
{
    make_package();
    CHECK_INT(test_shell(NULL, "cp '%s/package/passenger_wsgi.py' '%s/www'",
                         test_dir(), test_dir()),
              0);
    check_no_stand_in(httpd_start(&plain), "www");
}

TEST(default_user_follows_no_link_of_a_tenant_to_an_app_of_root)
{
    make_package();
    CHECK_INT(test_shell(NULL,
                         "ln -s ../package '%s/www/app' && "
                         "chown -h psgalice '%s/www/app'",
                         test_dir(), test_dir()),
              0);
    check_no_stand_in(
        httpd_start(&(httpd_config_t){
            .document_root = test_format("%s/www/app/public", test_dir())}),
        "www");
}

/* The way out that the refusal names. */
TEST(app_of_root_in_a_tenants_folder_runs_as_the_user_of_the_configuration)
{
    httpd_t *httpd;

    make_package();
    CHECK_INT(test_shell(NULL, "cp '%s/package/passenger_wsgi.py' '%s/www'",
                         test_dir(), test_dir()),
              0);
    httpd = httpd_start(
        &(httpd_config_t){.vhost_config = "PassengerUser psgalice\n"});
    check_runs_as(app_pid(httpd), TENANT_ALICE, TENANT_ALICE);
}

TEST(plain_user_is_told_once_that_apps_run_as_it)
{
    const char *count;
    httpd_t *httpd;

    if (getuid() == 0) {
        httpd = app_serve("python", &(httpd_config_t){.plain_user = 1});
    }
    else {
        httpd = app_serve("python", &plain);
    }
    CHECK(process_status(app_pid(httpd), "Uid") > 0);
    CHECK_INT(process_status(app_pid(httpd), "Uid"),
              process_status(httpd->pid, "Uid"));
    httpd_graceful(httpd);
    http_get_body(200, "%s/hello", httpd->url);
    test_shell(&count, "grep -c 'not started as root' '%s' | tr -d '\\n'",
               httpd->error_log);
    CHECK_STR(count, "1");
}

/* The home of both users is the test's folder. */
TEST(profile_of_the_user_counts_unless_switched_off)
{
    httpd_t *httpd;

    test_file(".profile", "echo noise\nexport FROM_PROFILE=$(id -un)\n");
    httpd = serve_for("psgalice:psgalice", &plain);
    CHECK_CONTAINS(http_get_body(200, "%s/environment", httpd->url),
                   "\"FROM_PROFILE\": \"psgalice\"");
    httpd_configure(httpd,
                    &(httpd_config_t){.vhost_config =
                                          "PassengerAppGroupName other\n"
                                          "PassengerLoadShellEnvvars off\n"});
    httpd_graceful(httpd);
    /* A child of the old configuration may take one more connection. */
    WAIT_UNTIL(!strstr(http_get_body(200, "%s/environment", httpd->url),
                       "FROM_PROFILE"));
}
