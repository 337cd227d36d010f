/* SPDX-License-Identifier: Apache-2.0 */

/* Frames, and packets with descriptors. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd_packet.h"
#include "wire.h"

static char frame[PSG_FRAME_MAX];
static char large[PSG_FRAME_MAX];

static psg_bytes_t bytes(const char *text)
{
    return (psg_bytes_t){text, strlen(text)};
}

static void check_bytes(psg_bytes_t actual, const char *expected)
{
    CHECK_INT(actual.len, strlen(expected));
    CHECK(memcmp(actual.data, expected, actual.len) == 0);
}

static psg_message_t suspect_message(const char *reason, size_t len)
{
    psg_message_t msg = {.number = PSG_MSG_SUSPECT};

    msg.as.suspect.process = 0x01020304;
    msg.as.suspect.process_generation = 0xfffffffe;
    msg.as.suspect.reason = (psg_bytes_t){reason, len};
    return msg;
}

TEST(message_survives_the_way)
{
    psg_message_t in = {.number = PSG_MSG_GROUP}, out;
    size_t len, used;

    in.as.group.slot = 7;
    in.as.group.ticket = 0x0123456789abcdefu;
    in.as.group.app_root = bytes("/srv/app");
    in.as.group.app_type = bytes("ruby");
    in.as.group.options = (psg_bytes_t){"a\0b\0", 4};
    len = psg_wire_encode(&in, frame, sizeof(frame));
    CHECK_INT(psg_wire_decode(&out, &used, frame, len), APR_SUCCESS);
    CHECK_INT(used, len);
    CHECK_INT(out.number, PSG_MSG_GROUP);
    CHECK_INT(out.as.group.slot, 7);
    CHECK(out.as.group.ticket == 0x0123456789abcdefu);
    check_bytes(out.as.group.app_root, "/srv/app");
    check_bytes(out.as.group.app_type, "ruby");
    CHECK_INT(out.as.group.startup_file.len, 0);
    CHECK_INT(out.as.group.options.len, 4);
    CHECK(memcmp(out.as.group.options.data, "a\0b\0", 4) == 0);
}

TEST(bytes_of_a_frame_are_as_described)
{
    static const char expected[] = "\x15\0\0\0"
                                   "\5\0\0\0"
                                   "\4\3\2\1"
                                   "\xfe\xff\xff\xff"
                                   "\5\0\0\0"
                                   "wrong";
    psg_message_t msg = suspect_message("wrong", 5);

    CHECK_INT(psg_wire_encode(&msg, frame, sizeof(frame)),
              sizeof(expected) - 1);
    CHECK(memcmp(frame, expected, sizeof(expected) - 1) == 0);
}

TEST(every_part_of_a_frame_asks_for_more)
{
    psg_message_t msg = suspect_message("wrong", 5);
    size_t len = psg_wire_encode(&msg, frame, sizeof(frame));
    size_t i, used;

    for (i = 0; i < len; i++) {
        CHECK_INT(psg_wire_decode(&msg, &used, frame, i), APR_EAGAIN);
        CHECK_INT(psg_wire_encode(&msg, large, i), 0);
    }
    CHECK_INT(psg_wire_decode(&msg, &used, frame, len + 9), APR_SUCCESS);
    CHECK_INT(used, len);
}

typedef struct {
    const char *what;
    const char *data;
    size_t len;
} bad_frame_t;

#define BAD(what, data)              \
    {                                \
        what, data, sizeof(data) - 1 \
    }

static const bad_frame_t bad_frames[] = {
    BAD("no length", "\0\0\0\0\3\0\0\0"),
    BAD("length below the number's", "\3\0\0\0\3\0\0\0"),
    BAD("length of 4 GiB", "\xff\xff\xff\xff\3\0\0\0"),
    BAD("length one too large", "\xfd\xff\1\0"),
    BAD("unknown number", "\4\0\0\0\x63\0\0\0"),
    BAD("number 0", "\4\0\0\0\0\0\0\0"),
    BAD("field missing", "\x8\0\0\0\3\0\0\0\1\0\0\0"),
    BAD("field cut", "\xb\0\0\0\3\0\0\0\1\0\0\0\1\0\0"),
    BAD("bytes after the last field", "\xd\0\0\0\3\0\0\0\1\0\0\0\1\0\0\0x"),
    BAD("BYTES longer than the frame",
        "\x11\0\0\0\5\0\0\0\1\0\0\0\1\0\0\0\2\0\0\0x"),
    BAD("BYTES of 4 GiB",
        "\x11\0\0\0\5\0\0\0\1\0\0\0\1\0\0\0\xff\xff\xff\xffx"),
};

TEST(what_is_not_a_frame_is_refused)
{
    psg_message_t msg = {.number = PSG_MSG_ADOPTED};
    size_t i, used = 77;

    for (i = 0; i < sizeof(bad_frames) / sizeof(bad_frames[0]); i++) {
        const bad_frame_t *bad = &bad_frames[i];
        char *copy = malloc(bad->len);

        memcpy(copy, bad->data, bad->len);
        if (psg_wire_decode(&msg, &used, copy, bad->len) != APR_EINVAL) {
            FAIL("not refused: %s", bad->what);
        }
        free(copy);
    }
    CHECK_INT(msg.number, PSG_MSG_ADOPTED);
    CHECK_INT(used, 77);
}

TEST(largest_frame_fits_and_no_larger)
{
    size_t most = PSG_FRAME_MAX - PSG_FRAME_HEADER - 12, used;
    psg_message_t msg = suspect_message(large, most);
    psg_message_t out;

    CHECK_INT(psg_wire_encode(&msg, frame, sizeof(frame)), PSG_FRAME_MAX);
    CHECK_INT(psg_wire_decode(&out, &used, frame, PSG_FRAME_MAX), APR_SUCCESS);
    msg.as.suspect.reason.len++;
    CHECK_INT(psg_wire_encode(&msg, frame, sizeof(frame)), 0);
    msg.number = (psg_message_e)99;
    CHECK_INT(psg_wire_encode(&msg, frame, sizeof(frame)), 0);
}

TEST(messages_have_names)
{
    CHECK_STR(psg_wire_name(PSG_MSG_HELLO), "HELLO");
    CHECK_STR(psg_wire_name((psg_message_e)99), "unknown message");
}

static void make_pair(int pair[2])
{
    CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static int open_fds(void)
{
    int fd, count = 0;

    for (fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

TEST(packet_carries_descriptors)
{
    psg_message_t msg = {.number = PSG_MSG_SPAWNED}, out;
    int pair[2], ends[2], fds[PSG_FRAME_MAX_FDS], fd_count;
    char byte = 0;

    make_pair(pair);
    CHECK_INT(pipe(ends), 0);
    msg.as.spawned.pid = 4711;
    CHECK_INT(psg_wire_send(pair[0], &msg, ends, 2, 0), APR_SUCCESS);
    CHECK_INT(psg_wire_recv(pair[1], &out, frame, fds, &fd_count), APR_SUCCESS);
    CHECK_INT(out.as.spawned.pid, 4711);
    CHECK_INT(fd_count, 2);
    CHECK((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_INT(write(fds[1], "x", 1), 1);
    CHECK_INT(read(ends[0], &byte, 1), 1);
    CHECK_INT(byte, 'x');
}

TEST(large_message_is_one_packet)
{
    psg_message_t msg = suspect_message(large, 100000), out;
    int pair[2], fds[PSG_FRAME_MAX_FDS], fd_count;

    make_pair(pair);
    memset(large, 'L', sizeof(large));
    CHECK_INT(psg_wire_send(pair[0], &msg, NULL, 0, 0), APR_SUCCESS);
    CHECK_INT(psg_wire_recv(pair[1], &out, frame, fds, &fd_count), APR_SUCCESS);
    CHECK_INT(out.as.suspect.reason.len, 100000);
    CHECK_INT(out.as.suspect.reason.data[99999], 'L');
    msg = suspect_message(large, PSG_FRAME_MAX);
    CHECK_INT(psg_wire_send(pair[0], &msg, NULL, 0, 0), APR_ENOSPC);
}

TEST(receiving_tells_nothing_there_from_gone)
{
    psg_message_t msg = {.number = PSG_MSG_ADOPTED};
    int pair[2], fds[PSG_FRAME_MAX_FDS], fd_count = 5;

    make_pair(pair);
    CHECK_INT(psg_wire_recv(pair[1], &msg, frame, fds, &fd_count), APR_EAGAIN);
    CHECK_INT(fd_count, 0);
    CHECK_INT(psg_wire_send(pair[0], &msg, NULL, 0, 0), APR_SUCCESS);
    CHECK_INT(psg_wire_send(pair[1], &msg, NULL, 0, 0), APR_SUCCESS);
    close(pair[0]); /* with a message unread on its side */
    CHECK_INT(psg_wire_recv(pair[1], &msg, frame, fds, &fd_count), APR_EOF);
    CHECK(psg_wire_send(pair[1], &msg, NULL, 0, 0) != APR_SUCCESS);
}

TEST(sending_does_not_wait_longer_than_told)
{
    psg_message_t msg = suspect_message(large, 60000);
    int pair[2];
    apr_status_t rv;
    double start;

    make_pair(pair);
    do {
        rv = psg_wire_send(pair[0], &msg, NULL, 0, 0);
    } while (rv == APR_SUCCESS);
    CHECK_INT(rv, APR_EAGAIN);
    start = test_now();
    CHECK_INT(psg_wire_send(pair[0], &msg, NULL, 0, 50), APR_TIMEUP);
    CHECK(test_now() - start >= 0.049);
}

/* Sends raw bytes with so many descriptors. */
static void send_raw(int fd, const char *data, size_t len, int fd_count)
{
    int fds[FD_PACKET_MAX];
    int i;

    for (i = 0; i < fd_count; i++) {
        fds[i] = fd;
    }
    CHECK_INT(fd_packet_send(fd, data, len, fds, fd_count), 0);
}

TEST(bad_packets_are_refused_and_leak_no_descriptor)
{
    static const char good[] = "\x8\0\0\0\x22\0\0\0\1\0\0\0"; /* ADOPTED */
    int pair[2], fds[PSG_FRAME_MAX_FDS], fd_count, before;
    psg_message_t msg;

    make_pair(pair);
    before = open_fds();
    send_raw(pair[0], good, 12, PSG_FRAME_MAX_FDS);
    CHECK_INT(psg_wire_recv(pair[1], &msg, frame, fds, &fd_count), APR_SUCCESS);
    CHECK_INT(fd_count, PSG_FRAME_MAX_FDS);
    CHECK_INT(open_fds(), before + PSG_FRAME_MAX_FDS);
    before = open_fds();
    send_raw(pair[0], good, 12,
             PSG_FRAME_MAX_FDS + 1); /* one more than we take */
    send_raw(pair[0], good, 12, 64); /* more than there is room for */
    send_raw(pair[0], good, 11, 2);  /* cut */
    send_raw(pair[0], "\x8\0\0\0\x22\0\0\0\1\0\0\0x", 13, 1); /* and more */
    send_raw(pair[0], large, sizeof(large), 2);               /* zeros */
    while (psg_wire_recv(pair[1], &msg, frame, fds, &fd_count) != APR_EAGAIN) {
        CHECK_INT(fd_count, 0);
        CHECK_INT(open_fds(), before);
    }
}
