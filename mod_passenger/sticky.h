/* SPDX-License-Identifier: Apache-2.0 */

/* Keeps a visitor at one process of an app, where PassengerStickySessions is
 * on, by a cookie with the process's random sticky id. */
#ifndef PSG_STICKY_H
#define PSG_STICKY_H

#include "mod_passenger.h"

/* Before the slot enters the group: it wishes for the process that the request's
 * cookie names, if that is one of the group's. */
void psg_sticky_wish(request_rec *r, uint32_t slot, uint32_t group);

/* That process answers. */
void psg_sticky_note(request_rec *r, const psg_process_t *process);

/* Adds the cookie to `headers` if the visitor came without it, or with that of
 * another process. */
void psg_sticky_set_cookie(request_rec *r, apr_table_t *headers);

#endif
