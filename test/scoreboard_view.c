/* SPDX-License-Identifier: Apache-2.0 */

/* See scoreboard_view.h. The scoreboard has no name: the descriptor that httpd's
 * parent has of it is opened through /proc. */
#include "scoreboard_view.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scoreboard.h"
#include "test.h"

/* Returns a descriptor of the memfd, or -1. */
static int open_memfd(pid_t pid)
{
    const char *folder = test_format("/proc/%d/fd", (int)pid);
    DIR *fds = opendir(folder);
    struct dirent *entry;
    int fd = -1;

    while (fds && fd < 0 && (entry = readdir(fds)) != NULL) {
        const char *path = test_format("%s/%s", folder, entry->d_name);
        char target[64] = "";

        if (readlink(path, target, sizeof(target) - 1) > 0
            && strncmp(target, "/memfd:", 7) == 0) {
            fd = open(path, O_RDWR | O_CLOEXEC);
        }
    }
    if (fds) {
        closedir(fds);
    }
    return fd;
}

/* Mapped once: a watchdog may be replaced, the scoreboard never is. */
static const psg_scoreboard_t *view(const httpd_t *httpd)
{
    static psg_scoreboard_t *sb;

    if (!sb) {
        int fd;

        /* httpd accepts connections before it makes the scoreboard */
        WAIT_UNTIL((fd = open_memfd(httpd->pid)) >= 0);
        CHECK_INT(psg_scoreboard_attach(&sb, fd), APR_SUCCESS);
        close(fd);
    }
    return sb;
}

static int is_serving(const psg_process_t *process)
{
    return process->state == PSG_PROCESS_READY
           || process->state == PSG_PROCESS_DRAINING;
}

int scoreboard_busy(const httpd_t *httpd)
{
    const psg_scoreboard_t *sb = view(httpd);
    uint32_t i, busy = 0;

    for (i = 0; i < sb->header.processes_used; i++) {
        busy += is_serving(&sb->processes[i]) ? sb->processes[i].busy : 0;
    }
    return (int)busy;
}

int scoreboard_ready(const httpd_t *httpd)
{
    const psg_scoreboard_t *sb = view(httpd);
    uint32_t i;
    int count = 0;

    for (i = 0; i < sb->header.processes_used; i++) {
        count += sb->processes[i].state == PSG_PROCESS_READY
                 && sb->processes[i].kind == PSG_KIND_APP;
    }
    return count;
}

static int compare(const void *left, const void *right)
{
    return *(const pid_t *)left - *(const pid_t *)right;
}

int scoreboard_pids(const httpd_t *httpd, pid_t *pids, int size)
{
    const psg_scoreboard_t *sb = view(httpd);
    uint32_t i;
    int count = 0;

    for (i = 0; i < sb->header.processes_used && count < size; i++) {
        if (sb->processes[i].state == PSG_PROCESS_READY
            && sb->processes[i].kind == PSG_KIND_APP) {
            pids[count++] = sb->processes[i].pid;
        }
    }
    qsort(pids, (size_t)count, sizeof(*pids), compare);
    return count;
}

pid_t scoreboard_core(const httpd_t *httpd)
{
    return (pid_t)view(httpd)->header.core_pid;
}

pid_t scoreboard_preloader(const httpd_t *httpd)
{
    const psg_scoreboard_t *sb = view(httpd);
    uint32_t i;

    for (i = 0; i < sb->header.processes_used; i++) {
        if (sb->processes[i].state == PSG_PROCESS_READY
            && sb->processes[i].kind == PSG_KIND_PRELOADER) {
            return sb->processes[i].pid;
        }
    }
    return 0;
}

uint64_t scoreboard_served(const httpd_t *httpd)
{
    const psg_scoreboard_t *sb = view(httpd);
    uint64_t served = 0;
    uint32_t i;

    for (i = 0; i < sb->header.groups_used; i++) {
        served += sb->groups[i].served;
    }
    return served;
}

pid_t scoreboard_newest(const httpd_t *httpd)
{
    const psg_scoreboard_t *sb = view(httpd);
    const psg_process_t *newest = NULL;
    uint32_t i;

    for (i = 0; i < sb->header.processes_used; i++) {
        const psg_process_t *process = &sb->processes[i];

        if (process->state == PSG_PROCESS_READY && process->kind == PSG_KIND_APP
            && (!newest || process->started > newest->started)) {
            newest = process;
        }
    }
    return newest ? newest->pid : 0;
}

int scoreboard_watched(const httpd_t *httpd)
{
    const psg_scoreboard_t *sb = view(httpd);
    uint32_t i;
    int count = 0;

    for (i = 0; i < sb->header.groups_used; i++) {
        count += sb->groups[i].restart_seen != 0;
    }
    return count;
}

uint64_t scoreboard_failures(const httpd_t *httpd)
{
    const psg_scoreboard_t *sb = view(httpd);
    uint64_t failures = 0;
    uint32_t i;

    for (i = 0; i < sb->header.groups_used; i++) {
        failures += sb->groups[i].spawn_failures;
    }
    return failures;
}

static int count_slots(const psg_scoreboard_t *sb, uint32_t state)
{
    uint32_t row, i;
    int count = 0;

    for (row = 0; row < PSG_MAX_CHILDREN; row++) {
        for (i = 0; i < sb->children[row].slots_used; i++) {
            count += sb->slots[row * PSG_SLOTS_PER_CHILD + i].state == state;
        }
    }
    return count;
}

int scoreboard_running_slots(const httpd_t *httpd)
{
    return count_slots(view(httpd), PSG_SLOT_RUNNING);
}

int scoreboard_queued(const httpd_t *httpd)
{
    return count_slots(view(httpd), PSG_SLOT_QUEUED);
}
