/* SPDX-License-Identifier: Apache-2.0 */

/* Frames between our own processes, made from messages.def. A frame is
 *   u32 length of what follows, u32 message number, fields in order
 * all little-endian; BYTES are u32 length and that many bytes. Decoding is a
 * pure function over bytes; the peer may lie about everything. */
#ifndef PSG_WIRE_H
#define PSG_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <apr_errno.h>

#define PSG_WIRE_VERSION 1u
enum {
    PSG_FRAME_HEADER = 8,
    PSG_FRAME_MAX = 128 * 1024, /* header included */
    PSG_FRAME_MAX_FDS = 4,
};

/* Points into somebody else's buffer; not terminated. */
typedef struct {
    const char *data;
    size_t len;
} psg_bytes_t;

typedef enum {
#define MESSAGE(NAME, name, number, fields) PSG_MSG_##NAME = number,
#include "messages.def"
} psg_message_e;

/* struct psg_msg_hello_t and so on */
#define U32(name) uint32_t name;
#define U64(name) uint64_t name;
#define BYTES(name) psg_bytes_t name;
#define MESSAGE(NAME, name, number, fields) \
    typedef struct {                        \
        fields                              \
    } psg_msg_##name##_t;
#include "messages.def"
#undef U32
#undef U64
#undef BYTES

/* A decoded frame: `number` says which member holds. BYTES point into the
 * buffer that was decoded. */
typedef struct {
    psg_message_e number;
    union {
#define MESSAGE(NAME, name, number, fields) psg_msg_##name##_t name;
#include "messages.def"
    } as;
} psg_message_t;

/* Writes msg as a frame; returns its length, or 0 if it is larger than size. */
size_t psg_wire_encode(const psg_message_t *msg, char *buf, size_t size);

/* Decodes the frame at the start of buf. APR_SUCCESS: *used bytes were read.
 * APR_EAGAIN: more bytes are needed. APR_EINVAL: not a frame; drop the peer. */
apr_status_t psg_wire_decode(psg_message_t *msg, size_t *used, const char *buf,
                             size_t len);

/* "HELLO"; for logs. */
const char *psg_wire_name(psg_message_e number);

/* Sends one message as one packet (SOCK_SEQPACKET) with descriptors attached;
 * they stay open here. May block at most timeout_ms; 0 = never. */
apr_status_t psg_wire_send(int fd, const psg_message_t *msg, const int *fds,
                           int fd_count, int timeout_ms);

/* Receives one packet into buf (PSG_FRAME_MAX bytes). fds holds at most
 * PSG_FRAME_MAX_FDS descriptors (close-on-exec), which the caller owns; if it is
 * NULL, so is fd_count, none are taken, and a packet that has some is invalid.
 * APR_EOF when the peer is gone, APR_EAGAIN when nothing is there. */
apr_status_t psg_wire_recv(int fd, psg_message_t *msg, char *buf, int *fds,
                           int *fd_count);

/* The same, but the packet stays where it is: the descriptors are copies. */
apr_status_t psg_wire_peek(int fd, psg_message_t *msg, char *buf, int *fds,
                           int *fd_count);

#endif
