/* SPDX-License-Identifier: Apache-2.0 */

/* Root becomes another user, in a process that ends afterwards. */
#include "test.h"

#include <grp.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privileges.h"

/* Runs check in a child and returns its exit status. */
static int in_child(int (*check)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(check());
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void need_root(void)
{
    if (geteuid() != 0) {
        SKIP("needs root");
    }
}

static identity_user_t nobody(void)
{
    identity_user_t user;

    if (identity_system_lookup.user_by_name(&user, "nobody", test_pool())
        != APR_SUCCESS) {
        _exit(100);
    }
    return user;
}

/* As httpd's parent may have it: root with root's and others' groups. */
static void take_many_groups(void)
{
    gid_t groups[20];
    int i;

    for (i = 0; i < 20; i++) {
        groups[i] = (gid_t)i;
    }
    if (setgroups(20, groups) != 0) {
        _exit(101);
    }
}

static int becomes_nobody(void)
{
    identity_user_t user = nobody();
    gid_t expected[64], actual[64];
    uid_t uids[3];
    gid_t gids[3];
    int n = 64, i;
    const char *reason = NULL;

    take_many_groups();
    if (privileges_drop(&user, &reason, test_pool()) != APR_SUCCESS) {
        return 1;
    }
    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0
        || getresgid(&gids[0], &gids[1], &gids[2]) != 0) {
        return 2;
    }
    for (i = 0; i < 3; i++) {
        if (uids[i] != user.uid || gids[i] != user.gid) {
            return 3;
        }
    }
    if (getgrouplist(user.name, user.gid, expected, &n) < 0
        || getgroups(64, actual) != n
        || memcmp(expected, actual, (size_t)n * sizeof(gid_t)) != 0) {
        return 4;
    }
    return setuid(0) == 0 || setresuid(0, 0, 0) == 0 || setgid(0) == 0
           || setgroups(0, NULL) == 0;
}

TEST(drop_leaves_nothing_of_root)
{
    need_root();
    CHECK_INT(in_child(becomes_nobody), 0);
}

static int has_no_capability(void)
{
    identity_user_t user = nobody();
    const char *reason, *status;

    if (privileges_drop(&user, &reason, test_pool()) != APR_SUCCESS) {
        return 1;
    }
    status = test_read("/proc/self/status");
    return !strstr(status, "CapEff:\t0000000000000000")
           || !strstr(status, "CapPrm:\t0000000000000000")
           || !strstr(status, "CapAmb:\t0000000000000000");
}

TEST(drop_leaves_no_capability)
{
    need_root();
    CHECK_INT(in_child(has_no_capability), 0);
}

static int has_one_group(void)
{
    identity_user_t user = nobody();
    const char *reason;
    gid_t groups[2];

    take_many_groups();
    if (privileges_drop_to_group(&user, 12345, &reason, test_pool())
        != APR_SUCCESS) {
        return 1;
    }
    return getgroups(2, groups) != 1 || groups[0] != 12345;
}

TEST(drop_to_group_gives_exactly_one)
{
    need_root();
    CHECK_INT(in_child(has_one_group), 0);
}

/* Ids that are only right in part must not pass for a success. */
static int fails_without_root(void)
{
    identity_user_t user = nobody(), other = user;
    const char *reason = "";

    other.uid = 12345;
    if (geteuid() == 0
        && privileges_drop(&user, &reason, test_pool()) != APR_SUCCESS) {
        return 1;
    }
    return privileges_drop(&other, &reason, test_pool()) != APR_EACCES
           || !strstr(reason, "cannot become user 'nobody' (uid 12345)");
}

TEST(drop_without_root_fails)
{
    CHECK_INT(in_child(fails_without_root), 0);
}

static int refuses_root(void)
{
    identity_user_t root = {"root", "/", "/bin/sh", 0, 12345};
    identity_user_t root_group = {"nobody", "/", "/bin/sh", 12345, 0};
    const char *reason;

    return privileges_drop(&root, &reason, test_pool()) != APR_EACCES
           || privileges_drop(&root_group, &reason, test_pool()) != APR_EACCES;
}

TEST(drop_refuses_root)
{
    CHECK_INT(in_child(refuses_root), 0);
}
