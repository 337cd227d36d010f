/* SPDX-License-Identifier: Apache-2.0 */

/* Root becomes another user, in a process that ends afterwards. */
#include "test.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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
    return !strstr(status, "CapInh:\t0000000000000000")
           || !strstr(status, "CapEff:\t0000000000000000")
           || !strstr(status, "CapPrm:\t0000000000000000")
           || !strstr(status, "CapAmb:\t0000000000000000");
}

TEST(drop_leaves_no_capability)
{
    need_root();
    CHECK_INT(in_child(has_no_capability), 0);
}

/* Makes root's capabilities ones that programs executed later have, too. */
static void inherit_capabilities(void)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &header, data) != 0) {
        _exit(102);
    }
    data[0].inheritable = data[0].permitted;
    if (syscall(SYS_capset, &header, data) != 0
        || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) != 0) {
        _exit(103);
    }
}

/* As a service manager may start httpd. */
static int has_no_kept_capability(void)
{
    inherit_capabilities();
    if (prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP)
        != 0) {
        return 2;
    }
    return has_no_capability();
}

TEST(drop_leaves_no_capability_that_was_to_be_kept)
{
    need_root();
    CHECK_INT(in_child(has_no_kept_capability), 0);
}

/* A call that is to fail, and how. */
static struct {
    unsigned number;
    const char *name;
    int error; /* 0: it says that it worked, and does nothing */
} injected;

static void inject(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, injected.number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)injected.error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(104);
    }
}

static int fails_as_injected(void)
{
    identity_user_t user = nobody();
    const char *reason = "", *expected = "the change did not take full effect";

    if (injected.error) {
        expected =
            test_format("%s: %s", injected.name, strerror(injected.error));
    }
    take_many_groups();
    inherit_capabilities();
    inject();
    return privileges_drop(&user, &reason, test_pool()) != APR_EACCES
           || !strstr(reason, expected);
}

TEST(drop_fails_with_each_call)
{
    static const int errors[] = {EAGAIN, EPERM, 0};
    static const struct {
        unsigned number;
        const char *name;
    } calls[] = {
        {SYS_setgroups, "setgroups"},
        {SYS_setresgid, "setresgid"},
        {SYS_setresuid, "setresuid"},
        {SYS_capset, "capset"},
    };

    need_root();
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        for (size_t n = 0; n < sizeof(errors) / sizeof(errors[0]); n++) {
            injected.number = calls[i].number;
            injected.name = calls[i].name;
            injected.error = errors[n];
            if (in_child(fails_as_injected) != 0) {
                FAIL("%s, error %d", injected.name, injected.error);
            }
        }
    }
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
