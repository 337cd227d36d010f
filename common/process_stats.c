/* SPDX-License-Identifier: Apache-2.0 */

/* Reads /proc/PID/stat and schedstat. One read each, so that all figures of a
 * file are of one process. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "process_stats.h"

enum {
    SECOND = 1000000,
    FIELDS = 5,
    NANOSECONDS = 1000 /* in a microsecond */
};

apr_status_t psg_process_stats_parse(psg_process_stats_t *stats,
                                     const char *text, uint64_t tick,
                                     uint64_t page)
{
    /* After the name in parentheses, which may hold anything: state (field 3);
     * user and system time (14, 15); start time (22); pages of memory (24). */
    static const char format[] =
        " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %20" SCNu64 " %20" SCNu64
        " %*s %*s %*s %*s %*s %*s %20" SCNu64 " %*s %20" SCNu64;
    const char *name_end = strrchr(text, ')');
    uint64_t user, system, start_time, pages;
    char state;

    if (!name_end
        || sscanf(name_end + 1, format, &state, &user, &system, &start_time,
                  &pages)
               != FIELDS) {
        return APR_EINVAL;
    }
    stats->state = state;
    stats->start_time = start_time;
    stats->cpu = (user + system) * (SECOND / tick);
    stats->memory = pages * page;
    return APR_SUCCESS;
}

/* 0: there is no such file, or it is hidden. */
static int read_file(char *text, size_t size, const char *name, int32_t pid)
{
    char path[40];
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "/proc/%" PRId32 "/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    len = read(fd, text, size - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    return len > 0;
}

apr_status_t psg_process_stats_read(psg_process_stats_t *stats, int32_t pid)
{
    char text[1024];

    if (!read_file(text, sizeof(text), "stat", pid)) {
        return APR_ENOENT;
    }
    return psg_process_stats_parse(stats, text, (uint64_t)sysconf(_SC_CLK_TCK),
                                   (uint64_t)sysconf(_SC_PAGESIZE));
}

/* Nanoseconds it ran, nanoseconds it waited, how often it ran. */
uint64_t psg_process_stats_parse_waited(const char *text)
{
    uint64_t waited;

    return sscanf(text, "%*u %20" SCNu64, &waited) == 1 ? waited / NANOSECONDS
                                                        : 0;
}

uint64_t psg_process_stats_waited(int32_t pid)
{
    char text[128];

    return read_file(text, sizeof(text), "schedstat", pid)
               ? psg_process_stats_parse_waited(text)
               : 0;
}
