/* SPDX-License-Identifier: Apache-2.0 */

/* The places of the pool (PassengerMaxPoolSize): whether there is one, and who
 * has to make room for another app. Called by start_queue and app_pool. */
#ifndef APP_ROOM_H
#define APP_ROOM_H

#include "app_group.h"
#include "core.h"

/* Whether there is a place for one more process. */
int app_room_is_free(const core_t *core);

/* If not: a process of another app ends as soon as possible, for a request that
 * waits for this group. To be called again while it waits. */
void app_room_make(core_t *core, app_group_t *group);

/* The same if the user of the group has as many processes as he may: it is one
 * of his that ends. */
void app_room_make_of_user(core_t *core, app_group_t *group);

/* Whether a place will be free soon for a group that can do without: one of a
 * process that ends already, or of an idle one of another app, which is told to. */
int app_room_find(core_t *core, app_group_t *group);

/* Ends processes if there are more than allowed, after a reload. */
void app_room_trim(core_t *core);

#endif
