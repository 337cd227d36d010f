/* SPDX-License-Identifier: Apache-2.0 */

/* The page of PassengerCustomErrorPage. Who may write in an app's folder must not
 * have httpd show a file that is not his. */
#ifndef PSG_CUSTOM_PAGE_H
#define PSG_CUSTOM_PAGE_H

#include "mod_passenger.h"

enum {
    PSG_CUSTOM_PAGE_MAX = 64 * 1024
};

/* The page, in r->pool; NULL if there is none, or it cannot be shown, which is
 * logged at most once a second. */
const char *psg_custom_page_read(request_rec *r, const psg_request_t *request,
                                 size_t *len);

#endif
