/* SPDX-License-Identifier: Apache-2.0 */

/* Which app owns a URI: base URI, root, type, startup file and its owner. What
 * was found on disk is remembered for a short while, per child. */
#ifndef PSG_APP_LOOKUP_H
#define PSG_APP_LOOKUP_H

#include "mod_passenger.h"

/* APR_SUCCESS: *app is filled (in r->pool). APR_ENOENT: there is no app here,
 * the request is httpd's. Anything else: *problem says what is wrong, for the
 * log (a folder that may not be searched, an unknown app type). */
apr_status_t psg_app_lookup(psg_app_t *app, const char **problem,
                            request_rec *r, const psg_options_t *options);

apr_status_t psg_app_lookup_init(apr_pool_t *child_pool);

#endif
