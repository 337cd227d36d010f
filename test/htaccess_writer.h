/* SPDX-License-Identifier: Apache-2.0 */

/* Makes up .htaccess files: our directives with values that are right, wrong
 * and hostile, other modules' directives, sections, bytes, lines without end. */
#ifndef HTACCESS_WRITER_H
#define HTACCESS_WRITER_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t state; /* of the generator: any number but 0 */
    char *text;     /* of the last file; not a string, NULs may be in it */
    size_t len, size;
} htaccess_writer_t;

/* The next file; text is valid until the next call. */
void htaccess_writer_next(htaccess_writer_t *writer);

#endif
