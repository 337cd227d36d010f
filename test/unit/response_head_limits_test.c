/* SPDX-License-Identifier: Apache-2.0 */

/* How long an answer's head may be, and how much may be in it. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "response_head.h"

static psg_response_head_t head;

/* Parses a copy, which stays until the next call. */
static apr_status_t parse(const char *text, size_t len)
{
    static char *copy;

    free(copy);
    copy = malloc(len > 0 ? len : 1);
    CHECK(copy != NULL);
    memcpy(copy, text, len);
    return psg_response_head_parse(&head, copy, len, 0);
}

/* A head of `len` bytes: one header whose value fills it. */
static char *head_of_length(size_t len)
{
    static const char start[] = "HTTP/1.1 204 \r\nA: ";
    static const char end[4] = {'\r', '\n', '\r', '\n'};
    char *text = malloc(len);

    CHECK(text != NULL);
    strcpy(text, start);
    memset(text + strlen(start), 'x', len - strlen(start));
    memcpy(text + len - sizeof(end), end, sizeof(end));
    return text;
}

TEST(heads_up_to_the_limit_are_taken)
{
    char *text = head_of_length(PSG_HEAD_MAX);

    CHECK_INT(parse(text, PSG_HEAD_MAX), APR_SUCCESS);
    CHECK_INT(head.head_len, PSG_HEAD_MAX);
    CHECK_INT(parse(text, PSG_HEAD_MAX - 1), APR_EAGAIN);
    free(text);
    text = head_of_length(PSG_HEAD_MAX + 1);
    CHECK_INT(parse(text, PSG_HEAD_MAX - 1), APR_EAGAIN);
    CHECK_INT(parse(text, PSG_HEAD_MAX), APR_EINVAL);
    CHECK_CONTAINS(head.error, "64 KiB");
    CHECK_INT(parse(text, PSG_HEAD_MAX + 1), APR_EINVAL);
    CHECK_CONTAINS(head.error, "64 KiB");
    free(text);
}

TEST(long_heads_in_pieces_are_taken_when_complete)
{
    size_t len = 40000;
    char *text = head_of_length(len);

    for (size_t i = 0; i < len; i += 777) {
        CHECK_INT(parse(text, i), APR_EAGAIN);
    }
    CHECK_INT(parse(text, len), APR_SUCCESS);
    text[20000] = '\001';
    CHECK_INT(parse(text, len), APR_EINVAL);
    free(text);
}

TEST(header_count_is_limited)
{
    char text[PSG_HEAD_MAX];
    size_t len = (size_t)(stpcpy(text, "HTTP/1.1 204 \r\n") - text);

    for (int i = 0; i < PSG_HEADERS_MAX; i++) {
        len += (size_t)(stpcpy(text + len, "A: b\r\n") - (text + len));
    }
    strcpy(text + len, "\r\n");
    CHECK_INT(parse(text, strlen(text)), APR_SUCCESS);
    CHECK_INT(head.header_count, PSG_HEADERS_MAX);
    strcpy(text + len, "A: b\r\n\r\n");
    CHECK_INT(parse(text, strlen(text)), APR_EINVAL);
    CHECK_CONTAINS(head.error, "512 headers");
}

TEST(names_in_connection_are_limited)
{
    char text[1024] = "HTTP/1.1 204 \r\nConnection: close";

    for (int i = 0; i < 32; i++) {
        strcat(text, ", a");
    }
    strcat(text, "\r\n\r\n");
    CHECK_INT(parse(text, strlen(text)), APR_SUCCESS);
    strcpy(strstr(text, "\r\n\r\n"), ", a\r\n\r\n");
    CHECK_INT(parse(text, strlen(text)), APR_EINVAL);
    CHECK_CONTAINS(head.error, "too many names");
}
