/* SPDX-License-Identifier: Apache-2.0 */

/* The table of byte classes. Read by response_head.c and chunked.c. */
#include "byte_class.h"

#define FIELD PSG_BYTE_FIELD
#define TOKEN (PSG_BYTE_TOKEN | PSG_BYTE_FIELD)

/* clang-format off: a table */
const unsigned char psg_byte_class[256] = {
    ['\t'] = FIELD,          [' '] = FIELD,
    ['!'] = TOKEN,           ['"'] = FIELD,
    ['#' ... '\''] = TOKEN,  ['(' ... ')'] = FIELD,
    ['*' ... '+'] = TOKEN,   [','] = FIELD,
    ['-' ... '.'] = TOKEN,   ['/'] = FIELD,
    ['0' ... '9'] = TOKEN,   [':' ... '@'] = FIELD,
    ['A' ... 'Z'] = TOKEN,   ['[' ... ']'] = FIELD,
    ['^' ... 'z'] = TOKEN, /* ^ _ ` and the small letters */
    ['{'] = FIELD,           ['|'] = TOKEN,
    ['}'] = FIELD,           ['~'] = TOKEN,
    [0x80 ... 0xff] = FIELD,
};
/* clang-format on */
