/* SPDX-License-Identifier: Apache-2.0 */

/* Who an app runs as: the rules, decided by the watchdog from the server
 * configuration and the system's users. What the core says is only a wish. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stddef.h>
#include <sys/types.h>

#include <apr_errno.h>
#include <apr_pools.h>

/* Field `identity` of SPAWN: what the core asks for. */
typedef enum {
    IDENTITY_SELF, /* the watchdog's own user; the only one if it is not root */
    IDENTITY_OWNER,   /* the owner of the startup file */
    IDENTITY_NAMED,   /* PassengerUser */
    IDENTITY_DEFAULT, /* PassengerDefaultUser */
    IDENTITY_COUNT
} identity_e;

/* PassengerGroup's word for the group of the startup file. */
#define IDENTITY_FILE_GROUP "!STARTUP_FILE!"

/* Owners below this never run apps by themselves: they are the system's. */
enum {
    IDENTITY_MINIMUM_UID = 500
};

/* What the core asks for. */
typedef struct {
    identity_e identity;
    uid_t owner;              /* of the startup file, as the core believes */
    gid_t owner_gid;          /* its group, likewise */
    const char *user, *group; /* PassengerUser, PassengerGroup, or "" */
} identity_request_t;

/* What the server configuration allows. */
typedef struct {
    int user_switching;
    const char *default_user;
    const char *users_list; /* names, each ended by NUL */
    size_t users_list_len;
    const char *default_group; /* NULL: the primary one of default_user */
} identity_rules_t;

/* One user of the system, in a pool. */
typedef struct {
    const char *name, *home, *shell;
    uid_t uid;
    gid_t gid;
} identity_user_t;

/* Where users and groups are looked up; tests have their own. All return
 * APR_SUCCESS or APR_ENOENT; another status means that the lookup failed. */
typedef struct {
    apr_status_t (*user_by_name)(identity_user_t *user, const char *name,
                                 apr_pool_t *pool);
    apr_status_t (*user_by_uid)(identity_user_t *user, uid_t uid,
                                apr_pool_t *pool);
    apr_status_t (*group_by_name)(gid_t *gid, const char *name,
                                  apr_pool_t *pool);
    apr_status_t (*group_by_gid)(gid_t gid, apr_pool_t *pool);
} identity_lookup_t;

/* /etc/passwd, /etc/group and whatever else the system asks. */
extern const identity_lookup_t identity_system_lookup;

/* Who it will be. */
typedef struct {
    int switched; /* 0: the watchdog is not root, nothing is to be changed */
    identity_user_t user; /* user.gid is the group to have */
    int check_owner;      /* the startup file must belong to file_owner: */
    uid_t file_owner;     /* user.uid; or nobody runs apps as that, and user is
                             PassengerDefaultUser */
    int check_group;      /* and to this group */
} identity_t;

/* Decides, as root or not. On APR_EACCES nothing may be run, *reason says why
 * and what to do. */
apr_status_t identity_resolve(identity_t *identity, const char **reason,
                              const identity_request_t *request,
                              const identity_rules_t *rules, int as_root,
                              const identity_lookup_t *lookup,
                              apr_pool_t *pool);

/* The user of the core: `name`, or "passenger", or "daemon"; never root. */
apr_status_t identity_of_core(identity_user_t *user, const char **reason,
                              const char *name, const identity_lookup_t *lookup,
                              apr_pool_t *pool);

#endif
