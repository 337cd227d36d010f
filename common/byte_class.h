/* SPDX-License-Identifier: Apache-2.0 */

/* Which bytes HTTP allows where (RFC 9110, section 5): one table for all parsers. */
#ifndef PSG_BYTE_CLASS_H
#define PSG_BYTE_CLASS_H

enum {
    PSG_BYTE_TOKEN = 1, /* tchar: header names, connection options */
    PSG_BYTE_FIELD = 2, /* header values: visible, 0x80-0xff, space, tab */
};

extern const unsigned char psg_byte_class[256];

#define psg_byte_is(byte, class) \
    (psg_byte_class[(unsigned char)(byte)] & (class))

#endif
