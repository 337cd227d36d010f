/* SPDX-License-Identifier: Apache-2.0 */

/* Directives: the command table made from options.def, create and merge. */
#ifndef PSG_CONFIG_H
#define PSG_CONFIG_H

#include "mod_passenger.h"

extern const command_rec psg_config_directives[];
void *psg_config_create_dir(apr_pool_t *pool, char *dir);
void *psg_config_merge_dir(apr_pool_t *pool, void *base, void *add);

/* Hook pre_config: forgets what an earlier reading of the configuration left. */
int psg_config_begin(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);

/* Where an option was set. */
typedef struct {
    psg_option_e option;
    const char *file;
    int line;
} psg_origin_t;

/* Where row i was set, of an array of psg_origin_t or NULL; NULL if nowhere.
 * Origins are noted for httpd -t only, since every byte counts otherwise. */
const psg_origin_t *psg_config_origin(const apr_array_header_t *origins,
                                      psg_option_e i);

/* Options of scope GLOBAL, valid from post_config on; never NULL after it. */
const psg_options_t *psg_global_options(void);

/* Where they were set, an array of psg_origin_t; NULL but with httpd -t. */
apr_array_header_t *psg_global_origins(void);

/* What PassengerUser and PassengerGroup named anywhere in the server
 * configuration: NUL-terminated strings one after the other. */
const char *psg_config_users_list(size_t *len);

#endif
