/* SPDX-License-Identifier: Apache-2.0 */

/* Whose file and folders must an app be in to run as the file's owner. alice
 * and mallory are uids without names. */
#include "test.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tenant_path.h"

enum {
    ALICE = 54321,
    MALLORY = 54322
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
    return launch;
}

static void check_accepted(const launch_t *launch)
{
    launch_failure_t failure = {NULL, NULL, NULL};

    if (tenant_path_check_startup(&failure, launch, test_pool())
        != APR_SUCCESS) {
        FAIL("refused: %s", failure.summary);
    }
}

static void check_refused(const launch_t *launch, const char *summary)
{
    launch_failure_t failure = {NULL, NULL, NULL};

    CHECK(tenant_path_check_startup(&failure, launch, test_pool())
          != APR_SUCCESS);
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
    check_refused(&launch, "belongs to uid 0");
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
