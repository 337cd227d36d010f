/* SPDX-License-Identifier: Apache-2.0 */

/* Finds sticky ids in the value of a Cookie header. Called by the module's
 * sticky.c; a pure function, since visitors send what they like. */
#include "sticky_cookie.h"

#include <string.h>

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number that text begins with, if nothing but blanks is between it and the
 * end of the cookie; else 0. */
static uint32_t parse_id(const char *text)
{
    uint64_t id = 0;

    for (; is_digit(*text); text++) {
        id = id * 10 + (uint64_t)(*text - '0');
        if (id > UINT32_MAX) {
            return 0;
        }
    }
    text += strspn(text, " \t");
    return strchr(";,", *text) ? (uint32_t)id : 0; /* or the end */
}

unsigned psg_sticky_cookie_ids(const char *header, const char *name,
                               uint32_t *ids, unsigned count, unsigned max)
{
    size_t len = strlen(name);

    /* httpd joins several headers by commas. */
    for (; *header && count < max; header += strcspn(header, ";,")) {
        header += strspn(header, ";, \t");
        if (strncmp(header, name, len) == 0 && header[len] == '=') {
            uint32_t id = parse_id(header + len + 1);

            if (id != 0) {
                ids[count++] = id;
            }
        }
    }
    return count;
}
