/* SPDX-License-Identifier: Apache-2.0 */

/* What makes two requests go to the same group, as bytes: the key under which
 * agent_client.c remembers groups. Made for every request, so made fast. */
#ifndef PSG_APP_IDENTITY_H
#define PSG_APP_IDENTITY_H

#include "mod_passenger.h"

/* The rows that are set and go with an app: of scope APP, but not those that
 * were of use in finding it and say nothing more about it, perhaps long lists. */
psg_row_set_t psg_app_identity_rows(const psg_options_t *options);

/* Writes the app and its options of scope APP to buf; returns the length, or 0
 * if they do not fit. The bytes mean something in this process only. */
size_t psg_app_identity(char *buf, size_t size, const psg_request_t *req);

#endif
