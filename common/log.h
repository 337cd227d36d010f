/* SPDX-License-Identifier: Apache-2.0 */

/* Where what common/ has to say goes; the host (httpd or agent) sets the sink.
 * common/ logs only what its caller cannot know, and never above debug. */
#ifndef PSG_LOG_H
#define PSG_LOG_H

#include <stdint.h>

/* The numbers of PassengerLogLevel. */
typedef enum {
    PSG_LOG_CRIT,
    PSG_LOG_ERROR,
    PSG_LOG_WARN,
    PSG_LOG_NOTICE,
    PSG_LOG_INFO,
    PSG_LOG_DEBUG,
} psg_log_level_e;

/* Whether to log now what holds for many requests: once a second in this process.
 * next_line: static, at first 0. */
int psg_log_is_due(uint64_t *next_line);

typedef void (*psg_log_fn)(psg_log_level_e level, const char *text);

void psg_log_set_sink(psg_log_fn sink);
void psg_log(psg_log_level_e level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
