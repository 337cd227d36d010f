/* SPDX-License-Identifier: Apache-2.0 */

/* Both ends of what connects an app process with the core, made by the
 * watchdog. Used by app_spawn and birth. */
#ifndef CHILD_CHANNELS_H
#define CHILD_CHANNELS_H

#include "child_table.h"
#include "watchdog.h"

/* End 0 of a pair is ours, end 1 the process's; -1 = not open. */
typedef struct {
    int control[2], output[2], listening;
} child_channels_t;

/* A socket under the process's name for PSG_KIND_APP; /dev/null for all others,
 * which take no requests. On failure *channels has to be closed, too. */
apr_status_t child_channels_open(child_channels_t *channels, watchdog_t *dog,
                                 uint32_t process, uint32_t generation,
                                 uint32_t kind);

/* Hands our ends and the listening socket over to child. */
void child_channels_keep(child_channels_t *channels, app_child_t *child);

/* The process has its ends, or nobody will. */
void child_channels_close_theirs(child_channels_t *channels);
/* Closes what is open and removes the socket's name. */
void child_channels_undo(child_channels_t *channels, watchdog_t *dog,
                         uint32_t process, uint32_t generation);

#endif
