/* SPDX-License-Identifier: Apache-2.0 */

/* The cookie by which a visitor comes back to the process he had: see
 * PassengerStickySessions. Thread-safe. */
#ifndef PSG_STICKY_COOKIE_H
#define PSG_STICKY_COOKIE_H

#include <stdint.h>

/* Appends to `ids`, which has `count` of at most `max`, those numbers that
 * cookies of that name have in a Cookie header: a browser may send several, of
 * different paths. Anything else is passed over. Returns the new count. */
unsigned psg_sticky_cookie_ids(const char *header, const char *name,
                               uint32_t *ids, unsigned count, unsigned max);

#endif
