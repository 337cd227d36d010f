/* SPDX-License-Identifier: Apache-2.0 */

/* Makes and maps the shared memory that scoreboard.h describes. httpd's parent
 * creates it, httpd's children and the core attach it. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "scoreboard.h"

enum {
    /* A file that may shrink could kill whoever maps it with SIGBUS. */
    NEEDED_SEALS = F_SEAL_SHRINK | F_SEAL_GROW,
};

_Static_assert(offsetof(psg_scoreboard_t, processes) % 64 == 0,
               "a process is one cache line");
_Static_assert(offsetof(psg_scoreboard_t, slots) % 64 == 0,
               "a slot begins a cache line");

uint64_t psg_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Gives the empty memfd its size, its header and its seals. The header is
 * written, not mapped: httpd's parent never maps the scoreboard. */
static apr_status_t memfd_fill(int fd)
{
    const psg_sb_header_t header = {
        .magic = PSG_SB_MAGIC,
        .version = PSG_SB_VERSION,
        .size = sizeof(psg_scoreboard_t),
    };
    ssize_t written;

    if (ftruncate(fd, sizeof(psg_scoreboard_t)) != 0) {
        return errno;
    }
    written = pwrite(fd, &header, sizeof(header), 0);
    if (written != (ssize_t)sizeof(header)) {
        return written < 0 ? errno : APR_ENOSPC;
    }
    if (fcntl(fd, F_ADD_SEALS, NEEDED_SEALS | F_SEAL_SEAL) != 0) {
        return errno;
    }
    return APR_SUCCESS;
}

apr_status_t psg_scoreboard_create(int *fd)
{
    apr_status_t rv;
    int memfd =
        memfd_create("passenger-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (memfd < 0) {
        return errno;
    }
    rv = memfd_fill(memfd);
    if (rv != APR_SUCCESS) {
        close(memfd);
        return rv;
    }
    *fd = memfd;
    return APR_SUCCESS;
}

apr_status_t psg_scoreboard_attach(psg_scoreboard_t **sb, int fd)
{
    const psg_sb_header_t *header;
    struct stat st;
    void *map;
    int seals = fcntl(fd, F_GET_SEALS);

    if (fstat(fd, &st) != 0) {
        return errno;
    }
    if (seals < 0 || (seals & NEEDED_SEALS) != NEEDED_SEALS
        || st.st_size != (off_t)sizeof(psg_scoreboard_t)) {
        return APR_EGENERAL;
    }
    map = mmap(NULL, sizeof(psg_scoreboard_t), PROT_READ | PROT_WRITE,
               MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return errno;
    }
    header = map;
    if (header->magic != PSG_SB_MAGIC || header->version != PSG_SB_VERSION
        || header->size != sizeof(psg_scoreboard_t)) {
        munmap(map, sizeof(psg_scoreboard_t));
        return APR_EGENERAL;
    }
    *sb = map;
    return APR_SUCCESS;
}

void psg_scoreboard_detach(psg_scoreboard_t *sb)
{
    munmap(sb, sizeof(psg_scoreboard_t));
}
