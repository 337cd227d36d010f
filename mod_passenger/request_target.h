/* SPDX-License-Identifier: Apache-2.0 */

/* What an app is told of the URI: as the visitor wrote it, unless httpd's
 * configuration rewrote it, and split where the app begins. */
#ifndef PSG_REQUEST_TARGET_H
#define PSG_REQUEST_TARGET_H

#include <httpd.h>

typedef struct {
    const char *path; /* with its escapes, not terminated; never empty */
    size_t path_len;
    const char *query;     /* NULL: there is no question mark */
    const char *path_info; /* below the app, with escapes, not terminated */
    size_t path_info_len;
    const char *decoded_path_info;
} psg_request_target_t;

/* base_uri: where the app is, "" for the root. Strings live as long as r. */
void psg_request_target_find(psg_request_target_t *target, request_rec *r,
                             const char *base_uri);

#endif
