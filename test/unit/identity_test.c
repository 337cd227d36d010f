/* SPDX-License-Identifier: Apache-2.0 */

/* The rules that say who an app runs as. Users and groups are made up: alice
 * (1000) and bob (1001) are people, www (33) is a system user. */
#include "test.h"

#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "identity.h"

#define LISTED "alice\0root\0ghost\0staff\0wheel\0!STARTUP_FILE!\0broken"

static const identity_user_t users[] = {
    {"root", "/root", "/bin/sh", 0, 0},
    {"www", "/var/www", "/bin/sh", 33, 33},
    {"alice", "/home/alice", "/bin/zsh", 1000, 1000},
    {"bob", "/home/bob", "/bin/sh", 1001, 0},
    {"low", "/", "/bin/sh", 499, 499},
    {"nobody", "/", "/bin/false", 65534, 65534},
    {"rootgroup", "/", "/bin/false", 2000, 0},
    {"daemon", "/", "/bin/false", 1, 1},
};

enum {
    USER_COUNT = sizeof(users) / sizeof(users[0])
};

static apr_status_t by_name(identity_user_t *user, const char *name,
                            apr_pool_t *pool)
{
    int i;

    (void)pool;
    if (strcmp(name, "broken") == 0) {
        return APR_EGENERAL;
    }
    for (i = 0; i < USER_COUNT; i++) {
        if (strcmp(users[i].name, name) == 0) {
            *user = users[i];
            return APR_SUCCESS;
        }
    }
    return APR_ENOENT;
}

static apr_status_t by_uid(identity_user_t *user, uid_t uid, apr_pool_t *pool)
{
    int i;

    (void)pool;
    for (i = 0; i < USER_COUNT; i++) {
        if (users[i].uid == uid) {
            *user = users[i];
            return APR_SUCCESS;
        }
    }
    return uid == 7777 ? APR_EGENERAL : APR_ENOENT;
}

static apr_status_t group_by_name(gid_t *gid, const char *name,
                                  apr_pool_t *pool)
{
    (void)pool;
    if (strcmp(name, "staff") == 0) {
        *gid = 50;
        return APR_SUCCESS;
    }
    if (strcmp(name, "wheel") == 0) {
        *gid = 0;
        return APR_SUCCESS;
    }
    return APR_ENOENT;
}

static apr_status_t group_by_gid(gid_t gid, apr_pool_t *pool)
{
    (void)pool;
    return gid == 50 || gid == 0 ? APR_SUCCESS : APR_ENOENT;
}

static const identity_lookup_t made_up = {by_name, by_uid, group_by_name,
                                          group_by_gid};

/* One question and its answer: uid and gid, or a part of the refusal. */
typedef struct {
    const char *what;
    identity_e identity;
    uid_t owner;
    gid_t owner_gid;
    int switching;
    const char *user, *group;
    const char *default_user;
    uid_t uid;
    gid_t gid;
    int check_owner, check_group;
    const char *refusal;
} rule_t;

static void check_rule(const rule_t *rule)
{
    identity_request_t request = {rule->identity, rule->owner, rule->owner_gid,
                                  rule->user, rule->group};
    identity_rules_t rules = {rule->switching, rule->default_user, LISTED,
                              sizeof(LISTED)};
    const char *reason = "";
    identity_t identity;
    apr_status_t rv = identity_resolve(&identity, &reason, &request, &rules, 1,
                                       &made_up, test_pool());

    if (rule->refusal) {
        if (rv != APR_EACCES || !strstr(reason, rule->refusal)) {
            FAIL("%s: status %d, reason '%s'", rule->what, rv, reason);
        }
        return;
    }
    if (rv == APR_SUCCESS && identity.check_owner) {
        CHECK_INT(identity.file_owner, rule->owner);
    }
    if (rv != APR_SUCCESS || identity.user.uid != rule->uid
        || identity.user.gid != rule->gid
        || identity.check_owner != rule->check_owner
        || identity.check_group != rule->check_group || !identity.switched) {
        FAIL("%s: status %d (%s), uid %d, gid %d, checks %d %d", rule->what, rv,
             reason, (int)identity.user.uid, (int)identity.user.gid,
             identity.check_owner, identity.check_group);
    }
}

/* clang-format off */
static const rule_t rules[] = {
    {"owner",                          IDENTITY_OWNER, 1000, 7, 1, "", "", "nobody", 1000, 1000, 1, 0, NULL},
    {"owner root",                     IDENTITY_OWNER, 0, 0, 1, "", "", "nobody", 65534, 65534, 1, 0, NULL},
    {"owner without name",             IDENTITY_OWNER, 4242, 7, 1, "", "", "nobody", 65534, 65534, 1, 0, NULL},
    {"owner is -1",                    IDENTITY_OWNER, (uid_t)-1, 7, 1, "", "", "nobody", 65534, 65534, 1, 0, NULL},
    {"owner below the minimum",        IDENTITY_OWNER, 499, 7, 1, "", "", "nobody", 65534, 65534, 1, 0, NULL},
    {"owner is a system user",         IDENTITY_OWNER, 33, 33, 1, "", "", "nobody", 65534, 65534, 1, 0, NULL},
    {"owner cannot be looked up",      IDENTITY_OWNER, 7777, 7, 1, "", "", "nobody", 0, 0, 0, 0, "could not be looked up"},
    {"owner whose group is root's",    IDENTITY_OWNER, 1001, 7, 1, "", "", "nobody", 1001, 65534, 1, 0, NULL},
    {"named",                          IDENTITY_NAMED, 0, 0, 1, "alice", "", "nobody", 1000, 1000, 0, 0, NULL},
    {"named root",                     IDENTITY_NAMED, 0, 0, 1, "root", "", "nobody", 65534, 65534, 0, 0, NULL},
    {"named, unknown",                 IDENTITY_NAMED, 0, 0, 1, "ghost", "", "nobody", 65534, 65534, 0, 0, NULL},
    {"named, not configured",          IDENTITY_NAMED, 0, 0, 1, "www", "", "nobody", 0, 0, 0, 0, "not named by a PassengerUser"},
    {"named by a part of a name",      IDENTITY_NAMED, 0, 0, 1, "ali", "", "nobody", 0, 0, 0, 0, "not named"},
    {"named with nothing",             IDENTITY_NAMED, 0, 0, 1, "", "", "nobody", 0, 0, 0, 0, "not named"},
    {"named, cannot be looked up",     IDENTITY_NAMED, 0, 0, 1, "broken", "", "nobody", 0, 0, 0, 0, "could not be looked up"},
    {"default is not to be chosen",    IDENTITY_DEFAULT, 1000, 7, 1, "alice", "", "nobody", 1000, 1000, 1, 0, NULL},
    {"self is not to be chosen",       IDENTITY_SELF, 1000, 7, 1, "", "", "nobody", 1000, 1000, 1, 0, NULL},
    {"default, no switching",          IDENTITY_DEFAULT, 1000, 7, 0, "", "", "nobody", 65534, 65534, 0, 0, NULL},
    {"default below the minimum",      IDENTITY_OWNER, 0, 0, 1, "", "", "www", 33, 33, 1, 0, NULL},
    {"default unknown",                IDENTITY_DEFAULT, 0, 0, 1, "", "", "ghost", 0, 0, 0, 0, "'ghost' cannot be used"},
    {"default root",                   IDENTITY_DEFAULT, 0, 0, 1, "", "", "root", 0, 0, 0, 0, "is root"},
    {"default of root's group",        IDENTITY_DEFAULT, 0, 0, 1, "", "", "rootgroup", 0, 0, 0, 0, "root's group"},
    {"no default for a root owner",    IDENTITY_OWNER, 0, 0, 1, "", "", "root", 0, 0, 0, 0, "is root"},
    {"no switching: owner",            IDENTITY_OWNER, 1000, 7, 0, "", "staff", "nobody", 65534, 65534, 0, 0, NULL},
    {"no switching: named",            IDENTITY_NAMED, 1000, 7, 0, "alice", "", "nobody", 65534, 65534, 0, 0, NULL},
    {"group",                          IDENTITY_OWNER, 1000, 7, 1, "", "staff", "nobody", 1000, 50, 1, 0, NULL},
    {"group not configured",           IDENTITY_OWNER, 1000, 7, 1, "", "shadow", "nobody", 0, 0, 0, 0, "not named by a PassengerGroup"},
    {"group unknown",                  IDENTITY_OWNER, 1000, 7, 1, "", "ghost", "nobody", 1000, 65534, 1, 0, NULL},
    {"group root",                     IDENTITY_OWNER, 1000, 7, 1, "", "wheel", "nobody", 1000, 65534, 1, 0, NULL},
    {"group of the file",              IDENTITY_NAMED, 1000, 50, 1, "alice", "!STARTUP_FILE!", "nobody", 1000, 50, 0, 1, NULL},
    {"group of the file is root's",    IDENTITY_NAMED, 1000, 0, 1, "alice", "!STARTUP_FILE!", "nobody", 1000, 65534, 0, 0, NULL},
    {"group of the file is unknown",   IDENTITY_NAMED, 1000, 51, 1, "alice", "!STARTUP_FILE!", "nobody", 1000, 65534, 0, 0, NULL},
};
/* clang-format on */

TEST(rules_decide_who_an_app_runs_as)
{
    size_t i;

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        check_rule(&rules[i]);
    }
}

TEST(file_group_must_be_configured)
{
    identity_request_t request = {IDENTITY_NAMED, 1000, 50, "alice",
                                  IDENTITY_FILE_GROUP};
    identity_rules_t only_alice = {1, "nobody", "alice", sizeof("alice")};
    const char *reason = "";
    identity_t identity;

    CHECK_INT(identity_resolve(&identity, &reason, &request, &only_alice, 1,
                               &made_up, test_pool()),
              APR_EACCES);
    CHECK_CONTAINS(reason, "!STARTUP_FILE!");
}

TEST(without_root_everything_is_self)
{
    identity_request_t request = {IDENTITY_NAMED, 1000, 50, "alice", "staff"};
    identity_rules_t none = {1, "ghost", "", 0};
    const char *reason = "";
    identity_t identity;

    CHECK_INT(identity_resolve(&identity, &reason, &request, &none, 0, &made_up,
                               test_pool()),
              APR_SUCCESS);
    CHECK_INT(identity.switched, 0);
    CHECK_INT(identity.user.uid, geteuid());
    CHECK_INT(identity.user.gid, getegid());
    CHECK_INT(identity.check_owner, 0);
}

TEST(core_never_runs_as_root)
{
    identity_user_t user;
    const char *reason = "";

    CHECK_INT(identity_of_core(&user, &reason, NULL, &made_up, test_pool()),
              APR_SUCCESS);
    CHECK_STR(user.name, "daemon");
    CHECK_INT(identity_of_core(&user, &reason, "root", &made_up, test_pool()),
              APR_EACCES);
    CHECK_CONTAINS(reason, "'root'");
    CHECK_INT(identity_of_core(&user, &reason, "ghost", &made_up, test_pool()),
              APR_EACCES);
}

TEST(system_knows_root)
{
    const identity_lookup_t *lookup = &identity_system_lookup;
    identity_user_t user;
    gid_t gid = 1;

    CHECK_INT(lookup->user_by_name(&user, "root", test_pool()), APR_SUCCESS);
    CHECK_INT(user.uid, 0);
    CHECK_INT(lookup->user_by_uid(&user, 0, test_pool()), APR_SUCCESS);
    CHECK_STR(user.name, "root");
    CHECK_INT(lookup->group_by_name(&gid, "root", test_pool()), APR_SUCCESS);
    CHECK_INT(gid, 0);
    CHECK_INT(lookup->group_by_gid(0, test_pool()), APR_SUCCESS);
    CHECK_INT(lookup->user_by_name(&user, "no such user", test_pool()),
              APR_ENOENT);
    CHECK_INT(lookup->group_by_gid(4294967, test_pool()), APR_ENOENT);
}

TEST(default_group_wins_over_the_default_users)
{
    identity_request_t request = {IDENTITY_OWNER, 0, 50, "", ""};
    identity_rules_t with_group = {1, "nobody", "", 0, "staff"};
    const char *reason = "";
    identity_t identity;
    gid_t staff = 0;

    CHECK_INT(made_up.group_by_name(&staff, "staff", test_pool()), APR_SUCCESS);
    CHECK_INT(identity_resolve(&identity, &reason, &request, &with_group, 1,
                               &made_up, test_pool()),
              APR_SUCCESS);
    CHECK_INT(identity.user.gid, staff);
    with_group.default_group = "nosuch";
    CHECK_INT(identity_resolve(&identity, &reason, &request, &with_group, 1,
                               &made_up, test_pool()),
              APR_EACCES);
    CHECK_CONTAINS(reason, "PassengerDefaultGroup 'nosuch'");
}
