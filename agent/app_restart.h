/* SPDX-License-Identifier: Apache-2.0 */

/* Replaces processes of an app without losing a request: the new one boots
 * first. Called by whoever notices that a restart is wanted (a file, a command)
 * or that one process has to go (its memory, its number of requests). */
#ifndef APP_RESTART_H
#define APP_RESTART_H

#include "app_group.h"

/* All processes of the group are of an old version from now on, its preloader
 * too. `why` is for the log. */
void app_restart_group(app_group_t *group, const char *why);

/* This process is replaced as if it were of an old version. Does nothing if it
 * is being replaced or ends already. */
void app_restart_process(app_process_t *proc, const char *why);

#endif
