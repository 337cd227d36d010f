/* SPDX-License-Identifier: Apache-2.0 */

/* The places of the server configuration: servers and the <Directory> and
 * <Location> sections with directives of ours, each with all that holds there.
 * For what is done while httpd starts; .htaccess files are not looked at. */
#ifndef PSG_CONFIG_WALK_H
#define PSG_CONFIG_WALK_H

#include "app_search.h"
#include "mod_passenger.h"

typedef struct {
    apr_pool_t *pool;
    const server_rec *server;
    const char *docroot;           /* NULL: none */
    const char *kind;              /* "Directory" or "Location"; NULL: server */
    const char *name;              /* what the section is for; NULL: server */
    const psg_dir_config_t *own;   /* what it says itself */
    const psg_dir_config_t *holds; /* all that holds, what it inherits, too */
} psg_config_place_t;

typedef void (*psg_config_visit_fn)(const psg_config_place_t *place);

void psg_config_walk(server_rec *main_server, psg_config_visit_fn visit,
                     apr_pool_t *pool);

typedef void (*psg_config_app_fn)(const psg_config_place_t *at,
                                  const char *base_uri,
                                  const psg_app_answer_t *answer);

/* Looks for the apps that can get requests for the place: of each base URI, and
 * of all other URIs. There must be a docroot. */
void psg_config_find_apps(const psg_config_place_t *at,
                          psg_config_app_fn found);

/* Whether `inner` is `outer` or below it; both are paths or URIs. */
int psg_config_covers(const char *outer, const char *inner);

#endif
