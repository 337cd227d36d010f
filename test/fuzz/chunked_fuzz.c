/* SPDX-License-Identifier: Apache-2.0 */

/* Feeds hostile chunked bodies to the decoder, whole and in pieces: the pieces
 * do not matter, and a body it takes means what RFC 9112 says. Run by `make fuzz`. */
#include <stdlib.h>
#include <string.h>

#include "response_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    apr_status_t status;
    char *body;
    size_t body_len;
    size_t used;
} decoded_t;

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* Decodes in pieces of at most `max` bytes; the seed says how many. Each piece
 * is memory of its own, so that a byte too far is seen. */
static decoded_t decode(const uint8_t *data, size_t size, size_t max,
                        uint32_t seed)
{
    decoded_t result = {APR_SUCCESS, malloc(size), 0, 0};
    psg_chunked_t chunked;

    require(result.body != NULL);
    psg_chunked_init(&chunked);
    while (result.status == APR_SUCCESS && result.used < size) {
        size_t len = size - result.used, run_len, used;
        const char *run;
        char *piece;

        seed = seed * 1664525 + 1013904223;
        if (max < size && len > 1 + (seed >> 16) % max) {
            len = 1 + (seed >> 16) % max;
        }
        piece = malloc(len);
        require(piece != NULL);
        memcpy(piece, data + result.used, len);
        result.status =
            psg_chunked_decode(&chunked, piece, len, &run, &run_len, &used);
        require(used > 0 && used <= len);
        require(run >= piece && run + run_len <= piece + used);
        memcpy(result.body + result.body_len, run, run_len);
        result.body_len += run_len;
        result.used += used;
        free(piece);
    }
    return result;
}

/* A second decoder, as plain as can be, for bodies the first one took. */
static void check_meaning(const uint8_t *data, const decoded_t *result)
{
    const char *at = (const char *)data;
    const char *end = at + result->used;
    size_t body_len = 0;

    for (;;) {
        size_t chunk = strtoull(at, NULL, 16);

        at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        if (chunk == 0) {
            break;
        }
        require(chunk <= result->body_len - body_len);
        require(memcmp(at, result->body + body_len, chunk) == 0);
        body_len += chunk;
        at += chunk;
        require(at[0] == '\r' && at[1] == '\n');
        at += 2;
    }
    require(body_len == result->body_len);
    require(end[-2] == '\r' && end[-1] == '\n');
}

/* The first byte is the seed; the rest is the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decoded_t whole, pieces, bytes;
    uint8_t seed;

    if (size < 2) {
        return 0;
    }
    seed = *data++;
    size--;
    whole = decode(data, size, size, 0);
    pieces = decode(data, size, 1 + size / 4, seed);
    bytes = decode(data, size, 1, 0);
    require(whole.status == pieces.status && whole.status == bytes.status);
    require(whole.used == pieces.used && whole.used == bytes.used);
    require(whole.body_len == pieces.body_len
            && whole.body_len == bytes.body_len);
    require(memcmp(whole.body, pieces.body, whole.body_len) == 0);
    require(memcmp(whole.body, bytes.body, whole.body_len) == 0);
    if (whole.status == APR_EOF) {
        check_meaning(data, &whole);
    }
    free(whole.body);
    free(pieces.body);
    free(bytes.body);
    return 0;
}
