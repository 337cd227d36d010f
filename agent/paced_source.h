/* SPDX-License-Identifier: Apache-2.0 */

/* A descriptor a tenant writes to, watched by the loop: what comes is taken at a
 * limited pace, so that nobody has the core for himself, or fills the disk by
 * what it logs. Nothing is lost: the writer waits. */
#ifndef PACED_SOURCE_H
#define PACED_SOURCE_H

#include <stddef.h>

#include "event_loop.h"

/* Embedded in its owner, zeroed = not watched. */
typedef struct {
    event_source_t source;
    event_timer_t again; /* set during a pause */
    event_loop_t *loop;
    event_fn fn;
    void *baton;
    int fd;
    size_t most, taken;
    uint64_t since; /* when the first of `taken` was */
} paced_source_t;

/* Like event_source_watch(); `most` (of whatever is counted) in a second. */
apr_status_t paced_source_watch(paced_source_t *paced, event_loop_t *loop,
                                int fd, size_t most, event_fn fn, void *baton);

/* To be called when so much was taken; returns 1 if that is followed by a pause
 * until the second is over. */
int paced_source_took(paced_source_t *paced, size_t amount);

void paced_source_unwatch(paced_source_t *paced);

#endif
