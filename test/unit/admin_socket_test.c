/* SPDX-License-Identifier: Apache-2.0 */

/* The admin socket of a core whose clock is the test's: peers that are slow. */
#include "admin_socket.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_core.h"
#include "test.h"

static fake_core_t *fake;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void serve(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    fake = fake_core(6, 0);
    strncpy(address.sun_path, test_format("%s/admin.sock", test_dir()),
            sizeof(address.sun_path) - 1);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(listen(fd, 16) == 0);
    CHECK_INT(dup2(fd, CORE_FD_ADMIN), CORE_FD_ADMIN);
    admin_socket_create(&fake->core);
}

static void turn(void)
{
    for (int i = 0; i < 4; i++) {
        CHECK_INT(event_loop_turn(fake->core.loop, 0), APR_SUCCESS);
    }
}

static int connect_to_core(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    turn();
    return fd;
}

static int has_ended(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

TEST(silent_peer_is_dropped_after_ten_seconds)
{
    int fd;

    serve();
    fd = connect_to_core();
    fake_pass(fake, 9.5);
    turn();
    CHECK(!has_ended(fd));
    fake_pass(fake, 1);
    CHECK(has_ended(fd));
}

/* A byte now and then is not a line. */
TEST(dripping_peer_is_dropped_after_ten_seconds)
{
    int fd;

    serve();
    fd = connect_to_core();
    for (int i = 0; i < 11; i++) {
        (void)send(fd, "{", 1, MSG_NOSIGNAL);
        turn();
        fake_pass(fake, 1);
    }
    CHECK(has_ended(fd) || send(fd, "{", 1, MSG_NOSIGNAL) < 0);
}

/* Answers to who does not read are bounded: no line is read before the answer
 * to the one before is gone. */
TEST(peer_that_does_not_read_is_dropped)
{
    static const char line[] = "{\"command\":\"status\"}\n";
    int fd;

    serve();
    fd = connect_to_core();
    for (int i = 0; i < 1000; i++) {
        while (send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT)
               > 0) {
        }
        turn();
        fake_pass(fake, 0.05);
    }
    fake_pass(fake, 10.5);
    CHECK(send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL) < 0);
}

/* Lines that come all at once are answered one after the other, with pauses. */
TEST(peer_with_many_lines_waits)
{
    static const char lines[] = "{\"command\":\"status\"}\n"
                                "{\"command\":\"status\"}\n"
                                "{\"command\":\"status\"}\n";
    char answers[4096];
    ssize_t first;
    int fd;

    serve();
    fd = connect_to_core();
    CHECK(send(fd, lines, sizeof(lines) - 1, MSG_NOSIGNAL) > 0);
    turn();
    first = recv(fd, answers, sizeof(answers), MSG_DONTWAIT);
    CHECK(first > 0);
    turn();
    CHECK(recv(fd, answers, sizeof(answers), MSG_DONTWAIT) < 0);
    fake_pass(fake, 0.06);
    turn();
    CHECK_INT(recv(fd, answers, sizeof(answers), MSG_DONTWAIT), first);
    fake_pass(fake, 0.06);
    turn();
    CHECK_INT(recv(fd, answers, sizeof(answers), MSG_DONTWAIT), first);
}
