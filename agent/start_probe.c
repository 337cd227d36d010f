/* SPDX-License-Identifier: Apache-2.0 */

/* Probes a starting program every few milliseconds until it accepts
 * connections. Called by app_process; never blocks. */
#include "start_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_log.h"
#include "plain_socket.h"
#include "stall_alarm.h"

/* Microseconds between two looks: often at first, since most programs are
 * quick, then less. */
enum {
    FIRST_PAUSE = 20000,
    LAST_PAUSE = 250000
};

struct start_probe_t {
    event_loop_t *loop;
    event_timer_t timer;
    uint64_t pause;
    int listen_fd, port, pid;
    int by_socket; /* our connection to the listening socket, or -1 */
    int by_port;   /* to the port, or -1 */
    int warned;
    start_probe_fn fn;
    void *baton;
};

static void close_one(int *fd)
{
    if (*fd >= 0) {
        stall_alarm_close(*fd);
        *fd = -1;
    }
}

static int can_be_polled(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};

    return poll(&poll_fd, 1, 0) == 1;
}

/* Puts one connection into the backlog of the socket the program was passed. */
static void connect_socket(start_probe_t *probe)
{
    struct sockaddr_un address = {0};
    socklen_t len = sizeof(address);
    int fd;

    if (getsockname(probe->listen_fd, (struct sockaddr *)&address, &len) < 0
        || address.sun_family != AF_UNIX) {
        return;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        psg_plain_socket_make(fd);
    }
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, len) < 0) {
        close_one(&fd);
    }
    probe->by_socket = fd;
}

/* Whether the program took our connection: then the listening socket, which
 * we hold too, has none waiting any more. */
static int socket_was_accepted(start_probe_t *probe)
{
    if (probe->listen_fd < 0) {
        return 0;
    }
    if (probe->by_socket < 0) {
        connect_socket(probe);
        return 0;
    }
    return !can_be_polled(probe->listen_fd, POLLIN);
}

/* Starts connecting to the port; the result is seen at the next look. */
static void connect_port(start_probe_t *probe)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)probe->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0
        && errno != EINPROGRESS) {
        close_one(&fd);
    }
    probe->by_port = fd;
}

static int port_was_accepted(start_probe_t *probe)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (probe->port == 0) {
        return 0;
    }
    if (probe->by_port < 0) {
        connect_port(probe);
    }
    if (probe->by_port < 0 || !can_be_polled(probe->by_port, POLLOUT)) {
        return 0;
    }
    if (getsockopt(probe->by_port, SOL_SOCKET, SO_ERROR, &error, &len) == 0
        && error == 0) {
        return 1;
    }
    close_one(&probe->by_port);
    return 0;
}

enum {
    NOBODY_LISTENS = -1,
    NOT_KNOWN = -2
};

/* The user who listens at the port, from one of the kernel's tables. */
static long listener_uid(const char *table, int port)
{
    FILE *file = fopen(table, "re");
    char line[256];
    long found = file ? NOBODY_LISTENS : NOT_KNOWN;

    while (file && found < 0 && fgets(line, sizeof(line), file)) {
        unsigned local_port, state, uid;

        if (sscanf(line,
                   " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %u",
                   &local_port, &state, &uid)
                == 3
            && local_port == (unsigned)port && state == 10 /* listening */) {
            found = (long)uid;
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return found;
}

/* Ports are first come, first served: another user of this host could have
 * taken this one to read our visitors' requests. Nobody listening means that
 * our own connection got this port by chance and met itself. */
static int listener_is_right(start_probe_t *probe)
{
    char path[64];
    struct stat info;
    long uid = listener_uid("/proc/net/tcp", probe->port);

    if (uid == NOBODY_LISTENS) {
        uid = listener_uid("/proc/net/tcp6", probe->port);
    }
    if (uid == NOBODY_LISTENS) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "/proc/%d", probe->pid);
    if (uid == NOT_KNOWN || stat(path, &info) < 0 || (long)info.st_uid == uid) {
        return 1; /* as far as can be told */
    }
    if (!probe->warned) {
        agent_log(PSG_LOG_WARN,
                  "PSG2040: port %d, meant for process %d of user %ld, is "
                  "used by user %ld; still waiting for the process",
                  probe->port, probe->pid, (long)info.st_uid, uid);
        probe->warned = 1;
    }
    return 0;
}

static void look(void *baton)
{
    start_probe_t *probe = baton;
    int by_port = port_was_accepted(probe);

    if (by_port && !listener_is_right(probe)) {
        close_one(&probe->by_port);
        by_port = 0;
    }
    if (by_port || socket_was_accepted(probe)) {
        start_probe_close(probe);
        probe->fn(probe->baton, by_port);
        return;
    }
    probe->pause += probe->pause / 4;
    if (probe->pause > LAST_PAUSE) {
        probe->pause = LAST_PAUSE;
    }
    event_timer_set(&probe->timer, probe->loop,
                    event_loop_now(probe->loop) + probe->pause, look, probe);
}

start_probe_t *start_probe_create(event_loop_t *loop, int listen_fd, int port,
                                  int pid, start_probe_fn fn, void *baton,
                                  apr_pool_t *pool)
{
    start_probe_t *probe = apr_pcalloc(pool, sizeof(*probe));

    probe->loop = loop;
    probe->listen_fd = listen_fd;
    probe->port = port;
    probe->pid = pid;
    probe->by_socket = probe->by_port = -1;
    probe->pause = FIRST_PAUSE;
    probe->fn = fn;
    probe->baton = baton;
    event_timer_set(&probe->timer, loop, event_loop_now(loop) + FIRST_PAUSE,
                    look, probe);
    return probe;
}

void start_probe_close(start_probe_t *probe)
{
    event_timer_clear(&probe->timer);
    close_one(&probe->by_socket);
    close_one(&probe->by_port);
}
