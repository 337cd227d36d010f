/* SPDX-License-Identifier: Apache-2.0 */

/* What makes two requests go to the same group, as bytes: the key under which
 * agent_client.c remembers groups. Made for every request, so made fast. */
#ifndef PSG_APP_IDENTITY_H
#define PSG_APP_IDENTITY_H

#include "mod_passenger.h"

/* Bits of psg_options_t.set: what was of use in finding the app and says nothing
 * more about it. These may be long lists. */
#define PSG_ROWS_TO_FIND                                               \
    (UINT64_C(1) << PSG_OPT_base_uri | UINT64_C(1) << PSG_OPT_app_root \
     | UINT64_C(1) << PSG_OPT_htaccess                                 \
     | UINT64_C(1) << PSG_OPT_htaccess_interpreters)

/* Writes the app and its options of scope APP to buf; returns the length, or 0
 * if they do not fit. The bytes mean something in this process only. */
size_t psg_app_identity(char *buf, size_t size, const psg_request_t *req);

#endif
