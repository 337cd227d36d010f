/* SPDX-License-Identifier: Apache-2.0 */

/* Replaces processes of an app without losing a request: the new one boots
 * first. Called by whoever notices that a restart is wanted (a file, a command)
 * or that one process has to go (its memory, its number of requests), and by
 * app_group, which starts the new ones.
 *
 * A process is old if its epoch is not its group's. Nothing else is kept, so a
 * new core goes on where the one before was killed, and restarts that follow
 * each other do not pile up. */
#ifndef APP_RESTART_H
#define APP_RESTART_H

#include "app_group.h"

/* All processes of the group are of an old version from now on, its preloader
 * too. `why` is for the log.
 *
 * With rolling_restarts one new process starts, and when it is ready one old
 * one drains, until there are none. Where no process may be added and no other
 * app's is idle, an old one drains first. An old process that is still starting
 * goes on, and is replaced like the others: restarts in quick succession would
 * else keep an app from ever getting ready. Without rolling_restarts all old
 * ones drain at once, those that are starting end, and requests wait. */
void app_restart_group(app_group_t *group, const char *why);

/* This process is replaced as if it were of an old version. Does nothing if it
 * is being replaced or ends already. */
void app_restart_process(app_process_t *proc, const char *why);

/* The rest is for app_group and app_pool. */

/* Whether there is a process to replace: an old one that serves. */
int app_restart_has_old(const app_group_t *group);

/* Whether one is to be started for that. */
int app_restart_needs_new(const app_group_t *group);

/* Whether there is any old process: until then the app may have one process
 * more than PassengerMaxInstances allows. */
int app_restart_is_going_on(const app_group_t *group);

/* No process can be added: an old one goes first, unless one does already, or
 * the last new one failed and the old ones are to be kept. */
void app_restart_yield(app_group_t *group);

/* A process got ready: an old one can go. */
void app_restart_go_on(app_group_t *group, app_process_t *ready);

/* A process that had got ready turned out to be no good: it ended soon, or did
 * not get done with its first request. With resist_deployment_errors the old
 * ones left stay until a new one has served 20 requests or lived for a minute;
 * app_restart_tidy(), called every second, goes on then. Of a version that
 * starts but does not serve, no more boot than one in place of each that ends. */
void app_restart_doubt(app_group_t *group, const app_process_t *ended);
void app_restart_tidy(app_group_t *group, uint64_t now);

/* A process could not be started: without resist_deployment_errors all old ones
 * go. id: of the error. */
void app_restart_failed(app_group_t *group, const app_process_t *failed,
                        const char *id);

#endif
