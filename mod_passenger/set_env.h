/* SPDX-License-Identifier: Apache-2.0 */

/* What SetEnv and PassEnv set, for the processes of an app. */
#ifndef PSG_SET_ENV_H
#define PSG_SET_ENV_H

#include "mod_passenger.h"

/* Hook post_config: finds mod_env, if it is loaded. */
void psg_set_env_init(void);

/* What the configuration of this request's place says; NULL if nothing. What
 * other modules put into the request's environment is not in it: much of that
 * is the visitor's. */
const apr_table_t *psg_set_env_of(const request_rec *r);

/* Puts it in front of options->env_vars; names that are none are left out. */
void psg_set_env_add(psg_options_t *options, const apr_table_t *env,
                     apr_pool_t *pool);

#endif
