/* SPDX-License-Identifier: Apache-2.0 */

/* Descriptors that a tenant attaches hold nobody up, even if the kernel cannot
 * refuse them. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd_packet.h"
#include "stall_alarm.h"

/* A socket whose closing lasts 20 s for whoever closes it last: the other end is
 * open and reads nothing. */
static int make_lingering(void)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 20};
    static char bytes[65536];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INT(bind(server, (struct sockaddr *)&address, len), 0);
    CHECK_INT(getsockname(server, (struct sockaddr *)&address, &len), 0);
    CHECK_INT(listen(server, 1), 0);
    CHECK_INT(connect(client, (struct sockaddr *)&address, len), 0);
    CHECK(accept(server, NULL, NULL) >= 0);
    while (send(client, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
    }
    CHECK_INT(
        setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    return client;
}

/* Sends it by fd and keeps no copy. */
static void give_away(int fd, int descriptor)
{
    CHECK_INT(fd_packet_send(fd, "x", 1, &descriptor, 1), 0);
    close(descriptor);
}

TEST(descriptor_that_is_not_taken_holds_nobody_up)
{
    double start = test_now();
    char byte;
    int pair[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    give_away(pair[1], make_lingering());
    stall_alarm_set();
    CHECK_INT(recv(pair[0], &byte, 1, MSG_DONTWAIT), 1);
    stall_alarm_clear();
    CHECK(test_now() - start < 5);
}

TEST(descriptors_that_were_not_read_hold_nobody_up)
{
    double start = test_now();
    int pair[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    give_away(pair[1], make_lingering());
    give_away(pair[1], make_lingering());
    stall_alarm_close(pair[0]);
    CHECK(test_now() - start < 5);
}
