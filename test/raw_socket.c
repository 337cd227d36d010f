/* SPDX-License-Identifier: Apache-2.0 */

/* See raw_socket.h. Tests of the request and response path call it. */
#include "raw_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_strings.h>

#include "test.h"

enum {
    RAW_SECONDS = 10
};

static int connect_to(int port, int receive_buffer)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    if (receive_buffer) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
                   sizeof(receive_buffer));
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        FAIL("cannot connect to 127.0.0.1:%d: %s", port, strerror(errno));
    }
    return fd;
}

int raw_connect(int port)
{
    return connect_to(port, 0);
}

int raw_connect_slow(int port)
{
    return connect_to(port, 4096);
}

size_t raw_send_bytes(int fd, const char *data, size_t len, int seconds)
{
    double end = test_now() + seconds * test_deadline_factor();
    size_t sent = 0;

    while (sent < len && test_now() < end) {
        struct pollfd can_send = {.fd = fd, .events = POLLOUT};
        ssize_t rc;

        if (poll(&can_send, 1, 100) <= 0) {
            continue;
        }
        rc = send(fd, data + sent, len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (rc < 0 && errno != EAGAIN && errno != EINTR) {
            break;
        }
        sent += rc > 0 ? (size_t)rc : 0;
    }
    return sent;
}

void raw_send(int fd, const char *text)
{
    size_t len = strlen(text);

    CHECK_INT(raw_send_bytes(fd, text, len, RAW_SECONDS), len);
}

size_t raw_read(int fd, char *buf, size_t len)
{
    struct pollfd can_read = {.fd = fd, .events = POLLIN};
    ssize_t got;

    if (poll(&can_read, 1, (int)(RAW_SECONDS * 1000 * test_deadline_factor()))
        <= 0) {
        FAIL("nothing to read after %d s", RAW_SECONDS);
    }
    got = recv(fd, buf, len, 0);
    return got > 0 ? (size_t)got : 0;
}

const char *raw_read_until(int fd, const char *text)
{
    double end = test_now() + RAW_SECONDS * test_deadline_factor();
    size_t len = 0, size = 4096;
    char *buf = apr_palloc(test_pool(), size);

    buf[0] = 0;
    while (test_now() < end && !(text && strstr(buf, text))) {
        struct pollfd can_read = {.fd = fd, .events = POLLIN};
        ssize_t got;

        if (poll(&can_read, 1, 100) <= 0) {
            continue;
        }
        got = recv(fd, buf + len, size - len - 1, 0);
        if (got <= 0) {
            return buf;
        }
        len += (size_t)got;
        buf[len] = 0;
        if (size - len < 2) {
            char *larger = apr_palloc(test_pool(), size * 2);

            memcpy(larger, buf, len + 1);
            buf = larger;
            size *= 2;
        }
    }
    if (test_now() >= end) {
        FAIL("'%s' did not come; what came is \"%.2000s\"",
             text ? text : "end of stream", buf);
    }
    return buf;
}
