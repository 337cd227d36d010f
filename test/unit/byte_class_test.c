/* SPDX-License-Identifier: Apache-2.0 */

/* The table of byte classes says what RFC 9110 says. */
#include "test.h"

#include <string.h>

#include "byte_class.h"

TEST(byte_classes_are_those_of_the_rfc)
{
    static const char token_marks[] = "!#$%&'*+-.^_`|~";

    for (int byte = 0; byte < 256; byte++) {
        int alnum = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z')
                    || (byte >= 'a' && byte <= 'z');
        int token = alnum || (byte != 0 && strchr(token_marks, byte) != NULL);
        int field = byte == '\t' || (byte >= ' ' && byte != 0x7f);

        CHECK_INT(!!psg_byte_is(byte, PSG_BYTE_TOKEN), token);
        CHECK_INT(!!psg_byte_is(byte, PSG_BYTE_FIELD), field);
    }
}
