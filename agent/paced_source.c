/* SPDX-License-Identifier: Apache-2.0 */

/* Called by handshake, app_output and watcher_process. */
#include "paced_source.h"

enum {
    SECOND = 1000000
};

static void on_end_of_pause(void *baton);

static apr_status_t watch(paced_source_t *paced)
{
    return event_source_watch(&paced->source, paced->loop, paced->fd, paced->fn,
                              paced->baton);
}

static void pause_until(paced_source_t *paced, uint64_t when)
{
    event_timer_set(&paced->again, paced->loop, when, on_end_of_pause, paced);
}

static void on_end_of_pause(void *baton)
{
    paced_source_t *paced = baton;

    if (watch(paced) != APR_SUCCESS) { /* no memory */
        pause_until(paced, event_loop_now(paced->loop) + SECOND);
    }
}

apr_status_t paced_source_watch(paced_source_t *paced, event_loop_t *loop,
                                int fd, size_t most, event_fn fn, void *baton)
{
    *paced = (paced_source_t){.loop = loop,
                              .fn = fn,
                              .baton = baton,
                              .fd = fd,
                              .most = most,
                              .since = event_loop_now(loop)};
    return watch(paced);
}

int paced_source_took(paced_source_t *paced, size_t amount)
{
    uint64_t now;

    if (!paced->source.loop) {
        return 0; /* unwatched, or a pause already */
    }
    now = event_loop_now(paced->loop);
    if (now - paced->since >= SECOND) {
        paced->since = now;
        paced->taken = 0;
    }
    paced->taken += amount;
    if (paced->taken < paced->most) {
        return 0;
    }
    event_source_unwatch(&paced->source);
    pause_until(paced, paced->since + SECOND);
    return 1;
}

void paced_source_unwatch(paced_source_t *paced)
{
    event_source_unwatch(&paced->source);
    event_timer_clear(&paced->again);
}
