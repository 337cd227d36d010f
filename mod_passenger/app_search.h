/* SPDX-License-Identifier: Apache-2.0 */

/* Looks at the disk for the app of a place. Called by app_lookup.c when it does
 * not remember the answer. */
#ifndef PSG_APP_SEARCH_H
#define PSG_APP_SEARCH_H

#include "mod_passenger.h"

/* Where an app would be, by configuration alone. */
typedef struct {
    const char *base_uri; /* below docroot; "" for its own app */
    const char *docroot;
    const psg_options_t *options;
} psg_app_place_t;

/* What the disk said. */
typedef struct {
    apr_status_t status;
    const char *problem;
    const char *root;
    const char *startup_file;
    const psg_app_type_t *type;
    apr_uid_t owner;
    apr_gid_t owner_gid;
} psg_app_answer_t;

/* Fills *answer: APR_ENOENT and others mean that there is no app, unless
 * `problem` is set. */
void psg_app_search(psg_app_answer_t *answer, const psg_app_place_t *place,
                    apr_pool_t *pool);

#endif
