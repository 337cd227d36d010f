/* SPDX-License-Identifier: Apache-2.0 */

/* Hands what common/ has to say to the host's log. The host is httpd or the
 * agent; without a sink nothing is said. */
#include <stdarg.h>
#include <stdio.h>

#include "log.h"

#include "scoreboard.h"

enum {
    SECOND_USEC = 1000000
};

static psg_log_fn log_sink;

void psg_log_set_sink(psg_log_fn sink)
{
    __atomic_store_n(&log_sink, sink, __ATOMIC_RELEASE);
}

void psg_log(psg_log_level_e level, const char *format, ...)
{
    psg_log_fn sink = __atomic_load_n(&log_sink, __ATOMIC_ACQUIRE);
    char text[2048];
    va_list args;

    if (!sink) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sink(level, text);
}

int psg_log_is_due(uint64_t *next_line)
{
    uint64_t now = psg_now();
    uint64_t due = __atomic_load_n(next_line, __ATOMIC_RELAXED);

    return now >= due
           && __atomic_compare_exchange_n(next_line, &due, now + SECOND_USEC, 0,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
