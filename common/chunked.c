/* SPDX-License-Identifier: Apache-2.0 */

/* Decodes chunked bodies of apps' answers (RFC 9112, section 7.1): pure, strict,
 * restartable at any byte. Called by the module; declared in response_head.h. */
#include "response_head.h"

#include "byte_class.h"

enum {
    SIZE_DIGITS_MAX = 16,
    EXTENSIONS_MAX = 4096, /* bytes of extensions, over all chunks */
    TRAILERS_MAX = 8192,
};

/* States 0 to SIZE_DIGITS_MAX: so many digits of a chunk's size were read. */
typedef enum {
    EXTENSION_NAME = SIZE_DIGITS_MAX + 1, /* behind ";" */
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_LINE, /* at the start of a line behind the last chunk */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    COMPLETE,
    BROKEN,
} chunked_state_e;

void psg_chunked_init(psg_chunked_t *chunked)
{
    chunked->state = 0;
    chunked->extension_len = 0;
    chunked->left = 0;
}

/* The value of a hexadecimal digit, or -1. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Counts one more byte of what nobody reads; BROKEN when there are too many. */
static chunked_state_e ignored_byte(psg_chunked_t *chunked, uint32_t max,
                                    chunked_state_e next)
{
    return ++chunked->extension_len > max ? BROKEN : next;
}

static chunked_state_e size_byte(psg_chunked_t *chunked, char c)
{
    int digit = digit_value(c);

    if (digit >= 0) {
        /* Sizes fit 63 bits, so that callers may add them to an apr_off_t. */
        if (chunked->state == SIZE_DIGITS_MAX || chunked->left >> 59) {
            return BROKEN;
        }
        chunked->left = chunked->left << 4 | (unsigned)digit;
        return (chunked_state_e)(chunked->state + 1);
    }
    if (chunked->state == 0) {
        return BROKEN; /* a size has at least one digit */
    }
    if (c == ';') {
        return ignored_byte(chunked, EXTENSIONS_MAX, EXTENSION_NAME);
    }
    return c == '\r' ? SIZE_LF : BROKEN;
}

/* The end of a line of sizes: data follows, or the trailers. */
static chunked_state_e size_end(psg_chunked_t *chunked)
{
    if (chunked->left > 0) {
        return DATA;
    }
    chunked->extension_len = 0; /* trailers have a limit of their own */
    return TRAILER_LINE;
}

static chunked_state_e trailer_byte(psg_chunked_t *chunked, char c)
{
    chunked_state_e next = BROKEN;

    switch ((chunked_state_e)chunked->state) {
    case TRAILER_LINE:
        if (c == '\r') {
            return LAST_LF;
        }
        next = psg_byte_is(c, PSG_BYTE_TOKEN) ? TRAILER_NAME : BROKEN;
        break;
    case TRAILER_NAME:
        if (c == ':') {
            next = TRAILER_VALUE;
        }
        else if (psg_byte_is(c, PSG_BYTE_TOKEN)) {
            next = TRAILER_NAME;
        }
        break;
    case TRAILER_VALUE:
        if (c == '\r') {
            next = TRAILER_LF;
        }
        else if (psg_byte_is(c, PSG_BYTE_FIELD)) {
            next = TRAILER_VALUE;
        }
        break;
    default: /* TRAILER_LF */
        next = c == '\n' ? TRAILER_LINE : BROKEN;
        break;
    }
    return next == BROKEN ? BROKEN : ignored_byte(chunked, TRAILERS_MAX, next);
}

/* The state after one byte of framing. */
static chunked_state_e framing_byte(psg_chunked_t *chunked, char c)
{
    if (chunked->state <= SIZE_DIGITS_MAX) {
        return size_byte(chunked, c);
    }
    switch ((chunked_state_e)chunked->state) {
    case EXTENSION_NAME:
        return psg_byte_is(c, PSG_BYTE_TOKEN)
                   ? ignored_byte(chunked, EXTENSIONS_MAX, EXTENSION)
                   : BROKEN;
    case EXTENSION:
        if (c == '\r') {
            return SIZE_LF;
        }
        return psg_byte_is(c, PSG_BYTE_FIELD)
                   ? ignored_byte(chunked, EXTENSIONS_MAX, EXTENSION)
                   : BROKEN;
    case SIZE_LF:
        return c == '\n' ? size_end(chunked) : BROKEN;
    case DATA_CR:
        return c == '\r' ? DATA_LF : BROKEN;
    case DATA_LF:
        return c == '\n' ? (chunked_state_e)0 : BROKEN;
    case TRAILER_LINE:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
        return trailer_byte(chunked, c);
    case LAST_LF:
        return c == '\n' ? COMPLETE : BROKEN;
    default:
        return BROKEN;
    }
}

apr_status_t psg_chunked_decode(psg_chunked_t *chunked, const char *buf,
                                size_t len, const char **data, size_t *data_len,
                                size_t *used)
{
    size_t i = 0;

    *data = buf;
    *data_len = 0;
    while (i < len && chunked->state < COMPLETE) {
        if (chunked->state == DATA) {
            size_t run = len - i < chunked->left ? len - i : chunked->left;

            *data = buf + i;
            *data_len = run;
            *used = i + run;
            chunked->left -= run;
            if (chunked->left == 0) {
                chunked->state = DATA_CR;
            }
            return APR_SUCCESS;
        }
        chunked->state = framing_byte(chunked, buf[i++]);
    }
    *used = i;
    if (chunked->state == BROKEN) {
        return APR_EINVAL;
    }
    return chunked->state == COMPLETE ? APR_EOF : APR_SUCCESS;
}
