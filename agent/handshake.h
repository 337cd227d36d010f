/* SPDX-License-Identifier: Apache-2.0 */

/* The core's end of an app's control channel (loaders/PROTOCOL section 2): one
 * JSON object a line, and whoever writes it is hostile. app_process owns one for
 * each process. */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include <apr_pools.h>

#include "event_loop.h"
#include "scoreboard.h"

/* Bytes of a line, its end not counted. */
enum {
    HANDSHAKE_LINE_MAX = 65536
};

/* Descriptors that come with "fork". */
enum {
    HANDSHAKE_FORK_FDS = 4
};

typedef enum {
    HANDSHAKE_READY,
    HANDSHAKE_FAILED,
    HANDSHAKE_GARBAGE,     /* what came is not right: see summary */
    HANDSHAKE_END,         /* the other end was closed */
    HANDSHAKE_PRELOADED,   /* ready to fork: it is a preloader */
    HANDSHAKE_RESTED,      /* its out-of-band work is done */
    HANDSHAKE_INTERPRETER, /* what runs it was found: path in summary */
} handshake_kind_e;

/* What was said. Strings live in the scratch pool. */
typedef struct {
    handshake_kind_e kind;
    psg_format_e format;
    uint32_t concurrency;
    int keep_alive;
    const char *step, *summary, *details; /* details may be "" */
} handshake_event_t;

/* Understands one line; kind is GARBAGE and summary says why if it cannot. */
void handshake_parse(handshake_event_t *event, const char *line, size_t len,
                     apr_pool_t *pool);

typedef struct handshake_t handshake_t;
typedef void (*handshake_fn)(void *baton, const handshake_event_t *event);

/* Watches fd, which it owns from now on, and calls fn for each event. After
 * GARBAGE and END nothing more is read. */
apr_status_t handshake_create(handshake_t **handshake, event_loop_t *loop,
                              int fd, handshake_fn fn, void *baton,
                              apr_pool_t *pool);

/* Reads what is there now; for the last words of a process that ended. */
void handshake_read(handshake_t *handshake);

/* Says {"command":"stop"} and closes our sending side. APR_EOF if nobody
 * listens any more. */
apr_status_t handshake_say_stop(handshake_t *handshake);

/* Asks for out-of-band work. Never waits. */
apr_status_t handshake_say_oob_work(handshake_t *handshake);

/* Tells a preloader to fork; fds are the process's ends in the order of
 * FORKABLE, and stay the caller's. Never waits. */
apr_status_t handshake_say_fork(handshake_t *handshake, const int *fds,
                                int count);

void handshake_close(handshake_t *handshake);

#endif
