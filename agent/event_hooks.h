/* SPDX-License-Identifier: Apache-2.0 */

/* Commands of the administrator that are run when something happens to an app
 * (PassengerCtl hook_...): as the core's user, in the background, with a clean
 * environment, few at a time, for half a minute at most. */
#ifndef EVENT_HOOKS_H
#define EVENT_HOOKS_H

#include "app_group.h"
#include "core.h"

typedef enum {
#define EVENT_HOOK(NAME, name) HOOK_##NAME,
#include "event_hooks.def"
    HOOK_COUNT
} event_hook_e;

typedef struct event_hooks_t event_hooks_t;

event_hooks_t *event_hooks_create(core_t *core);

/* After a new configuration: logs what has no effect. */
void event_hooks_configured(const core_t *core);

/* Something happened to an app; pid: to which process of it, 0 = to none. Never
 * waits, and never fails: what cannot be run is logged. */
void event_hooks_run(app_group_t *group, event_hook_e hook, int pid);

/* Notices that requests were refused since the last call. */
void event_hooks_check_queue(app_group_t *group);

#endif
