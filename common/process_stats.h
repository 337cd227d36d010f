/* SPDX-License-Identifier: Apache-2.0 */

/* What the kernel says of a process in /proc/PID/stat. Used by child_row.c and
 * by the agent. Thread-safe. */
#ifndef PSG_PROCESS_STATS_H
#define PSG_PROCESS_STATS_H

#include <stdint.h>

#include <apr_errno.h>

typedef struct {
    char state;          /* 'R', 'S', 'Z', ... */
    uint64_t start_time; /* in clock ticks after boot: with the pid it says
                            which process it is, since pids are used again */
    uint64_t cpu;        /* microseconds, all threads, without its children */
    uint64_t memory;     /* resident bytes (RSS) */
} psg_process_stats_t;

/* Reads the content of such a file. tick: clock ticks a second; page: bytes of
 * a page of memory. APR_EINVAL if it is not what proc(5) describes. */
apr_status_t psg_process_stats_parse(psg_process_stats_t *stats,
                                     const char *text, uint64_t tick,
                                     uint64_t page);

/* APR_ENOENT if there is no such process, or /proc hides it from us. */
apr_status_t psg_process_stats_read(psg_process_stats_t *stats, int32_t pid);

#endif
