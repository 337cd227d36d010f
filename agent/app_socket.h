/* SPDX-License-Identifier: Apache-2.0 */

/* The listening sockets of the agent and of the app processes, made by the
 * watchdog so that no path is ever taken from an app. Names are relative to
 * the instance dir, which is the working directory. */
#ifndef APP_SOCKET_H
#define APP_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <apr_errno.h>

enum {
    APP_SOCKET_NAME_SIZE = 32
};

/* Who may connect: the owner and one group; -1, -1 if not root: only we. Or
 * everybody who can reach the folder. */
typedef struct {
    uid_t uid;
    gid_t gid;
    int everybody;
} socket_access_t;

/* "apps/INDEX.GENERATION" */
void app_socket_name(char name[APP_SOCKET_NAME_SIZE], uint32_t process,
                     uint32_t generation);

/* Makes a listening socket (close-on-exec, blocking) called name in folder
 * dir_fd, the working directory; type is SOCK_STREAM or SOCK_SEQPACKET. */
apr_status_t app_socket_listen(int *fd, int dir_fd, const char *name, int type,
                               const socket_access_t *access);

void app_socket_remove(int dir_fd, const char *name);

#endif
