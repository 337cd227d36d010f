/* SPDX-License-Identifier: Apache-2.0 */

/* The control channel: what an app may say, and what it gets for all else. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd_packet.h"
#include "handshake.h"

#define READY_LINE                                                   \
    "{\"event\":\"ready\",\"format\":\"session\",\"concurrency\":1," \
    "\"keep_alive\":true}\n"
#define FAILED_LINE                                                   \
    "{\"event\":\"failed\",\"step\":\"load\",\"summary\":\"no gem\"," \
    "\"details\":\"trace\"}\n"

/* What was heard, one letter an event: R F G E. */
static char heard[64];
static handshake_event_t last;
static event_loop_t *loop;
static handshake_t *handshake;
static int app; /* the app's end */

static void on_event(void *baton, const handshake_event_t *event)
{
    size_t len = strlen(heard);

    (void)baton;
    CHECK(len + 1 < sizeof(heard));
    heard[len] = "RFGEPO"[event->kind];
    last = *event;
}

static void open_channel(void)
{
    int fds[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    app = fds[1];
    CHECK_INT(event_loop_create(&loop, test_pool()), APR_SUCCESS);
    CHECK_INT(
        handshake_create(&handshake, loop, fds[0], on_event, NULL, test_pool()),
        APR_SUCCESS);
}

static void say_bytes(const char *text, size_t len)
{
    CHECK_INT(write(app, text, len), len);
    event_loop_turn(loop, 0);
}

static uint64_t now;

static uint64_t test_clock(void)
{
    return now;
}

static void say(const char *text)
{
    say_bytes(text, strlen(text));
}

TEST(handshake_hears_ready)
{
    open_channel();
    say(READY_LINE);
    CHECK_STR(heard, "R");
    CHECK_INT(last.format, PSG_FORMAT_SESSION);
    CHECK_INT(last.concurrency, 1);
    CHECK_INT(last.keep_alive, 1);
}

TEST(handshake_hears_failed)
{
    open_channel();
    say(FAILED_LINE);
    CHECK_STR(heard, "F");
    CHECK_STR(last.step, "load");
    CHECK_STR(last.summary, "no gem");
    CHECK_STR(last.details, "trace");
}

/* An app may be ready before the core looks for the first time. */
TEST(handshake_hears_what_was_said_early)
{
    int fds[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK_INT(write(fds[1], READY_LINE, sizeof(READY_LINE) - 1),
              sizeof(READY_LINE) - 1);
    close(fds[1]);
    CHECK_INT(event_loop_create(&loop, test_pool()), APR_SUCCESS);
    CHECK_INT(
        handshake_create(&handshake, loop, fds[0], on_event, NULL, test_pool()),
        APR_SUCCESS);
    handshake_read(handshake);
    CHECK_STR(heard, "RE");
}

/* Without a limit a tenant has the core for himself. */
TEST(handshake_takes_its_time_for_a_chatterer)
{
    open_channel();
    now = psg_now();
    event_loop_set_clock(loop, test_clock);
    for (int i = 0; i < 50; i++) {
        memset(heard, 0, sizeof(heard));
        say(READY_LINE READY_LINE READY_LINE READY_LINE READY_LINE READY_LINE);
    }
    CHECK_STR(heard, "");
    now += 1000000;
    event_loop_turn(loop, 0); /* the pause ends */
    event_loop_turn(loop, 0);
    CHECK_CONTAINS(heard, "RRRRRR");
}

/* Where the kernel lets them through: see plain_socket.h. */
TEST(handshake_takes_descriptors_for_garbage)
{
    open_channel();
    CHECK_INT(fd_packet_send(app, "{", 1, &app, 1), 0);
    event_loop_turn(loop, 0);
    CHECK_STR(heard, "G");
    CHECK_CONTAINS(last.summary, "descriptors");
}

TEST(handshake_hears_twice)
{
    open_channel();
    say(READY_LINE READY_LINE FAILED_LINE);
    CHECK_STR(heard, "RRF");
}

TEST(handshake_puts_lines_together)
{
    open_channel();
    for (size_t i = 0; i + 1 < sizeof(READY_LINE); i++) {
        CHECK_STR(heard, "");
        say_bytes(&READY_LINE[i], 1);
    }
    CHECK_STR(heard, "R");
    say("{\"event\":\"ready\",");
    say("\"format\":\"http\",\"concurrency\":0}\n" FAILED_LINE);
    CHECK_STR(heard, "RRF");
}

TEST(handshake_says_nothing_of_silence)
{
    open_channel();
    for (int i = 0; i < 3; i++) {
        event_loop_turn(loop, 1000);
    }
    CHECK_STR(heard, "");
    close(app);
    event_loop_turn(loop, 1000);
    CHECK_STR(heard, "E");
}

/* A line stays in the socket until it was dealt with: a core that is killed
 * meanwhile leaves it to the next one. */
TEST(handshake_leaves_lines_to_the_next_core)
{
    int fds[2];
    char byte;

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    app = fds[1];
    CHECK_INT(event_loop_create(&loop, test_pool()), APR_SUCCESS);
    CHECK_INT(write(app, READY_LINE, sizeof(READY_LINE) - 1),
              sizeof(READY_LINE) - 1);
    CHECK_INT(recv(fds[0], &byte, 1, MSG_PEEK), 1);
    CHECK_INT(
        handshake_create(&handshake, loop, fds[0], on_event, NULL, test_pool()),
        APR_SUCCESS);
    event_loop_turn(loop, 1000);
    CHECK_STR(heard, "R");
    CHECK_INT(recv(fds[0], &byte, 1, MSG_PEEK | MSG_DONTWAIT), -1);
}

static void check_garbage(const char *line, size_t len)
{
    handshake_event_t event;

    handshake_parse(&event, line, len, test_pool());
    if (event.kind != HANDSHAKE_GARBAGE) {
        FAIL("understood: %s", line);
    }
    CHECK(event.summary && event.summary[0]);
}

TEST(handshake_refuses_garbage)
{
    static const char *const lines[] = {
        "",
        "ready",
        "{",
        "[]",
        "null",
        "{}",
        "{\"event\":1}",
        "{\"event\":\"ready\"}",
        "{\"event\":\"failed\"}",
        "{\"event\":\"failed\",\"step\":\"load\"}",
        "{\"event\":\"failed\",\"summary\":\"x\"}",
        "{\"event\":\"stop\"}",
        "{\"event\":\"failed\",\"step\":\"a\\u0000b\",\"summary\":\"x\"}",
        "{\"event\":\"failed\",\"step\":\"\xff\xfe\",\"summary\":\"x\"}",
    };

    static const char *const fields[] = {
        "\"format\":\"fastcgi\",\"concurrency\":1}",
        "\"format\":1,\"concurrency\":1}",
        "\"format\":\"http\"}",
        "\"format\":\"http\",\"concurrency\":-1}",
        "\"format\":\"http\",\"concurrency\":65536}",
        "\"format\":\"http\",\"concurrency\":1.5}",
        "\"format\":\"http\",\"concurrency\":\"1\"}",
        "\"format\":\"http\",\"concurrency\":99999999999999999999}",
        "\"format\":\"http\",\"concurrency\":1,\"keep_alive\":1}",
        "\"format\":\"http\",\"format\":\"session\",\"concurrency\":1}",
        "\"format\":\"http\",\"concurrency\":1} x",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        check_garbage(lines[i], strlen(lines[i]));
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *line = test_format("{\"event\":\"ready\",%s", fields[i]);

        check_garbage(line, strlen(line));
    }
    check_garbage("\0\0\0", 3);
}

TEST(handshake_survives_random_bytes)
{
    char line[200];

    srand(1);
    for (int i = 0; i < 20000; i++) {
        handshake_event_t event;
        size_t len = (size_t)rand() % sizeof(READY_LINE);

        memcpy(line, READY_LINE, len);
        for (int j = rand() % 4; j > 0 && len > 0; j--) {
            line[(size_t)rand() % len] = (char)rand();
        }
        handshake_parse(&event, line, len, test_pool());
        CHECK(event.summary != NULL);
    }
}

TEST(handshake_ends_with_garbage)
{
    open_channel();
    say("hello\n" READY_LINE);
    event_loop_turn(loop, 0);
    CHECK_STR(heard, "G"); /* nothing after it counts */
    CHECK_CONTAINS(last.summary, "'hello'");
}

TEST(handshake_refuses_long_lines)
{
    size_t size = HANDSHAKE_LINE_MAX + 100;
    char *line = malloc(size);

    open_channel();
    CHECK(line != NULL);
    memset(line, 'x', size);
    CHECK_INT(fcntl(app, F_SETFL, O_NONBLOCK), 0);
    for (size_t sent = 0; sent < size && !heard[0];) {
        ssize_t n = write(app, line, size - sent < 1000 ? size - sent : 1000);

        sent += n > 0 ? (size_t)n : 0;
        event_loop_turn(loop, 0);
    }
    CHECK_STR(heard, "G");
    CHECK_CONTAINS(last.summary, "longer than 64 KiB");
    free(line);
}

TEST(handshake_takes_lines_up_to_the_limit)
{
    static const char head[] = "{\"event\":\"failed\",\"step\":\"load\","
                               "\"summary\":\"x\",\"details\":\"";
    int filler = HANDSHAKE_LINE_MAX - (int)sizeof(head) + 1 - 2;
    const char *line = test_format("%s%0*d\"}\n", head, filler, 0);
    size_t len = strlen(line);

    CHECK_INT(len, HANDSHAKE_LINE_MAX + 1);
    open_channel();
    for (size_t sent = 0; sent < len; sent += 4096) {
        say_bytes(line + sent, len - sent < 4096 ? len - sent : 4096);
    }
    CHECK_STR(heard, "F");
}

TEST(handshake_says_stop)
{
    char text[64] = "";

    open_channel();
    CHECK_INT(handshake_say_stop(handshake), APR_SUCCESS);
    CHECK(read(app, text, sizeof(text) - 1) > 0);
    CHECK_STR(text, "{\"command\":\"stop\"}\n");
    CHECK_INT(read(app, text, sizeof(text)), 0);
    say(READY_LINE); /* it may still speak */
    CHECK_STR(heard, "R");
    close(app);
    CHECK_INT(handshake_say_stop(handshake), APR_EOF);
}

TEST(handshake_hears_a_preloader)
{
    open_channel();
    say("{\"event\":\"ready\",\"format\":\"fork\"}\n");
    CHECK_STR(heard, "P");
}

TEST(handshake_sends_descriptors_with_fork)
{
    const int fds[HANDSHAKE_FORK_FDS] = {0, 1, 2, 0};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fds))];
    char text[64] = "";
    struct iovec line = {text, sizeof(text) - 1};
    struct msghdr packet = {.msg_iov = &line,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    const struct cmsghdr *attached;

    open_channel();
    CHECK_INT(handshake_say_fork(handshake, fds, 4), APR_SUCCESS);
    CHECK(recvmsg(app, &packet, 0) > 0);
    CHECK_STR(text, "{\"command\":\"fork\"}\n");
    attached = CMSG_FIRSTHDR(&packet);
    CHECK(attached != NULL);
    if (attached) { /* as linters cannot know that CHECK does not return */
        CHECK_INT(attached->cmsg_type, SCM_RIGHTS);
        CHECK_INT(attached->cmsg_len, CMSG_LEN(sizeof(fds)));
    }
    CHECK_INT(handshake_say_fork(handshake, fds, 3), APR_EINVAL);
    handshake_close(handshake);
    CHECK_INT(handshake_say_fork(handshake, fds, 4), APR_EINVAL);
}
