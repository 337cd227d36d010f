/* SPDX-License-Identifier: Apache-2.0 */

/* All apps: finds the group of an app and looks after all. module_socket and
 * watchdog_link call in. Who starts a process next is start_queue's to decide,
 * who gives up his place in the pool app_room's. */
#ifndef APP_POOL_H
#define APP_POOL_H

#include <apr_hash.h>

#include "app_group.h"
#include "core.h"
#include "wire.h"

struct event_hooks_t;
struct start_queue_t;

struct app_pool_t {
    apr_hash_t *by_key;     /* app_group_t by spec->key */
    apr_hash_t *groups;     /* app_group_t by index */
    apr_hash_t *processes;  /* app_process_t by index */
    apr_hash_t *preloaders; /* the same, of kind PRELOADER */
    struct start_queue_t *starts;
    struct event_hooks_t *hooks;
    event_timer_t tick;
};

app_pool_t *app_pool_create(core_t *core);

/* The group of the app in msg, made if need be. is_current: who asks has the
 * configuration that holds now. On failure *refusal is set and it was logged. */
apr_status_t app_pool_find(core_t *core, const psg_msg_group_t *msg,
                           int is_current, app_group_t **group,
                           psg_refusal_e *refusal);

/* By their place on the scoreboard; NULL if they are not (any more) there. */
app_group_t *app_pool_group(core_t *core, uint32_t index, uint32_t generation);
app_process_t *app_pool_process(core_t *core, uint32_t index,
                                uint32_t generation);

/* How many processes there are; preloaders need no place and do not count. */
uint32_t app_pool_size(const core_t *core);

/* From app_restore: makes a group known. */
void app_pool_add_group(core_t *core, app_group_t *group);

/* From app_group: a process is there; is gone. */
void app_pool_add_process(core_t *core, app_process_t *proc);
void app_pool_remove_process(core_t *core, app_process_t *proc);

/* Looks after everything that nobody tells us; every second from now on. */
void app_pool_start_ticking(core_t *core);
void app_pool_tick(core_t *core);

/* After a new configuration: what new children asked for already, which can be
 * faster than the configuration's way through the watchdog, is current, too. */
void app_pool_keep_recent(core_t *core);

/* Looks at every group; after something happened to all of them. */
void app_pool_look_at_all(core_t *core);

/* Tells all processes to end. */
void app_pool_stop(core_t *core, const char *why);

/* Whether nothing more will come from any process's output. */
int app_pool_is_silent(core_t *core);

#endif
