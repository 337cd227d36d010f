/* SPDX-License-Identifier: Apache-2.0 */

/* The watchers as processes: one for each user that has apps, started through
 * the watchdog, started again when one dies, ended when nothing is to be
 * watched. What they watch is restart_watch's. They have entries in the table of
 * processes, but belong to no group and take no place in the pool. */
#ifndef WATCHER_PROCESS_H
#define WATCHER_PROCESS_H

#include "app_spec.h"
#include "core.h"
#include "wire.h"

typedef struct watcher_t watcher_t;

/* What came from a watcher; hostile, as all that runs as a tenant. */
typedef void (*watcher_message_fn)(core_t *core, watcher_t *watcher,
                                   const psg_message_t *msg);
/* A watcher runs anew and knows nothing yet. */
typedef void (*watcher_started_fn)(core_t *core, watcher_t *watcher);

/* Makes core->watchers. */
void watcher_process_create(core_t *core, watcher_started_fn on_started,
                            watcher_message_fn on_message);

/* The watcher for apps that run as this one does; started if need be. NULL if
 * there is no memory. Each use is to be given back by _release. */
watcher_t *watcher_process_use(core_t *core, const app_spec_t *spec);
void watcher_process_release(watcher_t *watcher);

/* Sends msg if the watcher runs and takes it now. */
apr_status_t watcher_process_send(watcher_t *watcher, const psg_message_t *msg);

/* From the watchdog, about any process; each returns whether it is a watcher.
 * _adopt: an earlier core started it; it is ended, for it is of no use. */
int watcher_process_attach(core_t *core, uint32_t process, uint32_t generation,
                           int pid, const int fds[3]);
int watcher_process_adopt(core_t *core, uint32_t process, uint32_t generation);
int watcher_process_ended(core_t *core, uint32_t process, uint32_t generation,
                          const char *why);
/* Whether the entry is one of a watcher. */
int watcher_process_is(const core_t *core, uint32_t process);

#endif
