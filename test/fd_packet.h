/* SPDX-License-Identifier: Apache-2.0 */

/* Bytes with descriptors attached, over a Unix socket: unix(7), SCM_RIGHTS. */
#ifndef FD_PACKET_H
#define FD_PACKET_H

#include <stddef.h>

enum {
    FD_PACKET_MAX = 253 /* what the kernel takes */
};

/* Sends all of it by `socket` with at most FD_PACKET_MAX descriptors, which stay
 * the caller's. Returns 0, or errno if the system refuses. */
int fd_packet_send(int socket, const char *data, size_t len, const int *fds,
                   int count);

#endif
