/* SPDX-License-Identifier: Apache-2.0 */

/* What the decoder of chunked bodies gives out, what it refuses, and that
 * neither depends on how the bytes arrive. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "response_head.h"

typedef struct {
    apr_status_t status;
    char *body;
    size_t body_len;
    size_t used;
} decoded_t;

/* Decodes in pieces of at most `piece` bytes, each at the end of its own memory,
 * so that a sanitizer sees every byte too far. */
static decoded_t decode_bytes(const char *text, size_t len, size_t piece)
{
    decoded_t result = {APR_SUCCESS, malloc(len + 1), 0, 0};
    psg_chunked_t chunked;

    CHECK(result.body != NULL);
    psg_chunked_init(&chunked);
    while (result.status == APR_SUCCESS && result.used < len) {
        size_t size = len - result.used < piece ? len - result.used : piece;
        char *copy = malloc(size);
        const char *data;
        size_t data_len, used;

        CHECK(copy != NULL);
        memcpy(copy, text + result.used, size);
        result.status =
            psg_chunked_decode(&chunked, copy, size, &data, &data_len, &used);
        CHECK(used > 0 && used <= size);
        CHECK(data_len <= used && data >= copy
              && data + data_len <= copy + used);
        memcpy(result.body + result.body_len, data, data_len);
        result.body_len += data_len;
        result.used += used;
        free(copy);
    }
    result.body[result.body_len] = '\0';
    return result;
}

#define DATA "5\r\nhello\r\n"
#define LAST "0\r\n\r\n"

/* clang-format off: a table */
static const struct {
    const char *text, *body;
    size_t behind; /* bytes behind the end */
} right[] = {
    {LAST, "", 0},
    {DATA LAST, "hello", 0},
    {DATA DATA LAST, "hellohello", 0},
    {"0005\r\nhello\r\n000\r\n\r\n", "hello", 0},
    {"0000000000000005\r\nhello\r\n" LAST, "hello", 0},
    {"a\r\n0123456789\r\n" LAST, "0123456789", 0},
    {"A\r\n0123456789\r\n" LAST, "0123456789", 0},
    {"5;a\r\nhello\r\n" LAST, "hello", 0},
    {"5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello", 0},
    {"2\r\n\r\n\r\n" LAST, "\r\n", 0},
    {DATA "0\r\nX: y\r\n\r\n", "hello", 0},
    {DATA "0\r\nContent-Length: 9\r\nHost:\r\n\r\n", "hello", 0},
    {DATA LAST "HTTP/1.1 200 OK\r\n", "hello", 17},
    {LAST "\r\n", "", 2},
};

static const char *const malformed[] = {
    "\r\n",
    " 5\r\nhello\r\n" LAST,
    "5 \r\nhello\r\n" LAST,
    "5\t\r\nhello\r\n" LAST,
    "+5\r\nhello\r\n" LAST,
    "-5\r\nhello\r\n" LAST,
    "0x5\r\nhello\r\n" LAST,
    "5h\r\nhello\r\n" LAST,
    "5junk\r\nhello\r\n" LAST,
    "g\r\nhello\r\n" LAST,
    "5_0\r\nhello\r\n" LAST,
    ";a\r\nhello\r\n" LAST,
    "5;\r\nhello\r\n" LAST,
    "5;\nhello\r\n" LAST,
    "5; a\r\nhello\r\n" LAST,
    "5;=a\r\nhello\r\n" LAST,
    "5 ;a\r\nhello\r\n" LAST,
    "5;a\nhello\r\n" LAST,
    "5;a\001\r\nhello\r\n" LAST,
    "5;a\177\r\nhello\r\n" LAST,
    "5;a\rb\r\nhello\r\n" LAST,
    "5\nhello\r\n" LAST,
    "5\rhello\r\n" LAST,
    "5\r\rhello\r\n" LAST,
    "5\r\nhello\n" LAST,
    "5\r\nhello\r" LAST,
    "5\r\nhello\n\r" LAST,
    "5\r\nhello" LAST,
    "5\r\nhelloXX" LAST,
    "4\r\nhello\r\n" LAST,
    "6\r\nhello\r\n" LAST,
    "00000000000000005\r\nhello\r\n" LAST,
    "10000000000000000\r\nhello",
    "ffffffffffffffff\r\nhello",
    "8000000000000000\r\nhello",
    "0\n\n",
    "0\r\n\n",
    "0\r\n\rX",
    "0\r\n\r\rX",
    "0\r\nX\r\n\r\n",
    "0\r\n: y\r\n\r\n",
    "0\r\n X: y\r\n\r\n",
    "0\r\nX: y\r\n z\r\n\r\n",
    "0\r\nX : y\r\n\r\n",
    "0\r\nX: y\n\r\n",
    "0\r\nX: y\r\r\n\r\n",
    "0\r\nX: y\001\r\n\r\n",
    "0\r\nX:GET / HTTP/1.1\n\n",
};
/* clang-format on */

TEST(well_formed_bodies_are_decoded)
{
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        size_t len = strlen(right[i].text);

        for (size_t piece = 1; piece <= len; piece++) {
            decoded_t result = decode_bytes(right[i].text, len, piece);

            if (result.status != APR_EOF) {
                FAIL("row %d, pieces of %d: status %d", (int)i, (int)piece,
                     result.status);
            }
            CHECK_STR(result.body, right[i].body);
            CHECK_INT(len - result.used, right[i].behind);
            free(result.body);
        }
    }
}

TEST(malformed_bodies_are_refused)
{
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        size_t len = strlen(malformed[i]);
        decoded_t whole = decode_bytes(malformed[i], len, len);

        if (whole.status != APR_EINVAL) {
            FAIL("row %d: status %d: %s", (int)i, whole.status, malformed[i]);
        }
        for (size_t piece = 1; piece < len; piece++) {
            decoded_t result = decode_bytes(malformed[i], len, piece);

            CHECK_INT(result.status, APR_EINVAL);
            CHECK_INT(result.used, whole.used);
            CHECK_STR(result.body, whole.body);
            free(result.body);
        }
        free(whole.body);
    }
}

TEST(every_byte_of_framing_is_right_or_refused)
{
    /* d: a byte of data; r, n: must be CR, LF; others: see below */
    static const char sample[] = "1;ab\r\nd\r\n0\r\nT: v\r\n\r\n";
    static const char places[] = "s;eernd"
                                 "rn"
                                 "srnT:ffrnrn";
    size_t len = sizeof(sample) - 1;

    _Static_assert(sizeof(sample) == sizeof(places), "a letter for each byte");
    for (size_t place = 0; place < len; place++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof(sample)];
            decoded_t result;

            memcpy(text, sample, len);
            text[place] = (char)byte;
            result = decode_bytes(text, len, len);
            if (byte == sample[place] || places[place] == 'd') {
                CHECK_INT(result.status, APR_EOF);
            }
            else if (strchr("rn", places[place]) != NULL || byte == '\0') {
                CHECK_INT(result.status, APR_EINVAL);
            }
            if (result.status == APR_EOF) {
                CHECK_INT(result.used, len);
            }
            free(result.body);
        }
    }
}

TEST(every_incomplete_body_waits_for_more)
{
    static const char sample[] = "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n";

    for (size_t len = 1; len < sizeof(sample) - 1; len++) {
        decoded_t result = decode_bytes(sample, len, len);

        CHECK_INT(result.status, APR_SUCCESS);
        CHECK_INT(result.used, len);
        free(result.body);
    }
}

TEST(verdicts_are_final)
{
    psg_chunked_t chunked;
    const char *data;
    size_t data_len, used;

    psg_chunked_init(&chunked);
    CHECK_INT(psg_chunked_decode(&chunked, LAST, 5, &data, &data_len, &used),
              APR_EOF);
    CHECK_INT(psg_chunked_decode(&chunked, DATA, 10, &data, &data_len, &used),
              APR_EOF);
    CHECK_INT(used, 0);
    psg_chunked_init(&chunked);
    CHECK_INT(psg_chunked_decode(&chunked, "x", 1, &data, &data_len, &used),
              APR_EINVAL);
    CHECK_INT(psg_chunked_decode(&chunked, LAST, 5, &data, &data_len, &used),
              APR_EINVAL);
    CHECK_INT(data_len, 0);
}

/* `start`, then `count` times `filling`, then `tail`. */
static decoded_t decode_filled(const char *start, const char *filling,
                               size_t count, const char *tail)
{
    size_t filling_len = strlen(filling);
    char *text = malloc(strlen(start) + count * filling_len + strlen(tail) + 1);
    char *at;
    decoded_t result;

    CHECK(text != NULL);
    at = stpcpy(text, start);
    for (size_t i = 0; i < count; i++) {
        at = stpcpy(at, filling);
    }
    stpcpy(at, tail);
    result = decode_bytes(text, strlen(text), 4096);
    free(text);
    return result;
}

TEST(extensions_are_limited_over_all_chunks)
{
    CHECK_INT(decode_filled("1;", "e", 4095, "\r\nx\r\n" LAST).status, APR_EOF);
    CHECK_INT(decode_filled("1;", "e", 4096, "\r\nx\r\n" LAST).status,
              APR_EINVAL);
    CHECK_INT(decode_filled("1;", "e", 1048576, "").status, APR_EINVAL);
    CHECK_INT(decode_filled("", "1;e\r\nx\r\n", 2048, LAST).status, APR_EOF);
    CHECK_INT(decode_filled("", "1;e\r\nx\r\n", 2049, LAST).status, APR_EINVAL);
}

TEST(trailers_are_limited)
{
    CHECK_INT(decode_filled("0\r\n", "X: abcd\r\n", 900, "\r\n").status,
              APR_EOF);
    CHECK_INT(decode_filled("0\r\n", "X: abcd\r\n", 1100, "\r\n").status,
              APR_EINVAL);
    CHECK_INT(decode_filled("0\r\nX:", "e", 1048576, "").status, APR_EINVAL);
    CHECK_INT(decode_filled("0\r\n", "X", 1048576, "").status, APR_EINVAL);
}

TEST(many_tiny_chunks_are_decoded)
{
    decoded_t result = decode_filled("", "1\r\nx\r\n", 100000, LAST);

    CHECK_INT(result.status, APR_EOF);
    CHECK_INT(result.body_len, 100000);
}
