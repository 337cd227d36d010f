/* SPDX-License-Identifier: Apache-2.0 */

/* The core's loop: descriptors that became readable (APR pollset) and timers,
 * one thread, one turn after the other. Every part of the core hangs its
 * callbacks here; the watchdog does not use it. */
#ifndef EVENT_LOOP_H
#define EVENT_LOOP_H

#include <stdint.h>

#include <apr_errno.h>
#include <apr_pools.h>

typedef struct event_loop_t event_loop_t;
typedef void (*event_fn)(void *baton);

/* A watched descriptor; embedded in its owner, zeroed = not watched. */
typedef struct {
    event_loop_t *loop;
    uint32_t row; /* in the loop's table */
} event_source_t;

/* A timer; embedded in its owner, zeroed = not set. */
typedef struct event_timer_t event_timer_t;
struct event_timer_t {
    event_timer_t *next, *prev;
    event_loop_t *loop; /* NULL = not set */
    uint64_t when;
    event_fn fn;
    void *baton;
};

apr_status_t event_loop_create(event_loop_t **loop, apr_pool_t *pool);

/* Microseconds of the loop's clock; psg_now unless a test sets another. */
uint64_t event_loop_now(const event_loop_t *loop);
void event_loop_set_clock(event_loop_t *loop, uint64_t (*clock)(void));

/* Cleared at the start of every turn. */
apr_pool_t *event_loop_scratch(event_loop_t *loop);

/* Calls fn(baton) in each turn in which fd can be read or has ended, until
 * unwatch. The descriptor stays the caller's; unwatch before closing it. */
apr_status_t event_source_watch(event_source_t *source, event_loop_t *loop,
                                int fd, event_fn fn, void *baton);
void event_source_unwatch(event_source_t *source);

/* Calls fn(baton) once when the clock reaches `when`. Setting a timer that is
 * set moves it. */
void event_timer_set(event_timer_t *timer, event_loop_t *loop, uint64_t when,
                     event_fn fn, void *baton);
void event_timer_clear(event_timer_t *timer);

/* Waits for the next event or timer, at most `wait` microseconds, and runs
 * what is due. */
apr_status_t event_loop_turn(event_loop_t *loop, uint64_t wait);

/* Runs the timers that are due; part of a turn, and for tests. */
void event_loop_run_timers(event_loop_t *loop);

#endif
