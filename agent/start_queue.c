/* SPDX-License-Identifier: Apache-2.0 */

/* Lets the users take turns with starts: round robin over users, first come
 * first served for one user's apps. Called by app_group and app_pool. */
#include "start_queue.h"

#include <unistd.h>

#include <apr_ring.h>
#include <apr_strings.h>

#include "app_pool.h"
#include "app_room.h"
#include "user_limits.h"

enum {
    STARTS_FOR_EACH_CPU = 2,
    NAME_SIZE =
        280 /* a prefix and a user's name, which has 255 bytes at most */
};

/* Whoever has groups. Users come and go; their entries are used again, since
 * the core's pool gives nothing back. */
struct start_user_t {
    APR_RING_ENTRY(start_user_t) turn; /* while a group is in line */
    APR_RING_HEAD(start_line_t, app_group_t) line;
    start_user_t *next_unused;
    uint32_t groups;
    uint32_t starting;
    user_usage_t usage;
    char name[NAME_SIZE];
};

struct start_queue_t {
    apr_hash_t *users; /* start_user_t by name */
    APR_RING_HEAD(start_turns_t, start_user_t)
    turns; /* whose turn it is first */
    start_user_t *unused;
    uint32_t starting;
    uint32_t cpus;
    int is_serving;
};

start_queue_t *start_queue_create(core_t *core)
{
    start_queue_t *queue = apr_pcalloc(core->pool, sizeof(*queue));
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    queue->cpus = cpus > 0 ? (uint32_t)cpus : 1;
    queue->users = apr_hash_make(core->pool);
    APR_RING_INIT(&queue->turns, start_user_t, turn);
    return queue;
}

uint32_t start_queue_most(const core_t *core)
{
    uint32_t most = (uint32_t)core->options->max_concurrent_starts;

    return most ? most : STARTS_FOR_EACH_CPU * core->apps->starts->cpus;
}

uint32_t start_queue_most_of_user(const core_t *core)
{
    uint32_t most = (uint32_t)core->options->max_concurrent_starts_per_user;
    uint32_t half = start_queue_most(core) / 2;

    if (!core->can_switch_user) {
        return UINT32_MAX; /* all are one */
    }
    if (most) {
        return most;
    }
    return half ? half : 1;
}

/* Names and numbers are not compared: an app of user 'bob' by configuration and
 * one that bob's file makes his are two users here, which does little harm,
 * since tenants cannot configure users. */
static void name_user(char *name, const app_group_t *group)
{
    const app_spec_t *spec = group->spec;

    switch (spec->identity) {
    case IDENTITY_OWNER:
        apr_snprintf(name, NAME_SIZE, "owner %u", spec->owner);
        break;
    case IDENTITY_NAMED:
        apr_snprintf(name, NAME_SIZE, "user %s", spec->user);
        break;
    default:
        apr_cpystrn(name, "all", NAME_SIZE);
        break;
    }
}

void start_queue_join(app_group_t *group)
{
    start_queue_t *queue = group->core->apps->starts;
    start_user_t *user;
    char name[NAME_SIZE];

    name_user(name, group);
    user = apr_hash_get(queue->users, name, APR_HASH_KEY_STRING);
    if (!user) {
        user = queue->unused;
        if (user) {
            queue->unused = user->next_unused;
        }
        else {
            user = apr_palloc(group->core->pool, sizeof(*user));
        }
        memset(user, 0, sizeof(*user));
        APR_RING_INIT(&user->line, app_group_t, in_line);
        apr_cpystrn(user->name, name, sizeof(user->name));
        apr_hash_set(queue->users, user->name, APR_HASH_KEY_STRING, user);
    }
    user->groups++;
    group->user = user;
    group->usage = &user->usage;
}

void start_queue_quit(app_group_t *group)
{
    start_queue_t *queue = group->core->apps->starts;
    start_user_t *user = group->user;

    start_queue_leave(group);
    if (--user->groups == 0) {
        apr_hash_set(queue->users, user->name, APR_HASH_KEY_STRING, NULL);
        user->next_unused = queue->unused;
        queue->unused = user;
    }
}

void start_queue_began(app_group_t *group)
{
    group->core->apps->starts->starting++;
    group->user->starting++;
}

void start_queue_ended(app_group_t *group)
{
    group->core->apps->starts->starting--;
    group->user->starting--;
}

static int may_start(const core_t *core, const start_user_t *user)
{
    return core->apps->starts->starting < start_queue_most(core)
           && user->starting < start_queue_most_of_user(core);
}

static void enter(app_group_t *group)
{
    start_queue_t *queue = group->core->apps->starts;
    start_user_t *user = group->user;

    if (group->is_in_line) {
        return;
    }
    if (APR_RING_EMPTY(&user->line, app_group_t, in_line)) {
        APR_RING_INSERT_TAIL(&queue->turns, user, start_user_t, turn);
    }
    APR_RING_INSERT_TAIL(&user->line, group, app_group_t, in_line);
    group->is_in_line = 1;
}

void start_queue_leave(app_group_t *group)
{
    start_user_t *user = group->user;

    group->waits_since = 0;
    if (!group->is_in_line) {
        return;
    }
    group->is_in_line = 0;
    APR_RING_REMOVE(group, in_line);
    if (APR_RING_EMPTY(&user->line, app_group_t, in_line)) {
        APR_RING_REMOVE(user, turn);
    }
}

/* The first of the user's apps that may have one more process. */
static app_group_t *next_of_user(const core_t *core, start_user_t *user)
{
    app_group_t *group = APR_RING_FIRST(&user->line);

    if (!may_start(core, user)) {
        return NULL;
    }
    for (; group != APR_RING_SENTINEL(&user->line, app_group_t, in_line);
         group = APR_RING_NEXT(group, in_line)) {
        user_limit_e reached = user_limits_reached(group);

        if (reached == USER_LIMIT_NONE) {
            return group;
        }
        if (reached != USER_LIMIT_APPS) {
            return NULL; /* it is the same for all of them */
        }
    }
    return NULL;
}

/* Whose turn it is: the first of the first user who may. Those are passed over
 * who have all starts of a user's share, or as much as a user may have. */
static app_group_t *next_group(core_t *core)
{
    start_queue_t *queue = core->apps->starts;
    start_user_t *user = APR_RING_FIRST(&queue->turns);

    for (; user != APR_RING_SENTINEL(&queue->turns, start_user_t, turn);
         user = APR_RING_NEXT(user, turn)) {
        app_group_t *group = next_of_user(core, user);

        if (group) {
            return group;
        }
    }
    return NULL;
}

/* The group goes, and its user is the last in turn if he has more. */
static void take_turn(app_group_t *group)
{
    start_queue_t *queue = group->core->apps->starts;
    start_user_t *user = group->user;

    start_queue_leave(group);
    if (!APR_RING_EMPTY(&user->line, app_group_t, in_line)) {
        APR_RING_REMOVE(user, turn);
        APR_RING_INSERT_TAIL(&queue->turns, user, start_user_t, turn);
    }
}

start_e start_queue_admit(app_group_t *group)
{
    core_t *core = group->core;

    enter(group);
    if (user_limits_reached(group) != USER_LIMIT_NONE) {
        return START_USER_FULL;
    }
    if (!may_start(core, group->user)) {
        return START_LATER;
    }
    if (!app_room_is_free(core)) {
        return START_NO_PLACE;
    }
    if (next_group(core) != group) {
        return START_LATER;
    }
    take_turn(group);
    return START_NOW;
}

void start_queue_serve(core_t *core)
{
    start_queue_t *queue = core->apps->starts;
    app_group_t *group;

    /* A start that fails at once calls this again, for all who are in line. */
    if (queue->is_serving) {
        return;
    }
    queue->is_serving = 1;
    while ((group = next_group(core)) != NULL) {
        app_group_look(group);
        if (next_group(core) == group) {
            break; /* the pool is full */
        }
    }
    queue->is_serving = 0;
}
