/* SPDX-License-Identifier: Apache-2.0 */

/* The rules that say who an app runs as; never root, whatever is asked for.
 * Called by the watchdog for every process, before it forks. */
#include "identity.h"

#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

/* What the functions below share while they decide. */
typedef struct {
    const identity_request_t *request;
    const identity_rules_t *rules;
    const identity_lookup_t *lookup;
    const char **reason;
    apr_pool_t *pool;
} question_t;

static apr_status_t refuse(const question_t *q, const char *text)
{
    *q->reason = text;
    return APR_EACCES;
}

/* Whether the server configuration names this user or group. */
static int is_listed(const identity_rules_t *rules, const char *name)
{
    const char *at = rules->users_list;
    const char *end = at + rules->users_list_len;
    size_t len = strlen(name);

    while (at < end) {
        size_t n = strnlen(at, (size_t)(end - at));

        if (n == len && memcmp(at, name, len) == 0) {
            return 1;
        }
        at += n + 1;
    }
    return 0;
}

/* PassengerDefaultGroup, if there is one. */
static apr_status_t resolve_default_group(gid_t *gid, const question_t *q)
{
    const char *name = q->rules->default_group;

    if (!name || q->lookup->group_by_name(gid, name, q->pool) == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    return refuse(q, apr_psprintf(q->pool,
                                  "PassengerDefaultGroup '%s' cannot be used: "
                                  "there is no such group; create it or name "
                                  "another one",
                                  name));
}

static apr_status_t resolve_default(identity_user_t *user, const question_t *q)
{
    const char *name = q->rules->default_user;
    apr_status_t rv = q->lookup->user_by_name(user, name, q->pool);

    if (rv != APR_SUCCESS) {
        return refuse(q, apr_psprintf(q->pool,
                                      "PassengerDefaultUser '%s' cannot be "
                                      "used: there is no such user; create it "
                                      "or name another one",
                                      name));
    }
    rv = resolve_default_group(&user->gid, q);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (user->uid == 0 || user->gid == 0) {
        return refuse(q, apr_psprintf(q->pool,
                                      "PassengerDefaultUser '%s' is root or "
                                      "has root's group; name an unprivileged "
                                      "user",
                                      name));
    }
    return APR_SUCCESS;
}

/* PassengerUser. Only what the server configuration names: the core may have
 * been talked into anything. */
static apr_status_t resolve_named(identity_user_t *user, const question_t *q)
{
    const char *name = q->request->user;
    apr_status_t rv;

    if (!is_listed(q->rules, name)) {
        return refuse(q, apr_psprintf(q->pool,
                                      "user '%s' is not named by a "
                                      "PassengerUser of the server "
                                      "configuration",
                                      name));
    }
    rv = q->lookup->user_by_name(user, name, q->pool);
    if (rv != APR_SUCCESS && rv != APR_ENOENT) {
        return refuse(q, apr_psprintf(q->pool,
                                      "user '%s' could not be looked up; try "
                                      "'getent passwd %s'",
                                      name, name));
    }
    if (rv == APR_ENOENT || user->uid == 0) {
        return resolve_default(user, q);
    }
    return APR_SUCCESS;
}

/* The owner of the startup file. For what is root's, the system's or nobody's
 * the default user stands in. */
static apr_status_t resolve_owner(identity_t *identity, const question_t *q)
{
    uid_t uid = q->request->owner;
    apr_status_t rv;

    identity->check_owner = 1;
    identity->file_owner = uid;
    if (uid < IDENTITY_MINIMUM_UID || uid == (uid_t)-1) {
        return resolve_default(&identity->user, q);
    }
    rv = q->lookup->user_by_uid(&identity->user, uid, q->pool);
    if (rv == APR_ENOENT) {
        return resolve_default(&identity->user, q);
    }
    if (rv != APR_SUCCESS) {
        return refuse(q, apr_psprintf(q->pool,
                                      "uid %lu could not be looked up; try "
                                      "'getent passwd %lu'",
                                      (unsigned long)uid, (unsigned long)uid));
    }
    return APR_SUCCESS;
}

/* Where users are switched the core cannot choose the default user: its rule is
 * as strict as the owner's, and the other one would go round it. */
static apr_status_t resolve_user(identity_t *identity, const question_t *q)
{
    if (!q->rules->user_switching) {
        return resolve_default(&identity->user, q);
    }
    return q->request->identity == IDENTITY_NAMED
               ? resolve_named(&identity->user, q)
               : resolve_owner(identity, q);
}

/* PassengerGroup: sets *gid, or leaves it 0 where there is none to be used. */
static apr_status_t resolve_named_group(gid_t *gid, int *of_file,
                                        const question_t *q)
{
    const char *name = q->request->group;

    if (!is_listed(q->rules, name)) {
        return refuse(q, apr_psprintf(q->pool,
                                      "group '%s' is not named by a "
                                      "PassengerGroup of the server "
                                      "configuration",
                                      name));
    }
    if (strcmp(name, IDENTITY_FILE_GROUP) != 0) {
        if (q->lookup->group_by_name(gid, name, q->pool) != APR_SUCCESS) {
            *gid = 0;
        }
        return APR_SUCCESS;
    }
    *gid = q->request->owner_gid;
    if (*gid == (gid_t)-1
        || q->lookup->group_by_gid(*gid, q->pool) != APR_SUCCESS) {
        *gid = 0;
    }
    *of_file = *gid != 0;
    return APR_SUCCESS;
}

static apr_status_t resolve_group(identity_t *identity, const question_t *q)
{
    identity_user_t default_user;
    apr_status_t rv;

    if (q->rules->user_switching && *q->request->group) {
        rv =
            resolve_named_group(&identity->user.gid, &identity->check_group, q);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    if (identity->user.gid != 0) {
        return APR_SUCCESS;
    }
    rv = resolve_default(&default_user, q);
    if (rv == APR_SUCCESS) {
        identity->user.gid = default_user.gid;
    }
    return rv;
}

/* Not root: everything runs as the user we are. A container may give us a uid
 * without a name. */
static apr_status_t resolve_self(identity_t *identity, const question_t *q)
{
    uid_t uid = geteuid();

    if (q->lookup->user_by_uid(&identity->user, uid, q->pool) != APR_SUCCESS) {
        identity->user.name = apr_psprintf(q->pool, "%lu", (unsigned long)uid);
        identity->user.home = "/";
        identity->user.shell = "/bin/sh";
    }
    identity->user.uid = uid;
    identity->user.gid = getegid();
    return APR_SUCCESS;
}

apr_status_t identity_resolve(identity_t *identity, const char **reason,
                              const identity_request_t *request,
                              const identity_rules_t *rules, int as_root,
                              const identity_lookup_t *lookup, apr_pool_t *pool)
{
    question_t q = {request, rules, lookup, reason, pool};
    apr_status_t rv;

    memset(identity, 0, sizeof(*identity));
    if (!as_root) {
        return resolve_self(identity, &q);
    }
    identity->switched = 1;
    rv = resolve_user(identity, &q);
    return rv == APR_SUCCESS ? resolve_group(identity, &q) : rv;
}

apr_status_t identity_of_core(identity_user_t *user, const char **reason,
                              const char *name, const identity_lookup_t *lookup,
                              apr_pool_t *pool)
{
    const char *names[] = {"passenger", "daemon"};
    int i, count = name ? 1 : 2;

    for (i = 0; i < count; i++) {
        const char *candidate = name ? name : names[i];

        if (lookup->user_by_name(user, candidate, pool) == APR_SUCCESS
            && user->uid != 0 && user->gid != 0) {
            return APR_SUCCESS;
        }
    }
    *reason = apr_psprintf(pool,
                           "the agent's core has no user to run as: %s does "
                           "not exist or is root; create the system user "
                           "'passenger'",
                           name ? apr_psprintf(pool, "'%s'", name)
                                : "neither 'passenger' nor 'daemon'");
    return APR_EACCES;
}
