/* SPDX-License-Identifier: Apache-2.0 */

/* Programs that say nothing: when they count as started. */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "start_probe.h"

static event_loop_t *loop;
static int ready;   /* how often it was said to be */
static int by_port; /* as it was said */

static void on_ready(void *baton, int by)
{
    (void)baton;
    ready++;
    by_port = by;
}

static void run(uint64_t usec)
{
    uint64_t end = event_loop_now(loop) + usec;

    while (event_loop_now(loop) < end && !ready) {
        event_loop_turn(loop, 10000);
    }
}

static void probe(int listen_fd, int port, int pid)
{
    CHECK_INT(event_loop_create(&loop, test_pool()), APR_SUCCESS);
    start_probe_create(loop, listen_fd, port, pid, on_ready, NULL, test_pool());
}

static int unix_listener(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK_INT(chdir(test_dir()), 0); /* as the core: the path may be long */
    strcpy(address.sun_path, "socket");
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_INT(listen(fd, 5), 0);
    return fd;
}

/* A port of 127.0.0.1, bound but not listening yet. */
static int bound_socket(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, len), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

TEST(probe_sees_who_accepts_at_the_passed_socket)
{
    int fd = unix_listener(), taken;

    probe(fd, 0, getpid());
    run(300000);
    CHECK_INT(ready, 0); /* it listens, but nobody accepts */
    taken = accept(fd, NULL, NULL);
    CHECK(taken >= 0);
    run(2000000);
    CHECK_INT(ready, 1);
    CHECK_INT(by_port, 0);
}

TEST(probe_sees_who_listens_at_the_port)
{
    int port, fd = bound_socket(&port);

    probe(unix_listener(), port, getpid());
    run(300000);
    CHECK_INT(ready, 0);
    CHECK_INT(listen(fd, 5), 0);
    run(2000000);
    CHECK_INT(ready, 1);
    CHECK_INT(by_port, 1);
}

static int count_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

TEST(probe_says_it_once_and_closes_what_it_opened)
{
    int port, fd = bound_socket(&port), before;

    CHECK_INT(listen(fd, 5), 0);
    probe(unix_listener(), port, getpid());
    before = count_descriptors(); /* it opens nothing before its first look */
    run(2000000);
    for (int i = 0; i < 30; i++) {
        event_loop_turn(loop, 10000);
    }
    CHECK_INT(ready, 1);
    CHECK_INT(count_descriptors(), before);
}

/* Another user was quicker to take the port. */
TEST(probe_does_not_trust_another_users_listener)
{
    int port, fd, stop[2];
    char byte;
    pid_t thief;

    if (geteuid() != 0) {
        SKIP("needs root, to be two users");
    }
    fd = bound_socket(&port);
    close(fd);
    CHECK_INT(pipe(stop), 0);
    thief = fork();
    if (thief == 0) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port)};

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (setuid(65534) != 0 || (fd = socket(AF_INET, SOCK_STREAM, 0)) < 0
            || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0
            || listen(fd, 5) != 0) {
            _exit(1);
        }
        (void)!write(stop[1], "x", 1);
        pause();
    }
    CHECK_INT(read(stop[0], &byte, 1), 1);
    probe(unix_listener(), port, getpid());
    run(1000000);
    kill(thief, SIGKILL);
    waitpid(thief, NULL, 0);
    CHECK_INT(ready, 0);
}
