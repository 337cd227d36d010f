/* SPDX-License-Identifier: Apache-2.0 */

/* A SPAWN message becomes a process, or a reason why not. Called by the
 * watchdog's loop; the sender is the core, which is not trusted. */
#ifndef APP_SPAWN_H
#define APP_SPAWN_H

#include "launcher.h"
#include "watchdog.h"

/* On success the process is in dog->children and has to be told to the core.
 * Otherwise *reason is set. */
apr_status_t app_spawn(watchdog_t *dog, const psg_msg_spawn_t *spawn,
                       const char **reason);

/* Checks the message's form; *launch gets copies of its texts in pool. */
apr_status_t app_spawn_parse(launch_t *launch, identity_request_t *request,
                             const psg_msg_spawn_t *spawn, const char **reason,
                             apr_pool_t *pool);

#endif
