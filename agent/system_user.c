/* SPDX-License-Identifier: Apache-2.0 */

/* Looks users and groups up in the system's databases. Called by the rules in
 * identity.c, through identity_system_lookup. */
#include "identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include <apr_strings.h>

/* Entries of groups with very many members are long; this ends the growing. */
enum {
    ENTRY_FIRST_TRY = 1024,
    ENTRY_MAX = 4 * 1024 * 1024
};

/* What the four lookups below have in common: the key and the entry found. */
typedef struct {
    const char *name; /* NULL: by id */
    id_t id;
    struct passwd *passwd;
    struct group *group;
} search_t;

typedef int (*search_fn)(search_t *search, char *buf, size_t size);

static int search_passwd(search_t *search, char *buf, size_t size)
{
    struct passwd *entry = search->passwd;

    return search->name
               ? getpwnam_r(search->name, entry, buf, size, &search->passwd)
               : getpwuid_r(search->id, entry, buf, size, &search->passwd);
}

static int search_group(search_t *search, char *buf, size_t size)
{
    struct group *entry = search->group;

    return search->name
               ? getgrnam_r(search->name, entry, buf, size, &search->group)
               : getgrgid_r(search->id, entry, buf, size, &search->group);
}

/* Runs the search with buffers that grow until the entry fits. Several errors
 * mean nothing but "not found" (getpwnam(3)). */
static apr_status_t run(const search_t *question, search_t *answer,
                        search_fn function, apr_pool_t *pool)
{
    size_t size;
    int rc = ERANGE;

    for (size = ENTRY_FIRST_TRY; rc == ERANGE && size <= ENTRY_MAX; size *= 2) {
        do {
            *answer = *question;
            rc = function(answer, apr_palloc(pool, size), size);
        } while (rc == EINTR);
    }
    if (rc == 0) {
        return answer->passwd || answer->group ? APR_SUCCESS : APR_ENOENT;
    }
    return rc == ENOENT || rc == ESRCH || rc == EBADF || rc == EPERM
               ? APR_ENOENT
               : (apr_status_t)rc;
}

static apr_status_t find_user(identity_user_t *user, const char *name,
                              uid_t uid, apr_pool_t *pool)
{
    struct passwd entry;
    search_t question = {name, uid, &entry, NULL}, answer;
    apr_status_t rv = run(&question, &answer, search_passwd, pool);

    if (rv == APR_SUCCESS) {
        user->name = entry.pw_name;
        user->uid = entry.pw_uid;
        user->gid = entry.pw_gid;
        user->home = entry.pw_dir && *entry.pw_dir ? entry.pw_dir : "/";
        user->shell =
            entry.pw_shell && *entry.pw_shell ? entry.pw_shell : "/bin/sh";
    }
    return rv;
}

static apr_status_t user_by_name(identity_user_t *user, const char *name,
                                 apr_pool_t *pool)
{
    return find_user(user, name, 0, pool);
}

static apr_status_t user_by_uid(identity_user_t *user, uid_t uid,
                                apr_pool_t *pool)
{
    return find_user(user, NULL, uid, pool);
}

static apr_status_t group_by_name(gid_t *gid, const char *name,
                                  apr_pool_t *pool)
{
    struct group entry;
    search_t question = {name, 0, NULL, &entry}, answer;
    apr_status_t rv = run(&question, &answer, search_group, pool);

    if (rv == APR_SUCCESS) {
        *gid = entry.gr_gid;
    }
    return rv;
}

static apr_status_t group_by_gid(gid_t gid, apr_pool_t *pool)
{
    struct group entry;
    search_t question = {NULL, gid, NULL, &entry}, answer;

    return run(&question, &answer, search_group, pool);
}

const identity_lookup_t identity_system_lookup = {
    .user_by_name = user_by_name,
    .user_by_uid = user_by_uid,
    .group_by_name = group_by_name,
    .group_by_gid = group_by_gid,
};
