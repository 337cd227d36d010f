/* SPDX-License-Identifier: Apache-2.0 */

/* What a tenant may send to the agent that is not bytes. */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd_packet.h"
#include "plain_socket.h"

static int ours, theirs;

static void open_pair(void)
{
    int pair[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ours = pair[0];
    theirs = pair[1];
    psg_plain_socket_make(ours);
}

TEST(descriptors_are_refused)
{
    int error;

    open_pair();
    error = fd_packet_send(theirs, "x", 1, &theirs, 1);
    if (error == 0) {
        SKIP("this kernel cannot refuse descriptors (Linux 6.16 can)");
    }
    CHECK_INT(error, EPERM);
    CHECK_INT(send(theirs, "x", 1, 0), 1);
}

/* What poll() reports can be read, or the loop would spin. */
TEST(out_of_band_bytes_are_bytes)
{
    struct pollfd poller;
    char byte = 0;

    open_pair();
    if (send(theirs, "x", 1, MSG_OOB) != 1) {
        SKIP("this kernel has no out-of-band bytes in Unix sockets");
    }
    poller = (struct pollfd){.fd = ours, .events = POLLIN};
    CHECK_INT(poll(&poller, 1, 0), 1);
    CHECK_INT(recv(ours, &byte, 1, MSG_PEEK | MSG_DONTWAIT), 1);
    CHECK_INT(recv(ours, &byte, 1, MSG_DONTWAIT), 1);
    CHECK_INT(byte, 'x');
    CHECK_INT(poll(&poller, 1, 0), 0);
}
