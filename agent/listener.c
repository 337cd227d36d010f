/* SPDX-License-Identifier: Apache-2.0 */

/* Called by module_socket and admin_socket. */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <apr_strings.h>

#include "agent_log.h"

enum {
    ACCEPTS_PER_TURN = 32,
    PAUSE = 200000 /* microseconds */
};

static void on_accept(void *baton);

static void watch(void *baton)
{
    listener_t *listener = baton;

    if (event_source_watch(&listener->source, listener->loop, listener->fd,
                           on_accept, listener)
        != APR_SUCCESS) {
        event_timer_set(&listener->again, listener->loop,
                        event_loop_now(listener->loop) + PAUSE, watch,
                        listener);
    }
}

/* Out of descriptors or memory: the next accept would fail, too, and the
 * socket stay readable. */
static void pause_accepting(listener_t *listener, int error)
{
    char text[128];

    agent_log(PSG_LOG_ERROR,
              "PSG2064: cannot accept connections of %s: %s; trying again",
              listener->whose, apr_strerror(error, text, sizeof(text)));
    event_source_unwatch(&listener->source);
    event_timer_set(&listener->again, listener->loop,
                    event_loop_now(listener->loop) + PAUSE, watch, listener);
}

static void on_accept(void *baton)
{
    listener_t *listener = baton;

    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd =
            accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            listener->fn(listener->baton, fd);
        }
        else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
        else if (errno != EINTR && errno != ECONNABORTED) {
            pause_accepting(listener, errno);
            return;
        }
    }
}

apr_status_t listener_start(listener_t *listener, event_loop_t *loop, int fd,
                            const char *whose, listener_fn fn, void *baton)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return errno;
    }
    listener->loop = loop;
    listener->fd = fd;
    listener->whose = whose;
    listener->fn = fn;
    listener->baton = baton;
    watch(listener);
    return APR_SUCCESS;
}
