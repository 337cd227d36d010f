/* SPDX-License-Identifier: Apache-2.0 */

/* The places of the pool (PassengerMaxPoolSize): who may start one more
 * process, who has to make room for another app, who gets what became free.
 * Called by app_group and app_pool. */
#ifndef APP_ROOM_H
#define APP_ROOM_H

#include "app_group.h"
#include "core.h"

/* Whether group may start one more process now. If not, and a request waits,
 * the group gets in line, and another one makes room as soon as possible. */
int app_room_is_free(core_t *core, app_group_t *group, int request_waits);

/* Whether a place will be free soon for a group that can do without: one of a
 * process that ends already, or of an idle one of another app, which is told to.
 * The group is in line for it then. */
int app_room_find(core_t *core, app_group_t *group);

/* Gives places that became free to those in line, longest waiting first. */
void app_room_share(core_t *core);

/* Ends processes if there are more than allowed, after a reload. */
void app_room_trim(core_t *core);

#endif
