/* SPDX-License-Identifier: Apache-2.0 */

/* Has each app's restart.txt and always_restart.txt looked at while it has
 * processes, and restarts the app when they ask for it. app_group says which
 * groups have processes. */
#ifndef RESTART_WATCH_H
#define RESTART_WATCH_H

#include "core.h"

struct app_group_t;
struct watcher_t;

/* A part of app_group_t; zeroed = not watched. */
typedef struct {
    struct watcher_t *watcher;
    int told;                /* the watcher knows of it, and in which folder */
    uint64_t idle_since;     /* the group has had no process; 0 = it has one */
    uint64_t restarted;      /* when a file asked for it last */
    uint64_t always_changed; /* when always_restart.txt came or went last */
    int complained; /* that the folder cannot be looked at was logged */
} restart_watch_t;

/* Before any group is made. Without it nothing is watched. */
void restart_watch_create(core_t *core);

/* The group got or lost a process. */
void restart_watch_update(struct app_group_t *group);
/* Does what could not be done before or is due now; every second. */
void restart_watch_tick(struct app_group_t *group, uint64_t now);
/* The group is about to be gone. */
void restart_watch_end(struct app_group_t *group);

#endif
