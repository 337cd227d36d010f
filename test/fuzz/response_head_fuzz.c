/* SPDX-License-Identifier: Apache-2.0 */

/* Feeds hostile heads to the parser of answers, whole and in pieces: what it
 * takes is right, and the pieces do not matter. Run by `make fuzz`. */
#include <stdlib.h>
#include <string.h>

#include "byte_class.h"
#include "response_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static int is_all(const char *text, size_t len, int class)
{
    for (size_t i = 0; i < len; i++) {
        if (!psg_byte_is(text[i], class)) {
            return 0;
        }
    }
    return 1;
}

/* What every accepted head promises to those who use it. */
static void check_head(const psg_response_head_t *head, const char *buf,
                       size_t len)
{
    require(head->error == NULL);
    require(head->status >= 100 && head->status <= 599 && head->status != 101);
    require(head->head_len <= len && head->head_len <= PSG_HEAD_MAX);
    require(buf[head->head_len - 1] == '\n');
    require(is_all(head->reason, strlen(head->reason), PSG_BYTE_FIELD));
    require(head->header_count <= PSG_HEADERS_MAX);
    require(head->content_length <= INT64_MAX);
    require(head->body != PSG_BODY_LENGTH || head->has_content_length);
    require(head->body != PSG_BODY_CLOSE || head->close);
    for (unsigned i = 0; i < head->header_count; i++) {
        const psg_header_t *header = &head->headers[i];

        require(header->name >= buf
                && header->value + header->value_len < buf + head->head_len);
        require(header->name_len > 0 && header->name[header->name_len] == '\0'
                && header->value[header->value_len] == '\0');
        require(is_all(header->name, header->name_len, PSG_BYTE_TOKEN));
        require(is_all(header->value, header->value_len, PSG_BYTE_FIELD));
        require(strcasecmp(header->name, "Transfer-Encoding") != 0
                && strcasecmp(header->name, "Connection") != 0);
    }
}

static void check_same(const psg_response_head_t *a,
                       const psg_response_head_t *b)
{
    require(a->status == b->status && a->body == b->body && a->close == b->close
            && a->head_len == b->head_len
            && a->has_content_length == b->has_content_length
            && a->content_length == b->content_length
            && a->header_count == b->header_count);
    require(strcmp(a->reason, b->reason) == 0);
    for (unsigned i = 0; i < a->header_count; i++) {
        require(strcmp(a->headers[i].name, b->headers[i].name) == 0);
        require(strcmp(a->headers[i].value, b->headers[i].value) == 0);
    }
}

/* Parses with more and more bytes; the seed says how many at a time. */
static apr_status_t parse_in_pieces(psg_response_head_t *head, char *buf,
                                    const uint8_t *data, size_t size,
                                    uint32_t seed, int is_head)
{
    apr_status_t rv = APR_EAGAIN;
    size_t len = 0;

    memcpy(buf, data, size);
    while (rv == APR_EAGAIN && len < size) {
        seed = seed * 1664525 + 1013904223;
        len += 1 + (seed >> 16) % (1 + size / 8);
        len = len < size ? len : size;
        rv = psg_response_head_parse(head, buf, len, is_head);
        if (rv != APR_SUCCESS) {
            require(memcmp(buf, data, size) == 0);
        }
    }
    return rv;
}

/* The first byte: HEAD or not, and a seed; the rest is the head. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static psg_response_head_t whole, pieces;
    uint8_t seed;
    char *buf, *copy;
    apr_status_t rv, rv_pieces;

    if (size < 2) {
        return 0;
    }
    seed = *data++;
    size--;
    buf = malloc(size);
    copy = malloc(size);
    require(buf != NULL && copy != NULL);
    memcpy(buf, data, size);
    rv = psg_response_head_parse(&whole, buf, size, seed & 1);
    rv_pieces = parse_in_pieces(&pieces, copy, data, size, seed, seed & 1);
    /* A long head that is not complete may be known to be wrong from an earlier
     * look already; whatever is complete has one verdict. */
    require(rv == rv_pieces
            || (rv == APR_EAGAIN && rv_pieces == APR_EINVAL && size > 4096));
    if (rv == APR_SUCCESS) {
        check_head(&whole, buf, size);
        check_same(&whole, &pieces);
        require(memcmp(buf + whole.head_len, data + whole.head_len,
                       size - whole.head_len)
                == 0);
    }
    else if (rv == APR_EINVAL) {
        require(strcmp(whole.error, pieces.error) == 0);
    }
    else {
        require(rv == APR_EAGAIN && size < PSG_HEAD_MAX);
    }
    free(buf);
    free(copy);
    return 0;
}
