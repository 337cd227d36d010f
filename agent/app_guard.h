/* SPDX-License-Identifier: Apache-2.0 */

/* Has each app process guarded by a watcher of the same user, which ends it if
 * watchdog, core and httpd are all killed: see agent/tenant_guard.h. Called by
 * the watchdog's loop. */
#ifndef APP_GUARD_H
#define APP_GUARD_H

#include "watchdog.h"

/* Tells watchers of the processes that nobody guards yet, as far as they take it
 * at the moment; needs dog->guards_stale to do anything. */
void app_guard_tell(watchdog_t *dog);

/* A process ended: if it was a watcher, another one is to guard what it did. */
void app_guard_ended(watchdog_t *dog, const app_child_t *child);

#endif
