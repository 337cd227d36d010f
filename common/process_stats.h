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

/* Microseconds for which its first thread, which is the one that computes in an
 * event loop, could run but had no CPU (/proc/PID/schedstat); 0 if that cannot be
 * had. _parse reads the content of such a file. */
uint64_t psg_process_stats_waited(int32_t pid);
uint64_t psg_process_stats_parse_waited(const char *text);

#endif
