/* SPDX-License-Identifier: Apache-2.0 */

/* The core's event loop: an APR pollset, a sorted list of timers, and a pool
 * for what lives one turn. Used by every file of the core. */
#include "event_loop.h"

#include <apr_network_io.h>
#include <apr_poll.h>
#include <apr_portable.h>
#include <apr_tables.h>

#include "scoreboard.h"

/* Descriptors reported in one turn; more are reported in the next. */
enum {
    EVENTS_PER_TURN = 256
};

/* One watched descriptor. The generation tells an event for a descriptor that
 * was unwatched earlier in the same turn from one for its successor. */
typedef struct {
    apr_pollfd_t poll;
    apr_socket_t *socket; /* only a wrapper of the number; used again */
    uint32_t generation;
    uint32_t next_free; /* row, or PSG_NONE */
    event_fn fn;        /* NULL = free */
    void *baton;
} watch_t;

struct event_loop_t {
    apr_pool_t *pool, *scratch;
    apr_pollset_t *pollset;
    apr_array_header_t *watches; /* of watch_t * */
    uint32_t first_free;
    event_timer_t timers; /* head of a ring, sorted by time */
    uint64_t (*clock)(void);
};

apr_status_t event_loop_create(event_loop_t **loop, apr_pool_t *pool)
{
    event_loop_t *made = apr_pcalloc(pool, sizeof(*made));
    apr_status_t rv;

    rv = apr_pollset_create(&made->pollset, EVENTS_PER_TURN, pool, 0);
    if (rv == APR_SUCCESS) {
        rv = apr_pool_create(&made->scratch, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->pool = pool;
    made->watches = apr_array_make(pool, 64, sizeof(watch_t *));
    made->first_free = PSG_NONE;
    made->timers.next = made->timers.prev = &made->timers;
    made->clock = psg_now;
    *loop = made;
    return APR_SUCCESS;
}

uint64_t event_loop_now(const event_loop_t *loop)
{
    return loop->clock();
}

void event_loop_set_clock(event_loop_t *loop, uint64_t (*clock)(void))
{
    loop->clock = clock;
}

apr_pool_t *event_loop_scratch(event_loop_t *loop)
{
    return loop->scratch;
}

static watch_t *watch_at(event_loop_t *loop, uint32_t row)
{
    return APR_ARRAY_IDX(loop->watches, row, watch_t *);
}

/* A free row of the table, used again as often as possible: the loop's pool
 * lives as long as the core and must not grow with every connection. */
static uint32_t take_row(event_loop_t *loop)
{
    uint32_t row = loop->first_free;

    if (row != PSG_NONE) {
        loop->first_free = watch_at(loop, row)->next_free;
        return row;
    }
    row = (uint32_t)loop->watches->nelts;
    APR_ARRAY_PUSH(loop->watches, watch_t *) =
        apr_pcalloc(loop->pool, sizeof(watch_t));
    return row;
}

static void give_row_back(event_loop_t *loop, uint32_t row)
{
    watch_t *watch = watch_at(loop, row);

    watch->fn = NULL;
    watch->generation++;
    watch->next_free = loop->first_free;
    loop->first_free = row;
}

apr_status_t event_source_watch(event_source_t *source, event_loop_t *loop,
                                int fd, event_fn fn, void *baton)
{
    uint32_t row = take_row(loop);
    watch_t *watch = watch_at(loop, row);
    apr_os_sock_t number = fd;
    apr_status_t rv;

    /* APR polls sockets and files alike; a socket's wrapper can be reused. */
    rv = apr_os_sock_put(&watch->socket, &number, loop->pool);
    if (rv == APR_SUCCESS) {
        watch->poll.desc_type = APR_POLL_SOCKET;
        watch->poll.desc.s = watch->socket;
        watch->poll.reqevents = APR_POLLIN;
        watch->poll.client_data =
            (void *)(uintptr_t)(((uint64_t)watch->generation << 32) | row);
        rv = apr_pollset_add(loop->pollset, &watch->poll);
    }
    if (rv != APR_SUCCESS) {
        give_row_back(loop, row);
        return rv;
    }
    watch->fn = fn;
    watch->baton = baton;
    source->loop = loop;
    source->row = row;
    return APR_SUCCESS;
}

void event_source_unwatch(event_source_t *source)
{
    event_loop_t *loop = source->loop;

    if (loop) {
        (void)apr_pollset_remove(loop->pollset,
                                 &watch_at(loop, source->row)->poll);
        give_row_back(loop, source->row);
        source->loop = NULL;
    }
}

void event_timer_clear(event_timer_t *timer)
{
    if (timer->loop) {
        timer->next->prev = timer->prev;
        timer->prev->next = timer->next;
        timer->loop = NULL;
    }
}

void event_timer_set(event_timer_t *timer, event_loop_t *loop, uint64_t when,
                     event_fn fn, void *baton)
{
    event_timer_t *after;

    event_timer_clear(timer);
    timer->loop = loop;
    timer->when = when;
    timer->fn = fn;
    timer->baton = baton;
    /* Most timers are later than all others: search from the end. */
    for (after = loop->timers.prev; after != &loop->timers;
         after = after->prev) {
        if (after->when <= when) {
            break;
        }
    }
    timer->prev = after;
    timer->next = after->next;
    after->next->prev = timer;
    after->next = timer;
}

void event_loop_run_timers(event_loop_t *loop)
{
    uint64_t now = event_loop_now(loop);
    event_timer_t *first;

    for (first = loop->timers.next;
         first != &loop->timers && first->when <= now;
         first = loop->timers.next) {
        event_timer_clear(first);
        first->fn(first->baton);
    }
}

/* How long the next turn may sleep. */
static apr_interval_time_t sleep_time(event_loop_t *loop, uint64_t wait)
{
    uint64_t now = event_loop_now(loop);
    const event_timer_t *first = loop->timers.next;

    if (first != &loop->timers) {
        uint64_t left = first->when > now ? first->when - now : 0;

        if (left < wait) {
            wait = left;
        }
    }
    /* epoll counts milliseconds: without rounding up, the last one before a
     * timer would be spent spinning. */
    return (apr_interval_time_t)((wait + 999) / 1000 * 1000);
}

static void run_event(event_loop_t *loop, const apr_pollfd_t *event)
{
    uint64_t data = (uint64_t)(uintptr_t)event->client_data;
    watch_t *watch = watch_at(loop, (uint32_t)data);

    if (watch->fn && watch->generation == (uint32_t)(data >> 32)) {
        watch->fn(watch->baton);
    }
}

apr_status_t event_loop_turn(event_loop_t *loop, uint64_t wait)
{
    const apr_pollfd_t *events = NULL;
    apr_int32_t count = 0;
    apr_status_t rv;

    apr_pool_clear(loop->scratch);
    rv = apr_pollset_poll(loop->pollset, sleep_time(loop, wait), &count,
                          &events);
    if (rv != APR_SUCCESS && !APR_STATUS_IS_TIMEUP(rv)
        && !APR_STATUS_IS_EINTR(rv)) {
        return rv;
    }
    if (rv == APR_SUCCESS) {
        for (apr_int32_t i = 0; i < count; i++) {
            run_event(loop, &events[i]);
        }
    }
    event_loop_run_timers(loop);
    return APR_SUCCESS;
}
