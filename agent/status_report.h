/* SPDX-License-Identifier: Apache-2.0 */

/* What the admin socket answers to "status", as text for people. */
#ifndef STATUS_REPORT_H
#define STATUS_REPORT_H

#include <stdio.h>

#include <apr_pools.h>
#include <jansson.h>

/* Texts are escaped: a terminal obeys what an app's name may hold. */
void status_report_print(FILE *out, const json_t *status, apr_pool_t *pool);

#endif
