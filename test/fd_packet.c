/* SPDX-License-Identifier: Apache-2.0 */

/* Sends descriptors as a peer of ours does, rightly or not; see the header. */
#include "fd_packet.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "test.h"

int fd_packet_send(int socket, const char *data, size_t len, const int *fds,
                   int count)
{
    _Alignas(struct cmsghdr) char
        control[CMSG_SPACE(sizeof(int) * FD_PACKET_MAX)] = {0};
    struct iovec part = {.iov_base = (char *)(uintptr_t)data, .iov_len = len};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    struct cmsghdr *header = (struct cmsghdr *)control;
    size_t size = sizeof(int) * (size_t)count;
    ssize_t n;

    CHECK(count <= FD_PACKET_MAX);
    if (count > 0) {
        packet.msg_control = control;
        packet.msg_controllen = CMSG_SPACE(size);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), fds, size);
    }
    n = sendmsg(socket, &packet, MSG_NOSIGNAL);
    if (n < 0) {
        return errno;
    }
    CHECK_INT(n, len);
    return 0;
}
