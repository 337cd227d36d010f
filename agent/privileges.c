/* SPDX-License-Identifier: Apache-2.0 */

/* Becoming another user, completely or not at all. Called between fork and
 * exec, for apps and for the core; the only file with set*id calls. */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <apr_strings.h>

/* Far more than any user has; the kernel's limit is 65536. */
enum {
    GROUPS_FIRST_TRY = 64,
    GROUPS_MAX = 65536
};

static apr_status_t fail(const char **reason, const char *call,
                         const identity_user_t *user, apr_pool_t *pool)
{
    *reason = apr_psprintf(pool, "cannot become user '%s' (uid %lu): %s: %s",
                           user->name, (unsigned long)user->uid, call,
                           strerror(errno));
    return APR_EACCES;
}

/* The groups the system gives user, user->gid among them. */
static apr_status_t list_groups(gid_t **groups, int *count,
                                const identity_user_t *user, apr_pool_t *pool)
{
    int size = GROUPS_FIRST_TRY;

    while (size <= GROUPS_MAX) {
        gid_t *list = apr_palloc(pool, (size_t)size * sizeof(gid_t));
        int n = size;

        if (getgrouplist(user->name, user->gid, list, &n) >= 0) {
            *groups = list;
            *count = n;
            return APR_SUCCESS;
        }
        size = n > size ? n : size * 2;
    }
    errno = E2BIG;
    return APR_EGENERAL;
}

static int compare_gids(const void *a, const void *b)
{
    gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

    return x < y ? -1 : x > y;
}

/* Whether the process has exactly these supplementary groups. */
static int has_groups(gid_t *groups, int count, apr_pool_t *pool)
{
    gid_t *now = apr_palloc(pool, ((size_t)count + 1) * sizeof(gid_t));

    if (getgroups(0, NULL) != count || getgroups(count, now) != count) {
        return 0;
    }
    qsort(groups, (size_t)count, sizeof(gid_t), compare_gids);
    qsort(now, (size_t)count, sizeof(gid_t), compare_gids);
    return memcmp(groups, now, (size_t)count * sizeof(gid_t)) == 0;
}

/* The kernel's two words of each set: permitted, effective, inheritable. */
typedef struct __user_cap_data_struct capabilities_t[2];

static int change_capabilities(long call, capabilities_t *capabilities)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};

    return (int)syscall(call, &header, capabilities);
}

/* Nor ambient ones, which are permitted and inheritable. */
static int has_no_capabilities(void)
{
    static const capabilities_t none;
    capabilities_t now;

    return change_capabilities(SYS_capget, &now) == 0
           && memcmp(now, none, sizeof(now)) == 0;
}

/* By the change of user most are gone, if root is what it usually is: httpd may
 * be started with others to inherit, or with the secure bits that keep them. */
static int drop_capabilities(void)
{
    capabilities_t none = {{0}};

    return has_no_capabilities() || change_capabilities(SYS_capset, &none) == 0;
}

/* Whether every id is user's and no way leads back. A call that "succeeds"
 * without effect has made daemons run as root before. */
static int is_only(const identity_user_t *user)
{
    uid_t real_uid, effective_uid, saved_uid;
    gid_t real_gid, effective_gid, saved_gid;

    if (getresuid(&real_uid, &effective_uid, &saved_uid) != 0
        || getresgid(&real_gid, &effective_gid, &saved_gid) != 0) {
        return 0;
    }
    if (real_uid != user->uid || effective_uid != user->uid
        || saved_uid != user->uid || real_gid != user->gid
        || effective_gid != user->gid || saved_gid != user->gid) {
        return 0;
    }
    return setuid(0) != 0 && seteuid(0) != 0 && setgid(0) != 0
           && setegid(0) != 0;
}

/* Groups first: afterwards there is no right to change them. */
static apr_status_t become(const identity_user_t *user, gid_t *groups,
                           int count, const char **reason, apr_pool_t *pool)
{
    if (user->uid == 0 || user->gid == 0) {
        errno = EPERM;
        return fail(reason, "root is never used", user, pool);
    }
    /* Refused where the kernel knows no ambient capabilities: then there are
     * none. */
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (setgroups((size_t)count, groups) != 0) {
        return fail(reason, "setgroups", user, pool);
    }
    if (setresgid(user->gid, user->gid, user->gid) != 0) {
        return fail(reason, "setresgid", user, pool);
    }
    if (setresuid(user->uid, user->uid, user->uid) != 0) {
        return fail(reason, "setresuid", user, pool);
    }
    if (!drop_capabilities()) {
        return fail(reason, "capset", user, pool);
    }
    if (!has_groups(groups, count, pool) || !is_only(user)
        || !has_no_capabilities()) {
        errno = EPERM;
        return fail(reason, "the change did not take full effect", user, pool);
    }
    return APR_SUCCESS;
}

apr_status_t privileges_drop(const identity_user_t *user, const char **reason,
                             apr_pool_t *pool)
{
    gid_t *groups;
    int count;

    if (list_groups(&groups, &count, user, pool) != APR_SUCCESS) {
        return fail(reason, "getgrouplist", user, pool);
    }
    return become(user, groups, count, reason, pool);
}

apr_status_t privileges_drop_to_group(const identity_user_t *user,
                                      gid_t supplementary, const char **reason,
                                      apr_pool_t *pool)
{
    return become(user, &supplementary, 1, reason, pool);
}
