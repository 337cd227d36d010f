/* SPDX-License-Identifier: Apache-2.0 */

/* Opens connections to app processes and shelves idle ones, without locks: a
 * shelf per process entry, a word per connection. Called by app_exchange.c. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app_connection.h"
#include "plain_socket.h"

enum {
    SHELF_WORDS = 32,
    /* A process that does one thing at a time needs no more, even if several
     * requests end at the same moment. */
    SHELF_WORDS_SINGLE = 4,
    SWEEP_USEC = 1000000,
    /* Of this child's descriptors one in so many may be an idle connection:
     * httpd needs them for visitors, and there may be thousands of apps. */
    KEPT_SHARE = 4,
    /* How long connect() may wait for a place in the app's backlog. */
    CONNECT_SECONDS = 5,
};

/* Words are 0 or generation << 32 | descriptor + 1. The memory is zero and not
 * there until it is used. */
typedef struct {
    uint64_t words[SHELF_WORDS];
} shelf_t;

static shelf_t *shelves;      /* PSG_MAX_PROCESSES of them */
static uint32_t shelves_used; /* those at or above this are empty */
static uint64_t next_sweep;
static uint32_t kept;        /* connections on all shelves */
static uint32_t next_victim; /* the shelf to make room on */

static uint64_t make_word(uint32_t generation, int fd)
{
    return (uint64_t)generation << 32 | (uint32_t)(fd + 1);
}

static uint32_t word_generation(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static int word_fd(uint64_t word)
{
    return (int)(uint32_t)word - 1;
}

/* Takes what is at `place`, for the caller to close; 0 if nothing is. */
static uint64_t take_word(uint64_t *place)
{
    uint64_t word = __atomic_load_n(place, __ATOMIC_RELAXED);

    if (word != 0) {
        word = __atomic_exchange_n(place, 0, __ATOMIC_ACQUIRE);
    }
    if (word != 0) {
        __atomic_sub_fetch(&kept, 1, __ATOMIC_RELAXED);
    }
    return word;
}

/* The shelves, made by whoever comes first; NULL without memory. */
static shelf_t *find_shelves(void)
{
    shelf_t *found = __atomic_load_n(&shelves, __ATOMIC_ACQUIRE);
    shelf_t *made;

    if (found) {
        return found;
    }
    made =
        mmap(NULL, sizeof(shelf_t) * PSG_MAX_PROCESSES, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED) {
        return NULL;
    }
    if (!__atomic_compare_exchange_n(&shelves, &found, made, 0,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        munmap(made, sizeof(shelf_t) * PSG_MAX_PROCESSES);
        return found;
    }
    return made;
}

/* An app that may close idle connections at will has perhaps done so. One that
 * frames its answers itself has perhaps sent more than it announced, which must
 * not become the answer to the next request; our loaders for the session format
 * never do. */
static int is_quiet(int fd, const psg_process_t *process)
{
    char byte;

    if (process->keep_alive && process->format == PSG_FORMAT_SESSION) {
        return 1;
    }
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0
           && (errno == EAGAIN || errno == EWOULDBLOCK);
}

int psg_app_connection_take(psg_app_connection_t *connection, uint32_t index,
                            uint32_t generation, const psg_process_t *process)
{
    shelf_t *all = find_shelves();

    for (int i = 0; all && i < SHELF_WORDS; i++) {
        uint64_t word = take_word(&all[index].words[i]);

        if (word == 0) {
            continue;
        }
        connection->fd = word_fd(word);
        if (word_generation(word) == generation
            && is_quiet(connection->fd, process)) {
            connection->process = index;
            connection->generation = generation;
            connection->reused = 1;
            return 1;
        }
        close(connection->fd);
    }
    return 0;
}

/* Closes one idle connection, of each process in turn; 0 if there is none. */
static int close_one(shelf_t *all)
{
    uint32_t used = __atomic_load_n(&shelves_used, __ATOMIC_ACQUIRE);
    uint32_t first = __atomic_fetch_add(&next_victim, 1, __ATOMIC_RELAXED);

    for (uint32_t i = 0; i < used; i++) {
        for (int j = 0; j < SHELF_WORDS; j++) {
            uint64_t word = take_word(&all[(first + i) % used].words[j]);

            if (word != 0) {
                close(word_fd(word));
                return 1;
            }
        }
    }
    return 0;
}

/* How many descriptors this child may have; asked once. */
static int files_max(void)
{
    static int max;
    int known = __atomic_load_n(&max, __ATOMIC_RELAXED);
    struct rlimit files;

    if (known == 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        known = files.rlim_cur < INT_MAX ? (int)files.rlim_cur : INT_MAX;
        __atomic_store_n(&max, known, __ATOMIC_RELAXED);
    }
    return known;
}

/* A socket; if no descriptor is left, in place of an idle connection. The kernel
 * gives the lowest free number: a high one says that few are left, and then an
 * idle connection goes before httpd finds none for a visitor or a file. */
static int make_socket(int family)
{
    shelf_t *all = find_shelves();
    int fd;

    do {
        fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    } while (fd < 0 && errno == EMFILE && all && close_one(all));
    if (all && fd >= files_max() - files_max() / KEPT_SHARE) {
        close_one(all);
    }
    return fd;
}

static int connect_unix(int fd, uint32_t index, uint32_t generation)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n =
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/apps/%u.%u",
                 psg_child->instance_dir, index, generation);

    if (n < 0 || (size_t)n >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    psg_plain_socket_make(fd);
    return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static int connect_port(int fd, uint32_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

/* Whether the place we connected to may belong to somebody else by now: a port
 * is anybody's as soon as the program that had it is dead, which the core may
 * not have noticed yet. */
static int is_somebody_elses(uint32_t index, uint32_t generation,
                             const psg_process_t *process)
{
    if (process->port && process->pid > 0 && kill(process->pid, 0) != 0
        && errno == ESRCH) {
        return 1;
    }
    return __atomic_load_n(&psg_child->sb->processes[index].generation,
                           __ATOMIC_ACQUIRE)
           != generation;
}

apr_status_t psg_app_connection_open(psg_app_connection_t *connection,
                                     uint32_t index, uint32_t generation,
                                     const psg_process_t *process)
{
    struct timeval second = {.tv_sec = 1};
    struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    int fd = make_socket(process->port ? AF_INET : AF_UNIX);
    int failed;

    if (fd < 0) {
        return errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    failed = process->port ? connect_port(fd, process->port)
                           : connect_unix(fd, index, generation);
    if (failed) {
        apr_status_t status = errno;

        close(fd);
        return status;
    }
    if (is_somebody_elses(index, generation, process)) {
        close(fd);
        return ECONNREFUSED;
    }
    connection->fd = fd;
    connection->process = index;
    connection->generation = generation;
    connection->reused = 0;
    return APR_SUCCESS;
}

/* Raises shelves_used before anything is put there, for the sweep. */
static void mark_used(uint32_t index)
{
    uint32_t used = __atomic_load_n(&shelves_used, __ATOMIC_RELAXED);

    while (used <= index
           && !__atomic_compare_exchange_n(&shelves_used, &used, index + 1, 0,
                                           __ATOMIC_RELEASE,
                                           __ATOMIC_RELAXED)) {
    }
}

/* Returns 0 if the shelf is full. */
static int put_word(shelf_t *shelf, int limit, uint64_t word)
{
    for (int i = 0; i < limit; i++) {
        uint64_t empty = 0;

        if (__atomic_load_n(&shelf->words[i], __ATOMIC_RELAXED) == 0
            && __atomic_compare_exchange_n(&shelf->words[i], &empty, word, 0,
                                           __ATOMIC_RELEASE,
                                           __ATOMIC_RELAXED)) {
            return 1;
        }
    }
    return 0;
}

void psg_app_connection_keep(psg_app_connection_t *connection)
{
    shelf_t *all = find_shelves();
    uint64_t word = make_word(connection->generation, connection->fd);
    uint32_t concurrency =
        psg_child->sb->processes[connection->process].concurrency;
    int limit = concurrency == 1 ? SHELF_WORDS_SINGLE : SHELF_WORDS;

    if (!all) {
        psg_app_connection_close(connection);
        return;
    }
    mark_used(connection->process);
    /* Counted first: whoever takes it counts it down. */
    if (__atomic_add_fetch(&kept, 1, __ATOMIC_RELAXED)
        > (uint32_t)files_max() / KEPT_SHARE) {
        close_one(all);
    }
    if (put_word(&all[connection->process], limit, word)) {
        connection->fd = -1;
        return;
    }
    __atomic_sub_fetch(&kept, 1, __ATOMIC_RELAXED);
    psg_app_connection_close(connection);
}

void psg_app_connection_close(psg_app_connection_t *connection)
{
    close(connection->fd);
    connection->fd = -1;
}

static int serves(const psg_process_t *process, uint32_t generation)
{
    uint32_t state = __atomic_load_n(&process->state, __ATOMIC_RELAXED);

    return __atomic_load_n(&process->generation, __ATOMIC_RELAXED) == generation
           && (state == PSG_PROCESS_READY || state == PSG_PROCESS_DRAINING);
}

static void sweep_shelf(shelf_t *shelf, const psg_process_t *process)
{
    for (int i = 0; i < SHELF_WORDS; i++) {
        uint64_t word = __atomic_load_n(&shelf->words[i], __ATOMIC_RELAXED);

        if (word != 0 && !serves(process, word_generation(word))
            && __atomic_compare_exchange_n(&shelf->words[i], &word, 0, 0,
                                           __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED)) {
            __atomic_sub_fetch(&kept, 1, __ATOMIC_RELAXED);
            close(word_fd(word));
        }
    }
}

void psg_app_connection_sweep(void)
{
    uint64_t now = psg_now();
    uint64_t due = __atomic_load_n(&next_sweep, __ATOMIC_RELAXED);
    shelf_t *all = __atomic_load_n(&shelves, __ATOMIC_ACQUIRE);
    uint32_t used;

    if (now < due || !all
        || !__atomic_compare_exchange_n(&next_sweep, &due, now + SWEEP_USEC, 0,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        return;
    }
    used = __atomic_load_n(&shelves_used, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < used; i++) {
        sweep_shelf(&all[i], &psg_child->sb->processes[i]);
    }
}
