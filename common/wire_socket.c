/* SPDX-License-Identifier: Apache-2.0 */

/* One message as one packet of a SOCK_SEQPACKET socket, with descriptors beside
 * it. Called by the module and by both roles of the agent. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scoreboard.h" /* psg_now */
#include "wire.h"

enum {
    /* Most messages; larger ones take memory from the heap, since httpd's
     * threads may have small stacks. */
    SMALL_FRAME = 4096,
    /* One more than we take, so that a surplus is seen, and the sender's
     * credentials, should somebody have switched those on. */
    CONTROL_SIZE =
        CMSG_SPACE(sizeof(int) * (PSG_FRAME_MAX_FDS + 1)) + CMSG_SPACE(64),
};

static void attach_fds(struct msghdr *packet, const int *fds, int fd_count)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(packet);
    size_t len = sizeof(int) * (size_t)fd_count;

    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(control), fds, len);
    packet->msg_controllen = CMSG_SPACE(len);
}

/* Waits until fd takes more, until `end` at the latest. */
static apr_status_t wait_writable(int fd, uint64_t end)
{
    struct pollfd poller = {.fd = fd, .events = POLLOUT};
    uint64_t now = psg_now();
    int ready;

    if (now >= end) {
        return APR_TIMEUP;
    }
    ready = poll(&poller, 1, (int)((end - now + 999) / 1000));
    if (ready < 0 && errno != EINTR) {
        return errno;
    }
    return ready == 0 ? APR_TIMEUP : APR_SUCCESS;
}

/* MSG_NOSIGNAL: a peer that went away is an error here, not a SIGPIPE. */
static apr_status_t packet_send(int fd, const struct msghdr *packet,
                                int timeout_ms)
{
    uint64_t end = psg_now() + (uint64_t)timeout_ms * 1000;

    for (;;) {
        apr_status_t rv;

        if (sendmsg(fd, packet, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            return APR_SUCCESS;
        }
        if (errno == EINTR) {
            continue;
        }
        if ((errno != EAGAIN && errno != EWOULDBLOCK) || timeout_ms <= 0) {
            return errno == EWOULDBLOCK ? APR_EAGAIN : errno;
        }
        rv = wait_writable(fd, end);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
}

apr_status_t psg_wire_send(int fd, const psg_message_t *msg, const int *fds,
                           int fd_count, int timeout_ms)
{
    _Alignas(struct cmsghdr) char control[CONTROL_SIZE] = {0};
    char small[SMALL_FRAME];
    char *large = NULL;
    struct iovec frame = {.iov_base = small};
    struct msghdr packet = {.msg_iov = &frame, .msg_iovlen = 1};
    apr_status_t rv;

    if (fd_count < 0 || fd_count > PSG_FRAME_MAX_FDS) {
        return APR_EINVAL;
    }
    frame.iov_len = psg_wire_encode(msg, small, sizeof(small));
    if (frame.iov_len == 0) {
        large = malloc(PSG_FRAME_MAX);
        if (!large) {
            return APR_ENOMEM;
        }
        frame.iov_base = large;
        frame.iov_len = psg_wire_encode(msg, large, PSG_FRAME_MAX);
    }
    if (fds != NULL && fd_count > 0) {
        packet.msg_control = control;
        packet.msg_controllen = sizeof(control);
        attach_fds(&packet, fds, fd_count);
    }
    rv = frame.iov_len == 0 ? APR_ENOSPC : packet_send(fd, &packet, timeout_ms);
    free(large);
    return rv;
}

/* Copies the descriptors that came along to fds and closes those for which
 * there is no room. Returns how many came. */
static int take_fds(struct msghdr *packet, int *fds)
{
    struct cmsghdr *control;
    int count = 0;

    for (control = CMSG_FIRSTHDR(packet); control;
         control = CMSG_NXTHDR(packet, control)) {
        const unsigned char *data = CMSG_DATA(control);
        size_t left = control->cmsg_len - CMSG_LEN(0);

        if (control->cmsg_level != SOL_SOCKET
            || control->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (; left >= sizeof(int); left -= sizeof(int), data += sizeof(int)) {
            int fd;

            memcpy(&fd, data, sizeof(fd));
            if (count < PSG_FRAME_MAX_FDS) {
                fds[count] = fd;
            }
            else {
                close(fd);
            }
            count++;
        }
    }
    return count;
}

static void close_fds(const int *fds, int count)
{
    int i;

    for (i = 0; i < count && i < PSG_FRAME_MAX_FDS; i++) {
        close(fds[i]);
    }
}

/* A peer that closed with bytes of ours unread is as gone as any other. */
static apr_status_t recv_error(int error)
{
    switch (error) {
    case EWOULDBLOCK:
        return APR_EAGAIN;
    case ECONNRESET:
    case EPIPE:
        return APR_EOF;
    default:
        return error;
    }
}

static apr_status_t take_packet(int fd, int flags, psg_message_t *msg,
                                char *buf, int *fds, int *fd_count)
{
    _Alignas(struct cmsghdr) char control[CONTROL_SIZE];
    struct iovec frame = {.iov_base = buf, .iov_len = PSG_FRAME_MAX};
    struct msghdr packet = {.msg_iov = &frame, .msg_iovlen = 1};
    size_t used = 0;
    ssize_t len;
    int count, wanted = fds != NULL, none[PSG_FRAME_MAX_FDS], none_count = 0;

    fds = wanted ? fds : none;
    fd_count = wanted ? fd_count : &none_count;
    *fd_count = 0;
    do {
        packet.msg_control = wanted ? control : NULL;
        packet.msg_controllen = wanted ? sizeof(control) : 0;
        len = recvmsg(fd, &packet, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        return recv_error(errno);
    }
    count = take_fds(&packet, fds);
    if (len == 0) {
        close_fds(fds, count);
        return APR_EOF;
    }
    if ((packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0
        || count > PSG_FRAME_MAX_FDS
        || psg_wire_decode(msg, &used, buf, (size_t)len) != APR_SUCCESS
        || used != (size_t)len) {
        close_fds(fds, count);
        return APR_EINVAL;
    }
    *fd_count = count;
    return APR_SUCCESS;
}

apr_status_t psg_wire_recv(int fd, psg_message_t *msg, char *buf, int *fds,
                           int *fd_count)
{
    return take_packet(fd, 0, msg, buf, fds, fd_count);
}

apr_status_t psg_wire_peek(int fd, psg_message_t *msg, char *buf, int *fds,
                           int *fd_count)
{
    return take_packet(fd, MSG_PEEK, msg, buf, fds, fd_count);
}
