/* SPDX-License-Identifier: Apache-2.0 */

/* Parses the head of an app's HTTP/1.1 answer: pure, no allocation, no I/O.
 * The app is hostile; what is not exactly right is refused (RFC 9112, RFC 9110).
 * Used by the module; fuzzed by test/fuzz/response_head_fuzz.c. */
#ifndef PSG_RESPONSE_HEAD_H
#define PSG_RESPONSE_HEAD_H

#include <stddef.h>
#include <stdint.h>

#include <apr_errno.h>

enum {
    PSG_HEAD_MAX =
        65536, /* bytes of a head, status line and last CRLF included */
    PSG_HEADERS_MAX = 512,
};

/* How the body is delimited. */
typedef enum {
    PSG_BODY_NONE,    /* HEAD, 1xx, 204, 304, or Content-Length: 0 */
    PSG_BODY_LENGTH,  /* content_length bytes */
    PSG_BODY_CHUNKED, /* RFC 9112 section 7.1 */
    PSG_BODY_CLOSE,   /* until the connection ends */
} psg_body_e;

typedef struct {
    const char *name, *value; /* NUL-terminated, in the caller's buffer */
    uint32_t name_len, value_len;
} psg_header_t;

typedef struct {
    int status;             /* 100 to 599 */
    const char *reason;     /* NUL-terminated, may be empty */
    int has_content_length; /* also set where there is no body (HEAD) */
    uint64_t content_length;
    psg_body_e body;
    int close;       /* the connection ends after this answer */
    size_t head_len; /* bytes of the head; the body follows */
    unsigned header_count;
    /* Without those that belong to the connection: Connection and what it
     * names, Keep-Alive, TE, Trailer, Transfer-Encoding, Upgrade, Proxy-*. */
    psg_header_t headers[PSG_HEADERS_MAX];
    const char *error; /* when refused: what is wrong, a constant sentence */
} psg_response_head_t;

/* Parses the head at the start of buf (len bytes), which is changed: NULs are
 * written behind names and values, but only if the head is complete and right,
 * so the caller may call again with more bytes. is_head: the request was HEAD.
 * APR_SUCCESS; APR_EAGAIN: incomplete so far; APR_EINVAL: see head->error. */
apr_status_t psg_response_head_parse(psg_response_head_t *head, char *buf,
                                     size_t len, int is_head);

/* Decodes a chunked body piecewise; pure, restartable at any byte. */
typedef struct {
    uint32_t state;
    uint32_t extension_len; /* bytes of chunk extensions and trailers so far */
    uint64_t left;          /* bytes of the current chunk not yet seen */
} psg_chunked_t;

void psg_chunked_init(psg_chunked_t *chunked);

/* Looks at buf[0..len): sets *data and *data_len to a run of body bytes inside
 * buf (perhaps empty), *used to the bytes consumed, framing included; call again
 * with the rest. APR_SUCCESS: go on. APR_EOF: the last chunk and trailers are
 * complete; bytes after *used are not part of the answer. APR_EINVAL: refused. */
apr_status_t psg_chunked_decode(psg_chunked_t *chunked, const char *buf,
                                size_t len, const char **data, size_t *data_len,
                                size_t *used);

#endif
