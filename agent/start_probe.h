/* SPDX-License-Identifier: Apache-2.0 */

/* Finds out when a program that knows nothing of us (PassengerAppStartCommand)
 * accepts connections: at 127.0.0.1:port, or on the socket it was passed.
 * app_process owns one while such a program starts. */
#ifndef START_PROBE_H
#define START_PROBE_H

#include <apr_pools.h>

#include "event_loop.h"

typedef struct start_probe_t start_probe_t;

/* by_port: it listens at the port; otherwise it took the socket it was passed.
 * Called once. */
typedef void (*start_probe_fn)(void *baton, int by_port);

/* listen_fd: our copy of the listening socket; stays the caller's. pid: of the
 * program; whoever else listens at the port is not taken for it. */
start_probe_t *start_probe_create(event_loop_t *loop, int listen_fd, int port,
                                  int pid, start_probe_fn fn, void *baton,
                                  apr_pool_t *pool);

/* Ends probing; may be called again. */
void start_probe_close(start_probe_t *probe);

#endif
