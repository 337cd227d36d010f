/* SPDX-License-Identifier: Apache-2.0 */

/* PassengerPreStart: starts apps with httpd, before anybody asks for them. */
#ifndef PSG_PRE_START_H
#define PSG_PRE_START_H

#include <apr_uri.h>

#include "mod_passenger.h"

/* For a child that has joined the scoreboard (psg_child), at child_init. One
 * child of each configuration maps the URLs to apps and tells the agent: in a
 * thread of its own if httpd has threads, else here, for ten seconds at most.
 * What cannot be done is logged. */
void psg_pre_start(server_rec *main_server);

/* Whether url can be one; then its parts, in pool. */
int psg_pre_start_parse(apr_uri_t *uri, const char *url, apr_pool_t *pool);

#endif
