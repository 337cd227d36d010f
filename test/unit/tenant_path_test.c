/* SPDX-License-Identifier: Apache-2.0 */

/* Whose file and folders must an app be in to run as the file's owner, or as the
 * default user. alice, mallory and the default user are uids without names. */
#include "test.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tenant_path.h"

enum {
    ALICE = 54321,
    MALLORY = 54322,
    DEFAULT = 54323,
    SYSTEM = 33
};

static void give(const char *name, uid_t uid)
{
    if (lchown(test_format("%s/%s", test_dir(), name), uid, uid) != 0) {
        FAIL("cannot chown '%s'", name);
    }
}

/* A launch of app root `root` for alice; only root can make her folders. */
static launch_t launch_of_alice(const char *root, const char *startup_file)
{
    launch_t launch = {.startup_file = startup_file};

    if (geteuid() != 0) {
        SKIP("needs root");
    }
    launch.app_root = test_format("%s/%s", test_dir(), root);
    launch.identity.switched = launch.identity.check_owner = 1;
    launch.identity.user.name = "alice";
    launch.identity.user.uid = launch.identity.user.gid = ALICE;
    launch.identity.file_owner = ALICE;
    return launch;
}

/* A launch as the default user, in the place of `owner`. */
static launch_t launch_of_default(const char *root, const char *startup_file,
                                  uid_t owner)
{
    launch_t launch = launch_of_alice(root, startup_file);

    launch.identity.user.name = "default";
    launch.identity.user.uid = launch.identity.user.gid = DEFAULT;
    launch.identity.file_owner = owner;
    return launch;
}

static apr_status_t check(launch_failure_t *failure, const launch_t *launch)
{
    CHECK_INT(chdir(launch->app_root), 0);
    return tenant_path_check_startup(failure, launch, test_pool());
}

static void check_accepted(const launch_t *launch)
{
    launch_failure_t failure = {NULL, NULL, NULL};

    if (check(&failure, launch) != APR_SUCCESS) {
        FAIL("refused: %s", failure.summary);
    }
}

static void check_refused(const launch_t *launch, const char *summary)
{
    launch_failure_t failure = {NULL, NULL, NULL};

    CHECK(check(&failure, launch) != APR_SUCCESS);
    CHECK_STR(failure.step, "startup file");
    CHECK_CONTAINS(failure.summary, summary);
}

/* home/app/config.ru, all alice's. */
static void make_home(const char *owner_of, uid_t uid)
{
    test_file("home/app/config.ru", "run 1\n");
    give("home", ALICE);
    give("home/app", ALICE);
    give("home/app/config.ru", ALICE);
    if (owner_of) {
        give(owner_of, uid);
    }
}

TEST(own_file_in_own_folders_is_accepted)
{
    launch_t launch = launch_of_alice("home/app", "config.ru");

    make_home(NULL, 0);
    check_accepted(&launch);
    launch.startup_file =
        test_format("%s/home/app/config.ru", test_dir()); /* absolute */
    check_accepted(&launch);
    launch.startup_file = "../app/config.ru";
    check_accepted(&launch);
    launch.startup_file = ""; /* start command: the folder's owner counts */
    check_accepted(&launch);
}

TEST(file_in_roots_folders_is_accepted)
{
    launch_t launch = launch_of_alice("home/app", "config.ru");

    make_home("home/app", 0);
    check_accepted(&launch);
}

TEST(file_of_somebody_else_is_refused)
{
    launch_t launch = launch_of_alice("home/app", "config.ru");

    make_home("home/app/config.ru", MALLORY);
    check_refused(&launch, "not to uid 54321");
}

TEST(file_that_everybody_can_write_is_refused)
{
    launch_t launch = launch_of_alice("home/app", "config.ru");

    make_home(NULL, 0);
    CHECK_INT(chmod(test_format("%s/home/app/config.ru", test_dir()), 0666), 0);
    check_refused(&launch, "everybody may write");
}

TEST(file_of_root_is_refused)
{
    launch_t launch = launch_of_alice("home/app", "config.ru");

    make_home("home/app/config.ru", 0);
    check_refused(&launch, "belongs to uid 0, not to uid 54321");
}

TEST(folder_of_somebody_else_is_named)
{
    launch_t launch = launch_of_alice("home/app", "config.ru");

    make_home("home", MALLORY);
    check_refused(&launch,
                  test_format("'%s/home' belongs to uid 54322", test_dir()));
}

TEST(app_root_of_somebody_else_is_refused)
{
    launch_t launch = launch_of_alice("home/app", "");

    make_home("home/app", MALLORY);
    check_refused(&launch, "not to uid 54321");
}

static void make_link(const char *name, const char *target, uid_t owner)
{
    CHECK_INT(symlink(target, test_format("%s/%s", test_dir(), name)), 0);
    give(name, owner);
}

static void make_evil_folder(void)
{
    test_file("evil/x", "");
    give("evil", MALLORY);
}

/* As deployment tools do it: current -> releases/1. */
TEST(own_link_is_accepted)
{
    launch_t launch = launch_of_alice("home/current", "config.ru");

    make_home(NULL, 0);
    make_link("home/current", "app", ALICE);
    check_accepted(&launch);
}

/* mallory's folder with a link to alice's file would run as alice, with
 * mallory's files beside it. */
TEST(link_in_somebody_elses_folder_is_refused)
{
    launch_t launch = launch_of_alice("evil", "config.ru");

    make_home(NULL, 0);
    make_evil_folder();
    make_link("evil/config.ru", "../home/app/config.ru", MALLORY);
    check_refused(&launch, "/evil' belongs to uid 54322");
}

TEST(hard_link_in_somebody_elses_folder_is_refused)
{
    launch_t launch = launch_of_alice("evil", "config.ru");

    make_home(NULL, 0);
    make_evil_folder();
    CHECK(link(test_format("%s/home/app/config.ru", test_dir()),
               test_format("%s/evil/config.ru", test_dir()))
          == 0);
    check_refused(&launch, "/evil' belongs to uid 54322");
}

TEST(link_of_somebody_else_in_roots_folder_is_refused)
{
    launch_t launch = launch_of_alice("shared", "config.ru");

    make_home(NULL, 0);
    test_file("shared/x", "");
    make_link("shared/config.ru", "../home/app/config.ru", MALLORY);
    check_refused(&launch, "/shared/config.ru' belongs to uid 54322");
}

TEST(link_that_passes_a_foreign_folder_is_refused)
{
    launch_t launch = launch_of_alice("home/current", "config.ru");

    make_home(NULL, 0);
    make_evil_folder();
    make_link("home/current", "../evil/../home/app", ALICE);
    check_refused(&launch, "/evil' belongs to uid 54322");
}

TEST(links_in_a_circle_end)
{
    launch_t launch = launch_of_alice("home/app", "loop");

    make_home(NULL, 0);
    CHECK(symlink("loop", test_format("%s/home/app/loop", test_dir())) == 0);
    check_refused(&launch, "Too many levels");
}

/* The app root is where most of the code comes from. */
TEST(app_root_of_somebody_else_is_refused_with_an_own_file)
{
    launch_t launch = launch_of_alice("evil", "");

    make_home(NULL, 0);
    test_file("evil/x", "");
    give("evil", MALLORY);
    launch.startup_file = test_format("%s/home/app/config.ru", test_dir());
    check_refused(&launch, "/evil' belongs to uid 54322");
}

/* package/app/config.ru, all root's. */
static void make_package(void)
{
    test_file("package/app/config.ru", "run 1\n");
    test_file("home/x", "");
    give("home", ALICE);
}

static void set_mode(const char *name, mode_t mode)
{
    CHECK_INT(chmod(test_format("%s/%s", test_dir(), name), mode), 0);
}

TEST(default_user_runs_what_is_roots)
{
    launch_t launch = launch_of_default("package/app", "config.ru", 0);

    make_package();
    check_accepted(&launch);
    launch.startup_file = test_format("%s/package/app/config.ru", test_dir());
    check_accepted(&launch);
    launch.startup_file = ""; /* a start command in root's folder */
    check_accepted(&launch);
}

TEST(default_user_runs_what_is_the_systems)
{
    launch_t launch = launch_of_default("package/app", "config.ru", SYSTEM);

    make_package();
    give("package/app", SYSTEM);
    give("package/app/config.ru", SYSTEM);
    check_accepted(&launch);
}

TEST(default_user_runs_roots_file_in_an_own_folder)
{
    launch_t launch = launch_of_default("package/app", "config.ru", 0);

    make_package();
    give("package/app", DEFAULT);
    check_accepted(&launch);
}

TEST(default_user_runs_no_file_whose_owner_is_another_one)
{
    launch_t launch = launch_of_default("package/app", "config.ru", 0);

    make_package();
    give("package/app/config.ru", SYSTEM);
    check_refused(&launch, "belongs to uid 33, not to uid 0");
}

TEST(default_user_runs_nothing_in_a_tenants_folder)
{
    launch_t launch = launch_of_default("home/app", "config.ru", 0);

    make_package();
    test_file("home/app/config.ru", "run 1\n");
    check_refused(&launch, "PassengerDefaultUser 'default': ");
    check_refused(&launch, "/home' belongs to uid 54321");
    launch.startup_file = "";
    check_refused(&launch, "/home' belongs to uid 54321");
}

TEST(default_user_follows_no_link_of_a_tenant)
{
    launch_t launch = launch_of_default("package/link", "config.ru", 0);

    make_package();
    CHECK(symlink("app", test_format("%s/package/link", test_dir())) == 0);
    check_accepted(&launch);
    give("package/link", ALICE);
    check_refused(&launch, "/package/link' belongs to uid 54321");
}

TEST(default_user_runs_no_hard_link_in_a_tenants_folder)
{
    launch_t launch = launch_of_default("home", "config.ru", 0);

    make_package();
    CHECK(link(test_format("%s/package/app/config.ru", test_dir()),
               test_format("%s/home/config.ru", test_dir()))
          == 0);
    check_refused(&launch, "/home' belongs to uid 54321");
}

TEST(default_user_runs_roots_file_in_no_tenants_app_root)
{
    launch_t launch = launch_of_default("home", "", 0);

    make_package();
    launch.startup_file = test_format("%s/package/app/config.ru", test_dir());
    check_refused(&launch, "/home' belongs to uid 54321");
}

/* Whoever can write there can make a hard link to any file of root's. */
TEST(default_user_runs_nothing_where_others_may_write)
{
    launch_t launch = launch_of_default("package/app", "config.ru", 0);

    make_package();
    set_mode("package/app", 01777);
    check_refused(&launch, "/package/app' may be written by everybody");
    set_mode("package/app", 0775); /* root's group */
    check_accepted(&launch);
    CHECK_INT(chown(test_format("%s/package/app", test_dir()), 0, ALICE), 0);
    check_refused(&launch, "/package/app' may be written by group 54321");
    set_mode("package/app", 0755);
    check_accepted(&launch);
    CHECK_INT(
        chown(test_format("%s/package/app/config.ru", test_dir()), 0, ALICE),
        0);
    set_mode("package/app/config.ru", 0664);
    check_refused(&launch, "/config.ru' may be written by group 54321");
}

TEST(group_of_the_file_is_checked)
{
    launch_t launch = launch_of_alice("home/app", "config.ru");

    make_home(NULL, 0);
    launch.identity.check_owner = 0;
    launch.identity.check_group = 1;
    launch.owner_gid = ALICE;
    check_accepted(&launch);
    launch.owner_gid = 42;
    check_refused(&launch, "not to gid 42");
}

/* The rest holds for every identity, so for a plain user's tests too. */
static launch_t launch_of_self(const char *startup_file)
{
    launch_t launch = {.startup_file = startup_file, .app_root = test_dir()};

    launch.identity.user.name = "me";
    return launch;
}

TEST(missing_startup_file_is_named)
{
    launch_t launch = launch_of_self("config.ru");

    check_refused(&launch, test_format("the startup file '%s/config.ru' does "
                                       "not exist",
                                       test_dir()));
}

TEST(fifo_is_no_startup_file)
{
    launch_t launch = launch_of_self("fifo");

    CHECK(mkfifo(test_format("%s/fifo", test_dir()), 0644) == 0);
    check_refused(&launch, "is not a file");
}

TEST(folder_is_no_startup_file)
{
    launch_t launch = launch_of_self(".");

    check_refused(&launch, "is not a file");
}

TEST(unreadable_startup_file_is_named)
{
    launch_t launch = launch_of_self("config.ru");

    if (geteuid() == 0) {
        SKIP("root reads everything");
    }
    CHECK(chmod(test_file("config.ru", ""), 0) == 0);
    check_refused(&launch, "user 'me' cannot read the startup file");
}
