/* SPDX-License-Identifier: Apache-2.0 */

/* Connections to app processes: opening them, and keeping idle ones for the
 * next request of this httpd child. Thread-safe. */
#ifndef PSG_APP_CONNECTION_H
#define PSG_APP_CONNECTION_H

#include "mod_passenger.h"

typedef struct {
    int fd; /* blocking; a read gives up with EAGAIN after a second */
    uint32_t process, generation;
    int reused; /* served another request before */
} psg_app_connection_t;

/* Takes an idle connection to `process`; 0 if there is none. */
int psg_app_connection_take(psg_app_connection_t *connection, uint32_t index,
                            uint32_t generation, const psg_process_t *process);

/* Opens a new one. */
apr_status_t psg_app_connection_open(psg_app_connection_t *connection,
                                     uint32_t index, uint32_t generation,
                                     const psg_process_t *process);

/* Keeps the connection for later. Nothing of the last answer may be unread. */
void psg_app_connection_keep(psg_app_connection_t *connection);
void psg_app_connection_close(psg_app_connection_t *connection);

/* Closes idle connections to processes that are gone, at most once a second. */
void psg_app_connection_sweep(void);

#endif
