/* SPDX-License-Identifier: Apache-2.0 */

/* Who may start a process next: limits how many start at once, on the host and
 * for each user, and lets the users take turns, so that nobody waits for
 * another one's slow, hanging or crashing apps. A user is who the processes
 * are to run as. Called by app_group and app_pool; places in the pool are
 * app_room's. */
#ifndef START_QUEUE_H
#define START_QUEUE_H

#include "app_group.h"
#include "core.h"

typedef struct start_queue_t start_queue_t;

start_queue_t *start_queue_create(core_t *core);

/* A group comes into being; goes. What its processes do in between counts for
 * its user. */
void start_queue_join(app_group_t *group);
void start_queue_quit(app_group_t *group);

/* A process of the group begins to start; is ready, failed or gave up. */
void start_queue_began(app_group_t *group);
void start_queue_ended(app_group_t *group);

/* What a group that needs a process may do. */
typedef enum {
    START_NOW,       /* start it, at once */
    START_LATER,     /* it is in line; app_group_look() is called in its turn */
    START_NO_PLACE,  /* it is in line, but the pool is full, for everybody */
    START_USER_FULL, /* it is in line, but its user has what a user may have */
} start_e;

start_e start_queue_admit(app_group_t *group);

/* The group needs no process (any more): it is not in line. */
void start_queue_leave(app_group_t *group);

/* Those in line get what became free, in turn. */
void start_queue_serve(core_t *core);

/* How many processes may start at once, on the host and for one user. */
uint32_t start_queue_most(const core_t *core);
uint32_t start_queue_most_of_user(const core_t *core);

#endif
