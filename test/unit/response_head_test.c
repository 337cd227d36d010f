/* SPDX-License-Identifier: Apache-2.0 */

/* What the parser of answers' heads takes, what it refuses, and that neither
 * depends on how the bytes arrive. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "byte_class.h"
#include "response_head.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define LENGTH_2 "Content-Length: 2\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define END "\r\n"

static psg_response_head_t head;

/* Parses a copy that ends exactly where the text does, so that a sanitizer sees
 * every byte too far. The copy stays until the next call. */
static apr_status_t parse_bytes(const char *text, size_t len, int is_head)
{
    static char *copy;

    free(copy);
    copy = malloc(len > 0 ? len : 1);
    CHECK(copy != NULL);
    memcpy(copy, text, len);
    memset(&head, 0x5a, sizeof(head));
    return psg_response_head_parse(&head, copy, len, is_head);
}

static apr_status_t parse(const char *text)
{
    return parse_bytes(text, strlen(text), 0);
}

static const char *value_of(const char *name)
{
    for (unsigned i = 0; i < head.header_count; i++) {
        if (strcmp(head.headers[i].name, name) == 0) {
            CHECK_INT(strlen(head.headers[i].value), head.headers[i].value_len);
            return head.headers[i].value;
        }
    }
    return NULL;
}

TEST(plain_head_is_understood)
{
    CHECK_INT(parse("HTTP/1.1 404 Not Found\r\nContent-Type:text/plain\r\n"
                    "X-Empty:\r\nX-Spaced: \t a b \t\r\nContent-Length: 5\r\n"
                    "\r\nhello"),
              APR_SUCCESS);
    CHECK_INT(head.status, 404);
    CHECK_STR(head.reason, "Not Found");
    CHECK_INT(head.body, PSG_BODY_LENGTH);
    CHECK_INT(head.has_content_length, 1);
    CHECK_INT(head.content_length, 5);
    CHECK_INT(head.close, 0);
    CHECK_INT(head.header_count, 4);
    CHECK_STR(value_of("Content-Type"), "text/plain");
    CHECK_STR(value_of("X-Empty"), "");
    CHECK_STR(value_of("X-Spaced"), "a b");
    CHECK_STR(value_of("Content-Length"), "5");
    CHECK_INT(head.head_len, 99);
    CHECK(head.error == NULL);
}

TEST(repeated_headers_stay_apart_and_in_order)
{
    CHECK_INT(parse(OK "Set-Cookie: a=1\r\nset-cookie: b=2\r\n" END),
              APR_SUCCESS);
    CHECK_INT(head.header_count, 2);
    CHECK_STR(head.headers[0].value, "a=1");
    CHECK_STR(head.headers[1].name, "set-cookie");
    CHECK_STR(head.headers[1].value, "b=2");
}

/* clang-format off: a table */
static const struct {
    const char *text;
    int is_head, body, close, has_length;
} framings[] = {
    {OK LENGTH_2 END, 0, PSG_BODY_LENGTH, 0, 1},
    {OK LENGTH_2 LENGTH_2 END, 0, PSG_BODY_LENGTH, 0, 1},
    {OK "content-length:0\r\n" END, 0, PSG_BODY_NONE, 0, 1},
    {OK "Content-Length: 9223372036854775807\r\n" END, 0, PSG_BODY_LENGTH, 0,
     1},
    {OK CHUNKED END, 0, PSG_BODY_CHUNKED, 0, 0},
    {OK "transfer-encoding:CHUNKED \r\n" END, 0, PSG_BODY_CHUNKED, 0, 0},
    {OK END, 0, PSG_BODY_CLOSE, 1, 0},
    {OK END, 1, PSG_BODY_NONE, 0, 0},
    {OK LENGTH_2 END, 1, PSG_BODY_NONE, 0, 1},
    {OK CHUNKED END, 1, PSG_BODY_NONE, 0, 0},
    {OK LENGTH_2 "Connection: close\r\n" END, 0, PSG_BODY_LENGTH, 1, 1},
    {OK LENGTH_2 "Connection: x, ,CLOSE\r\n" END, 0, PSG_BODY_LENGTH, 1, 1},
    {OK LENGTH_2 "Connection: keep-alive\r\n" END, 0, PSG_BODY_LENGTH, 0, 1},
    {OK LENGTH_2 "Connection: closed\r\n" END, 0, PSG_BODY_LENGTH, 0, 1},
    {OK LENGTH_2 "Connection:\r\n" END, 0, PSG_BODY_LENGTH, 0, 1},
    {OK LENGTH_2 "Connection: content-length\r\n" END, 0, PSG_BODY_LENGTH, 0,
     1},
    {OK "Connection: transfer-encoding\r\n" CHUNKED END, 0, PSG_BODY_CHUNKED, 0,
     0},
    {"HTTP/1.0 200 OK\r\n" LENGTH_2 END, 0, PSG_BODY_LENGTH, 1, 1},
    {"HTTP/1.0 200 OK\r\n" END, 0, PSG_BODY_CLOSE, 1, 0},
    {"HTTP/1.0 200 \r\n" LENGTH_2 "Connection: Keep-Alive\r\n" END, 0,
     PSG_BODY_LENGTH, 0, 1},
    {"HTTP/1.0 200 \r\n" LENGTH_2 "Connection: close, keep-alive\r\n" END, 0,
     PSG_BODY_LENGTH, 1, 1},
    {"HTTP/1.1 204 \r\n" END, 0, PSG_BODY_NONE, 0, 0},
    {"HTTP/1.1 204 \r\nContent-Length: 0\r\n" END, 0, PSG_BODY_NONE, 0, 1},
    {"HTTP/1.1 204 \r\n" LENGTH_2 END, 0, PSG_BODY_NONE, 1, 1},
    {"HTTP/1.1 204 \r\n" CHUNKED END, 0, PSG_BODY_NONE, 1, 0},
    {"HTTP/1.1 304 \r\n" LENGTH_2 END, 0, PSG_BODY_NONE, 0, 1},
    {"HTTP/1.1 304 \r\n" CHUNKED END, 0, PSG_BODY_NONE, 0, 0},
    {"HTTP/1.1 100 Continue\r\n" END, 0, PSG_BODY_NONE, 0, 0},
    {"HTTP/1.1 103 Early\r\nLink: </a>\r\n" END, 0, PSG_BODY_NONE, 0, 0},
};
/* clang-format on */

TEST(framing_is_as_the_head_says)
{
    for (size_t i = 0; i < sizeof(framings) / sizeof(framings[0]); i++) {
        const char *text = framings[i].text;

        if (parse_bytes(text, strlen(text), framings[i].is_head)
            != APR_SUCCESS) {
            FAIL("refused (%s): %s", head.error ? head.error : "?", text);
        }
        if ((int)head.body != framings[i].body
            || head.close != framings[i].close
            || head.has_content_length != framings[i].has_length) {
            FAIL("body %d, close %d, length %d: %s", head.body, head.close,
                 head.has_content_length, text);
        }
    }
}

/* clang-format off: a table */
static const struct {
    const char *text, *error;
} malformed[] = {
    {"hello", "does not begin"},
    {"\r\n" OK LENGTH_2 END, "does not begin"},
    {" " OK END, "does not begin"},
    {"200 OK\r\n" END, "does not begin"},
    {"Status: 200 OK\r\n" END, "does not begin"},
    {"http/1.1 200 OK\r\n" END, "does not begin"},
    {"HTTP/0.9 200 OK\r\n" END, "does not begin"},
    {"HTTP/2.0 200 OK\r\n" END, "does not begin"},
    {"HTTP/2 200 OK\r\n" END, "does not begin"},
    {"HTTP/1.2 200 OK\r\n" END, "version"},
    {"HTTP/1.10 200 OK\r\n" END, "does not begin"},
    {"HTTP/1.1  200 OK\r\n" END, "does not begin"},
    {"HTTP/1.1\t200 OK\r\n" END, "does not begin"},
    {"HTTP/1.1 200\r\n" END, "does not begin"},
    {"HTTP/1.1 200\n\n", "does not begin"},
    {"HTTP/1.1 20 OK\r\n" END, "does not begin"},
    {"HTTP/1.1 20x OK\r\n" END, "does not begin"},
    {"HTTP/1.1 1000 OK\r\n" END, "does not begin"},
    {"HTTP/1.1 +20 OK\r\n" END, "does not begin"},
    {"HTTP/1.1 099 OK\r\n" END, "between 100 and 599"},
    {"HTTP/1.1 000 OK\r\n" END, "between 100 and 599"},
    {"HTTP/1.1 600 OK\r\n" END, "between 100 and 599"},
    {"HTTP/1.1 101 Switching\r\n" END, "not asked for"},
    {"HTTP/1.1 200 OK\n" LENGTH_2 END, "LF instead of CRLF"},
    {"HTTP/1.1 200 OK\r" LENGTH_2 END, "CR without LF"},
    {"HTTP/1.1 200 O\rK\r\n" END, "CR without LF"},
    {"HTTP/1.1 200 O\001K\r\n" END, "control character"},
    {"HTTP/1.1 200 O\177K\r\n" END, "control character"},
    {OK OK END, "no colon"},
    {OK "\n", "LF instead of CRLF"},
    {OK "\rX", "CR without LF"},
    {OK "\r\rX", "CR without LF"},
    {OK LENGTH_2 "\rX", "CR without LF"},
    {OK "A: b\nC: d\r\n" END, "LF instead of CRLF"},
    {OK "A: b\rC: d\r\n" END, "CR without LF"},
    {OK "A: b\r\r\n" END, "CR without LF"},
    {OK "A: b\001\r\n" END, "control character"},
    {OK "A: b\013\r\n" END, "control character"},
    {OK "A: b\177\r\n" END, "control character"},
    {OK " A: b\r\n" END, "white space"},
    {OK "A: b\r\n c\r\n" END, "white space"},
    {OK "A: b\r\n\tc\r\n" END, "white space"},
    {OK "A\r\n B: c\r\n" END, "no colon"},
    {OK "A : b\r\n" END, "no colon"},
    {OK "A\t: b\r\n" END, "no colon"},
    {OK "A B: c\r\n" END, "no colon"},
    {OK "A\r\n" END, "no colon"},
    {OK ": b\r\n" END, "without a name"},
    {OK "A\303\244: b\r\n" END, "not allowed"},
    {OK "A(: b\r\n" END, "not allowed"},
    {OK "A\n: b\r\n" END, "not allowed"},
    {OK "A\r: b\r\n" END, "not allowed"},
    {OK LENGTH_2 "Content-Length: 3\r\n" END, "differ"},
    {OK LENGTH_2 "content-length: 3\r\n" END, "differ"},
    {OK "Content-Length: 5, 5\r\n" END, "not a number"},
    {OK "Content-Length:\r\n" END, "not a number"},
    {OK "Content-Length: +5\r\n" END, "not a number"},
    {OK "Content-Length: -5\r\n" END, "not a number"},
    {OK "Content-Length: 0x5\r\n" END, "not a number"},
    {OK "Content-Length: 5_0\r\n" END, "not a number"},
    {OK "Content-Length: 5 0\r\n" END, "not a number"},
    {OK "Content-Length: 5.0\r\n" END, "not a number"},
    {OK "Content-Length: 1e3\r\n" END, "not a number"},
    {OK "Content-Length: \"5\"\r\n" END, "not a number"},
    {OK "Content-Length: \240"
        "5\r\n" END,
     "not a number"},
    {OK "Content-Length: \331\243\r\n" END, "not a number"},
    {OK "Content-Length: 9223372036854775808\r\n" END, "not a number"},
    {OK "Content-Length: 18446744073709551617\r\n" END, "not a number"},
    {OK "Content-Length: 99999999999999999999999\r\n" END, "not a number"},
    {OK "Content-Length : 5\r\n" END, "no colon"},
    {OK LENGTH_2 CHUNKED END, "both"},
    {OK CHUNKED LENGTH_2 END, "both"},
    {OK CHUNKED "Content-Length: 0\r\n" END, "both"},
    {OK "Content-Length: 0\r\n" CHUNKED END, "both"},
    {OK CHUNKED CHUNKED END, "two Transfer-Encodings"},
    {OK "Transfer-Encoding: identity\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: gzip, chunked\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: chunked, identity\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: ,chunked\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: chunked,\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: xchunked\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: chunkedchunked\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: \"chunked\"\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: chunked;a=b\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: chunked\240\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: \205chunked\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding: chunked\013\r\n" END, "control character"},
    {OK "Transfer-Encoding: chunked\014\r\n" END, "control character"},
    {OK "Transfer-Encoding:\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding:\r\n chunked\r\n" END, "other than chunked"},
    {OK "Transfer-Encoding : chunked\r\n" END, "no colon"},
    {"HTTP/1.0 200 OK\r\n" CHUNKED END, "HTTP/1.0"},
    {"HTTP/1.1 100 \r\n" LENGTH_2 END, "interim"},
    {"HTTP/1.1 103 \r\n" CHUNKED END, "interim"},
    {OK "Connection: \"close\"\r\n" END, "not a list"},
    {OK "Connection: close;x\r\n" END, "not a list"},
    {OK "Connection: a b\r\n" END, "not a list"},
};
/* clang-format on */

TEST(malformed_heads_are_refused_with_the_reason)
{
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        apr_status_t rv = parse(malformed[i].text);

        if (rv != APR_EINVAL) {
            FAIL("row %d: status %d: %s", (int)i, rv, malformed[i].text);
        }
        CHECK_CONTAINS(head.error, malformed[i].error);
    }
}

/* Parses longer and longer beginnings until there is a verdict; *known is set to
 * the length that took. Until then nothing may be changed or promised. */
static apr_status_t parse_growing(char *copy, const char *text, size_t len,
                                  size_t *known)
{
    apr_status_t rv = APR_EAGAIN;

    for (*known = 0; rv == APR_EAGAIN && *known <= len; ++*known) {
        CHECK(memcmp(copy, text, len) == 0);
        rv = psg_response_head_parse(&head, copy, *known, 0);
        CHECK(rv != APR_EAGAIN || head.error == NULL);
    }
    --*known;
    return rv;
}

/* However the bytes arrive, the verdict is that of the whole. */
static void check_splits(const char *text, size_t len)
{
    apr_status_t whole = parse_bytes(text, len, 0);
    psg_response_head_t expected = head;
    char *copy = malloc(len + 1);
    size_t known;

    CHECK(copy != NULL);
    memcpy(copy, text, len);
    CHECK_INT(parse_growing(copy, text, len, &known), whole);
    if (whole == APR_SUCCESS) {
        CHECK_INT(known, expected.head_len);
        CHECK_INT(head.head_len, expected.head_len);
        CHECK_INT(head.header_count, expected.header_count);
        CHECK_INT(head.body, expected.body);
        CHECK_INT(head.close, expected.close);
    }
    else if (whole == APR_EINVAL) {
        CHECK_STR(head.error, expected.error);
        CHECK(memcmp(copy, text, len) == 0);
    }
    free(copy);
}

TEST(splits_at_any_byte_change_nothing)
{
    for (size_t i = 0; i < sizeof(framings) / sizeof(framings[0]); i++) {
        if (!framings[i].is_head) {
            check_splits(framings[i].text, strlen(framings[i].text));
        }
    }
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        check_splits(malformed[i].text, strlen(malformed[i].text));
    }
}

/* Whether a byte at that place of the sample below leaves the head right. */
static int may_stand_at(size_t place, const char *sample, unsigned char byte)
{
    size_t reason = strlen("HTTP/1.1 200 ");
    size_t name = strstr(sample, "Xname") - sample;
    size_t value = strstr(sample, "Xvalue") - sample;

    if (place >= name && place < name + 5) {
        /* A colon ends the name sooner, but not before its first byte. */
        return psg_byte_is(byte, PSG_BYTE_TOKEN)
               || (byte == ':' && place > name);
    }
    if ((place >= value && place < value + 6)
        || (place >= reason && place < reason + 6)) {
        return psg_byte_is(byte, PSG_BYTE_FIELD) != 0;
    }
    return -1;
}

static void check_byte_at(const char *sample, size_t len, size_t place,
                          unsigned char byte)
{
    char text[128];
    int right = may_stand_at(place, sample, byte);
    apr_status_t rv;

    memcpy(text, sample, len);
    text[place] = (char)byte;
    rv = parse_bytes(text, len, 0);
    if (right >= 0 && (rv == APR_SUCCESS) != right) {
        FAIL("byte 0x%02x at %d: status %d", byte, (int)place, rv);
    }
    if (rv == APR_SUCCESS) {
        CHECK_INT(head.head_len, len);
        CHECK(head.status >= 100 && head.status <= 599);
    }
    check_splits(text, len);
}

TEST(every_byte_is_right_or_refused_at_every_place)
{
    static const char sample[] = "HTTP/1.1 200 Reason\r\nXname: Xvalue\r\n"
                                 "Content-Length: 2\r\n\r\n";

    for (size_t place = 0; place < sizeof(sample) - 1; place++) {
        for (int byte = 0; byte < 256; byte++) {
            check_byte_at(sample, sizeof(sample) - 1, place,
                          (unsigned char)byte);
        }
    }
}

TEST(nul_is_refused_everywhere)
{
    static const char sample[] = OK "A: b\r\n" LENGTH_2 END;

    for (size_t i = 0; i < sizeof(sample); i++) {
        char text[sizeof(sample)];

        /* One byte more: the NUL is put in, nothing is lost. */
        memcpy(text, sample, i);
        text[i] = '\0';
        memcpy(text + i + 1, sample + i, sizeof(sample) - 1 - i);
        CHECK_INT(parse_bytes(text, sizeof(sample), 0),
                  i == sizeof(sample) - 1 ? APR_SUCCESS : APR_EINVAL);
    }
}

TEST(headers_of_the_connection_are_stripped)
{
    CHECK_INT(parse(OK "Keep-Alive: timeout=5\r\nTE: x\r\nTrailer: X\r\n"
                       "Upgrade: h2c\r\nProxy-Authenticate: x\r\n"
                       "proxy-connection: x\r\nX-A: 1\r\nProxied: 1\r\n"
                       "Connection: x-a, Set-Cookie,keep-alive\r\n"
                       "Set-Cookie: a\r\nX-Ab: 2\r\n"
                       "connection: CONTENT-length,X-C\r\nX-C: 3\r\n"
                       "Content-Length: 2\r\n" END),
              APR_SUCCESS);
    CHECK_INT(head.header_count, 3);
    CHECK_STR(value_of("Proxied"), "1");
    CHECK_STR(value_of("X-Ab"), "2");
    CHECK_STR(value_of("Content-Length"), "2");
    CHECK_INT(parse(OK CHUNKED "A: b\r\n" END), APR_SUCCESS);
    CHECK_INT(head.header_count, 1);
    CHECK_INT(parse(OK LENGTH_2 LENGTH_2 END), APR_SUCCESS);
    CHECK_INT(head.header_count, 1);
}
