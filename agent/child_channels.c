/* SPDX-License-Identifier: Apache-2.0 */

/* Opens the channels of a process that is about to be made, and closes them if
 * it is not. Called by the watchdog for each SPAWN. */
#include "child_channels.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plain_socket.h"
#include "stall_alarm.h"

static void close_one(int *fd)
{
    if (*fd >= 0) {
        stall_alarm_close(*fd);
    }
    *fd = -1;
}

static apr_status_t open_listening(child_channels_t *channels, watchdog_t *dog,
                                   uint32_t process, uint32_t generation)
{
    char name[APP_SOCKET_NAME_SIZE];

    app_socket_name(name, process, generation);
    return app_socket_listen(&channels->listening, dog->dir.fd, name,
                             SOCK_STREAM, &dog->app_access);
}

/* The core's ends do not block: it is one thread for all apps. */
apr_status_t child_channels_open(child_channels_t *channels, watchdog_t *dog,
                                 uint32_t process, uint32_t generation,
                                 uint32_t kind)
{
    /* An app says lines, a watcher messages. */
    int type = kind == PSG_KIND_WATCHER ? SOCK_SEQPACKET : SOCK_STREAM;

    *channels = (child_channels_t){{-1, -1}, {-1, -1}, -1};
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, channels->control) != 0
        || pipe2(channels->output, O_CLOEXEC) != 0
        || fcntl(channels->control[0], F_SETFL, O_NONBLOCK) != 0
        || fcntl(channels->output[0], F_SETFL, O_NONBLOCK) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    psg_plain_socket_make(channels->control[0]);
    if (kind == PSG_KIND_APP) {
        return open_listening(channels, dog, process, generation);
    }
    channels->listening = open("/dev/null", O_RDWR | O_CLOEXEC);
    return channels->listening < 0 ? APR_FROM_OS_ERROR(errno) : APR_SUCCESS;
}

void child_channels_keep(child_channels_t *channels, app_child_t *child)
{
    child->fds[CHILD_CONTROL] = channels->control[0];
    child->fds[CHILD_OUTPUT] = channels->output[0];
    child->fds[CHILD_LISTENING] = channels->listening;
    channels->control[0] = channels->output[0] = channels->listening = -1;
}

void child_channels_close_theirs(child_channels_t *channels)
{
    close_one(&channels->control[1]);
    close_one(&channels->output[1]);
}

void child_channels_undo(child_channels_t *channels, watchdog_t *dog,
                         uint32_t process, uint32_t generation)
{
    char name[APP_SOCKET_NAME_SIZE];

    child_channels_close_theirs(channels);
    close_one(&channels->control[0]);
    close_one(&channels->output[0]);
    close_one(&channels->listening);
    app_socket_name(name, process, generation);
    app_socket_remove(dog->dir.fd, name);
}
