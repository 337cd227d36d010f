/* SPDX-License-Identifier: Apache-2.0 */

/* Reads /proc/PID/stat. One read, so that all figures are of one process. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "process_stats.h"

enum {
    SECOND = 1000000,
    FIELDS = 5
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

apr_status_t psg_process_stats_read(psg_process_stats_t *stats, int32_t pid)
{
    char path[40], text[1024];
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "/proc/%" PRId32 "/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return APR_ENOENT;
    }
    len = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (len <= 0) {
        return APR_ENOENT;
    }
    text[len] = '\0';
    return psg_process_stats_parse(stats, text, (uint64_t)sysconf(_SC_CLK_TCK),
                                   (uint64_t)sysconf(_SC_PAGESIZE));
}
