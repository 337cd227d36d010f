/* SPDX-License-Identifier: Apache-2.0 */

/* Which watcher guards which process. Called by the watchdog's loop. */
#include "app_guard.h"

/* One of that user, which lives as long as there may be another watchdog: else
 * it would take the end of this one for the end of all. */
static app_child_t *find_watcher(watchdog_t *dog, uid_t uid)
{
    app_child_t *child = NULL;

    while ((child = child_table_next(dog->children, child)) != NULL) {
        if (child->kind == PSG_KIND_WATCHER && child->uid == uid
            && child->stored && !child->exited) {
            return child;
        }
    }
    return NULL;
}

/* Returns whether the process is guarded now. */
static int guard(watchdog_t *dog, app_child_t *child)
{
    psg_message_t msg = {.number = PSG_MSG_GUARD};
    const app_child_t *watcher = find_watcher(dog, child->uid);

    if (!watcher) {
        return 0;
    }
    msg.as.guard.pid = (uint32_t)child->pid;
    if (psg_wire_send(watcher->fds[CHILD_CONTROL], &msg, &child->pidfd, 1, 0)
        != APR_SUCCESS) {
        return 0;
    }
    child->guard = child_table_index(dog->children, watcher) + 1;
    return 1;
}

void app_guard_tell(watchdog_t *dog)
{
    app_child_t *child = NULL;
    int missing = 0;

    if (!dog->guards_stale) {
        return;
    }
    while ((child = child_table_next(dog->children, child)) != NULL) {
        if (child->kind == PSG_KIND_APP && child->guard == 0
            && !child->exited) {
            missing += !guard(dog, child);
        }
    }
    dog->guards_stale = missing > 0;
}

void app_guard_ended(watchdog_t *dog, const app_child_t *child)
{
    uint32_t guard = child_table_index(dog->children, child) + 1;
    app_child_t *guarded = NULL;

    if (child->kind != PSG_KIND_WATCHER) {
        return;
    }
    while ((guarded = child_table_next(dog->children, guarded)) != NULL) {
        if (guarded->guard == guard) {
            guarded->guard = 0;
            dog->guards_stale = 1;
        }
    }
}
