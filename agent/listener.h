/* SPDX-License-Identifier: Apache-2.0 */

/* Accepts connections on a listening socket of the core. module_socket and
 * admin_socket own one each. */
#ifndef LISTENER_H
#define LISTENER_H

#include "event_loop.h"

/* Takes over fd: connected, non-blocking, close-on-exec. */
typedef void (*listener_fn)(void *baton, int fd);

/* Embedded in its owner. */
typedef struct {
    event_source_t source;
    event_timer_t again;
    event_loop_t *loop;
    const char *whose; /* for the log */
    int fd;
    listener_fn fn;
    void *baton;
} listener_t;

/* Calls fn(baton, fd) for each connection from now on. An error of accept is
 * logged, and tried again after a while. The socket stays the caller's, and is
 * made non-blocking; if that fails nothing is listened to. */
apr_status_t listener_start(listener_t *listener, event_loop_t *loop, int fd,
                            const char *whose, listener_fn fn, void *baton);

#endif
