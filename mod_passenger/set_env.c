/* SPDX-License-Identifier: Apache-2.0 */

/* Reads mod_env's configuration. Called by request_map.c and agent_client.c. */
#include "set_env.h"

#include <apr_strings.h>
#include <http_config.h>

/* mod_env.c keeps the layout of its configuration to itself; it has been this
 * since httpd 2.0. */
typedef struct {
    apr_table_t *vars;
    apr_table_t *unsetenv;
} mod_env_config_t;

static const module *mod_env;

void psg_set_env_init(void)
{
    mod_env = ap_find_linked_module("mod_env.c");
}

const apr_table_t *psg_set_env_of(const request_rec *r)
{
    const mod_env_config_t *config =
        mod_env ? ap_get_module_config(r->per_dir_config, mod_env) : NULL;

    return config && config->vars && !apr_is_empty_table(config->vars)
               ? config->vars
               : NULL;
}

void psg_set_env_add(psg_options_t *options, const apr_table_t *env,
                     apr_pool_t *pool)
{
    const apr_array_header_t *list = env ? apr_table_elts(env) : NULL;
    psg_options_t from_env = *psg_options_defaults();

    for (int i = 0; list && i < list->nelts; i++) {
        const apr_table_entry_t *entry =
            &APR_ARRAY_IDX(list, i, apr_table_entry_t);

        (void)psg_options_set(
            &from_env, PSG_OPT_env_vars,
            apr_pstrcat(pool, entry->key, "=", entry->val, NULL), pool);
    }
    if (psg_row_set_is_empty(&from_env.set)) {
        return;
    }
    if (psg_row_set_has(&options->set, PSG_OPT_env_vars)) {
        from_env.env_vars =
            apr_array_append(pool, from_env.env_vars, options->env_vars);
    }
    options->env_vars = from_env.env_vars;
    psg_row_set_add(&options->set, PSG_OPT_env_vars);
}
