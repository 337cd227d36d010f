/* SPDX-License-Identifier: Apache-2.0 */

/* The ways between the core and one app process. What comes in is turned into
 * events of app_process. */
#ifndef APP_CHANNELS_H
#define APP_CHANNELS_H

#include "app_process.h"

/* Takes over control socket, output pipe and listening socket. */
apr_status_t app_channels_open(app_process_t *proc, const int fds[3]);

/* Looks for the first accepted connection, if it was started by a command. */
void app_channels_probe(app_process_t *proc);

void app_channels_close(app_process_t *proc);

#endif
