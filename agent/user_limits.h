/* SPDX-License-Identifier: Apache-2.0 */

/* What one user's apps may have together: PassengerMaxAppsPerUser,
 * PassengerMaxProcessesPerUser, PassengerMaxMemoryPerUser. A user is what
 * start_queue takes for one. Who is refused waits, and delays nobody else.
 * Called by app_group, app_limits, app_pool and start_queue. */
#ifndef USER_LIMITS_H
#define USER_LIMITS_H

#include <stdint.h>

#include "app_group.h"
#include "core.h"

typedef enum {
    USER_LIMIT_NONE = 0,
    USER_LIMIT_APPS,
    USER_LIMIT_PROCESSES,
    USER_LIMIT_MEMORY,
    USER_LIMIT_COUNT
} user_limit_e;

/* What a user has. All 0 at first; start_queue owns it, user_limits writes. */
struct user_usage_t {
    uint32_t apps; /* groups that have a process or a preloader */
    uint32_t
        processes;    /* from their start until they are gone, no preloaders */
    uint64_t memory;  /* bytes of all these, when last looked at */
    uint64_t leaving; /* bytes of those that end; valid during a tick */
    uint64_t tell_again[USER_LIMIT_COUNT]; /* not before that time */
};

/* A process comes into being; is gone. A preloader is one, too. */
void user_limits_add(const app_process_t *proc);
void user_limits_remove(const app_process_t *proc);

/* It takes so many bytes now. */
void user_limits_note_memory(app_process_t *proc, uint64_t bytes);

/* What keeps the group from getting one more process. */
user_limit_e user_limits_reached(const app_group_t *group);

/* For a group that has reached a limit while a request waits for it: logs that,
 * once a minute for each user, and ends what its user does not need. To be
 * called again while it waits. */
void user_limits_make_room(app_group_t *group);

/* Ends the largest idle processes of users that take too much memory; once a
 * second, after user_limits_note_memory() for all. */
void user_limits_tick(core_t *core);

#endif
