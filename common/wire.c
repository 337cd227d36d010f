/* SPDX-License-Identifier: Apache-2.0 */

/* Frames from and to bytes, by messages.def: pure functions, no I/O. Called by
 * wire_socket.c and by the fuzzer. */
#include <string.h>

#include "wire.h"

/* Where the next field goes; `left` bytes are free. ok = 0: it did not fit. */
typedef struct {
    char *at;
    size_t left;
    int ok;
} writer_t;

typedef struct {
    const char *at;
    size_t left;
    int ok;
} reader_t;

static void put_raw(writer_t *out, const void *data, size_t len)
{
    if (!out->ok || len > out->left) {
        out->ok = 0;
        return;
    }
    if (len > 0) {
        memcpy(out->at, data, len);
    }
    out->at += len;
    out->left -= len;
}

static void put_u32(writer_t *out, uint32_t value)
{
    unsigned char raw[4];
    int i;

    for (i = 0; i < 4; i++) {
        raw[i] = (unsigned char)(value >> (8 * i));
    }
    put_raw(out, raw, sizeof(raw));
}

static void put_u64(writer_t *out, uint64_t value)
{
    put_u32(out, (uint32_t)value);
    put_u32(out, (uint32_t)(value >> 32));
}

static void put_bytes(writer_t *out, psg_bytes_t bytes)
{
    if (bytes.len > PSG_FRAME_MAX) {
        out->ok = 0;
        return;
    }
    put_u32(out, (uint32_t)bytes.len);
    put_raw(out, bytes.data, bytes.len);
}

/* The next len bytes, or NULL. */
static const char *get_raw(reader_t *in, size_t len)
{
    const char *data = in->at;

    if (!in->ok || len > in->left) {
        in->ok = 0;
        return NULL;
    }
    in->at += len;
    in->left -= len;
    return data;
}

static uint32_t get_u32(reader_t *in)
{
    const unsigned char *raw = (const unsigned char *)get_raw(in, 4);

    if (!raw) {
        return 0;
    }
    return (uint32_t)raw[0] | (uint32_t)raw[1] << 8 | (uint32_t)raw[2] << 16
           | (uint32_t)raw[3] << 24;
}

static uint64_t get_u64(reader_t *in)
{
    uint64_t low = get_u32(in);

    return low | (uint64_t)get_u32(in) << 32;
}

static psg_bytes_t get_bytes(reader_t *in)
{
    psg_bytes_t bytes = {NULL, 0};
    uint32_t len = get_u32(in);
    const char *data = get_raw(in, len);

    if (data) {
        bytes.data = data;
        bytes.len = len;
    }
    return bytes;
}

/* The fields of one message, in the order of its row. */
static void put_fields(writer_t *out, const psg_message_t *msg)
{
#define U32(name) put_u32(out, m->name);
#define U64(name) put_u64(out, m->name);
#define BYTES(name) put_bytes(out, m->name);
#define MESSAGE(NAME, name, number, fields)          \
    case PSG_MSG_##NAME: {                           \
        const psg_msg_##name##_t *m = &msg->as.name; \
        fields                                       \
    } break;

    switch (msg->number) {
#include "messages.def"
    default:
        out->ok = 0;
        break;
    }
#undef U32
#undef U64
#undef BYTES
}

static void get_fields(reader_t *in, psg_message_t *msg)
{
#define U32(name) m->name = get_u32(in);
#define U64(name) m->name = get_u64(in);
#define BYTES(name) m->name = get_bytes(in);
#define MESSAGE(NAME, name, number, fields)    \
    case PSG_MSG_##NAME: {                     \
        psg_msg_##name##_t *m = &msg->as.name; \
        fields                                 \
    } break;

    switch (msg->number) {
#include "messages.def"
    default:
        in->ok = 0;
        break;
    }
#undef U32
#undef U64
#undef BYTES
}

size_t psg_wire_encode(const psg_message_t *msg, char *buf, size_t size)
{
    size_t room = size < PSG_FRAME_MAX ? size : PSG_FRAME_MAX;
    writer_t length = {buf, 4, 1};
    writer_t out;

    if (room < PSG_FRAME_HEADER) {
        return 0;
    }
    out = (writer_t){buf + 4, room - 4, 1};
    put_u32(&out, msg->number);
    put_fields(&out, msg);
    if (!out.ok) {
        return 0;
    }
    put_u32(&length, (uint32_t)(room - 4 - out.left));
    return room - out.left;
}

apr_status_t psg_wire_decode(psg_message_t *msg, size_t *used, const char *buf,
                             size_t len)
{
    reader_t in = {buf, len, 1};
    psg_message_t decoded;
    uint32_t length;

    if (len < 4) {
        return APR_EAGAIN;
    }
    length = get_u32(&in);
    if (length < 4 || length > PSG_FRAME_MAX - 4) {
        return APR_EINVAL;
    }
    if (in.left < length) {
        return APR_EAGAIN;
    }
    in.left = length;
    memset(&decoded, 0, sizeof(decoded));
    decoded.number = get_u32(&in);
    get_fields(&in, &decoded);
    if (!in.ok || in.left != 0) {
        return APR_EINVAL;
    }
    *msg = decoded;
    *used = (size_t)length + 4;
    return APR_SUCCESS;
}

const char *psg_wire_name(psg_message_e number)
{
    switch (number) {
#define MESSAGE(NAME, name, number, fields) \
    case PSG_MSG_##NAME:                    \
        return #NAME;
#include "messages.def"
    default:
        return "unknown message";
    }
}
