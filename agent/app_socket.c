/* SPDX-License-Identifier: Apache-2.0 */

/* Makes listening sockets that only httpd's user (and a group) can reach.
 * Called by the watchdog: agent.sock at its start, one for each app process. */
#include "app_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "plain_socket.h"

/* httpd's threads wait in the kernel's queue while an app is busy accepting. */
enum {
    BACKLOG = 1024
};

void app_socket_name(char name[APP_SOCKET_NAME_SIZE], uint32_t process,
                     uint32_t generation)
{
    snprintf(name, APP_SOCKET_NAME_SIZE, "apps/%u.%u", process, generation);
}

/* A file of that name was left behind by nobody but us: the folder is ours. */
static int bind_anew(int fd, int dir_fd, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE || unlinkat(dir_fd, name, 0) != 0) {
        return -1;
    }
    return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

/* The mode is narrow from the first moment (it is taken from the socket's),
 * the owner is set before anybody can be answered. */
static int publish(int fd, int dir_fd, const char *name,
                   const socket_access_t *access)
{
    int switched = access->uid != (uid_t)-1;

    if (fchmod(fd, switched ? 0660 : 0600) != 0
        || bind_anew(fd, dir_fd, name) != 0) {
        return -1;
    }
    if (switched
        && fchownat(dir_fd, name, access->uid, access->gid, AT_SYMLINK_NOFOLLOW)
               != 0) {
        return -1;
    }
    /* Not by the socket's mode: the umask would narrow that. */
    if (access->everybody && fchmodat(dir_fd, name, 0666, 0) != 0) {
        return -1;
    }
    return listen(fd, BACKLOG);
}

apr_status_t app_socket_listen(int *fd, int dir_fd, const char *name, int type,
                               const socket_access_t *access)
{
    int code, made = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    if (made < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    psg_plain_socket_make(made);
    if (publish(made, dir_fd, name, access) != 0) {
        code = errno;
        close(made);
        unlinkat(dir_fd, name, 0);
        return APR_FROM_OS_ERROR(code);
    }
    *fd = made;
    return APR_SUCCESS;
}

void app_socket_remove(int dir_fd, const char *name)
{
    unlinkat(dir_fd, name, 0);
}
