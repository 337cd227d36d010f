/* SPDX-License-Identifier: Apache-2.0 */

/* Puts what the longer URI's section says behind what the shorter one's says.
 * Called by mod_passenger.c when the configuration is complete. */
#include "app_sections.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>

#include "config_walk.h"

/* A <Location> that names an app. */
typedef struct {
    const char *uri;
    const psg_dir_config_t *config;
    int position; /* among all of its server; a later one wins */
} section_t;

static int names_app(const psg_options_t *options)
{
    return psg_row_set_has(&options->set, PSG_OPT_app_root)
           || psg_row_set_has(&options->set, PSG_OPT_app_start_command);
}

static int by_length(const void *a, const void *b)
{
    size_t one = strlen(((const section_t *)a)->uri);
    size_t other = strlen(((const section_t *)b)->uri);

    return one < other ? -1 : one > other;
}

/* Those whose URI is no pattern, the shortest first. */
static apr_array_header_t *app_sections(const apr_array_header_t *all,
                                        apr_pool_t *pool)
{
    apr_array_header_t *found = apr_array_make(pool, 4, sizeof(section_t));

    for (int i = 0; all && i < all->nelts; i++) {
        ap_conf_vector_t *vector = APR_ARRAY_IDX(all, i, ap_conf_vector_t *);
        const core_dir_config *core = ap_get_core_module_config(vector);
        const psg_dir_config_t *config =
            ap_get_module_config(vector, &passenger_module);

        if (core && core->d && !core->r && !core->d_is_fnmatch && config
            && names_app(&config->options)) {
            APR_ARRAY_PUSH(found, section_t) =
                (section_t){.uri = core->d, .config = config, .position = i};
        }
    }
    qsort(found->elts, (size_t)found->nelts, sizeof(section_t), by_length);
    return found;
}

static int is_inside(const char *inner, const char *outer)
{
    return psg_config_covers(outer, inner) && !psg_config_covers(inner, outer);
}

/* What both say of their apps. */
static psg_row_set_t disputed(const section_t *a, const section_t *b)
{
    const psg_row_set_t *other = &b->config->options.set;
    psg_row_set_t rows = a->config->options.set;

    for (unsigned i = psg_row_set_next(&rows, 0); i < PSG_ROW_SET_ROOM;
         i = psg_row_set_next(&rows, i + 1)) {
        if (psg_option_rows[i].scope != PSG_SCOPE_APP
            || !psg_row_set_has(other, i)) {
            psg_row_set_remove(&rows, i);
        }
    }
    return rows;
}

/* Without core's own record of it, httpd would not know what it is for. */
static void add_section(server_rec *s, const section_t *section,
                        const psg_row_set_t *rows, apr_pool_t *pool)
{
    ap_conf_vector_t *vector = ap_create_per_dir_config(pool);
    core_dir_config *core = core_module.create_dir_config(pool, NULL);
    psg_dir_config_t *config =
        apr_pmemdup(pool, section->config, sizeof(*config));

    core->d = apr_pstrdup(pool, section->uri);
    config->options.set = *rows;
    config->is_repeated = 1;
    ap_set_core_module_config(vector, core);
    ap_set_module_config(vector, &passenger_module, config);
    ap_add_per_url_conf(s, vector);
}

/* What later sections of shorter URIs say otherwise than sections[i]. */
static psg_row_set_t overridden(const section_t *sections, int i)
{
    psg_row_set_t rows = {{0}};

    for (int n = 0; n < i; n++) {
        if (sections[n].position > sections[i].position
            && is_inside(sections[i].uri, sections[n].uri)) {
            psg_row_set_t more = disputed(&sections[i], &sections[n]);

            psg_row_set_merge(&rows, &more);
        }
    }
    return rows;
}

/* A section that is added is a later one to those inside of it. */
static void settle_server(server_rec *s, apr_pool_t *pool)
{
    const core_server_config *core =
        ap_get_core_module_config(s->module_config);
    apr_array_header_t *found = app_sections(core->sec_url, pool);
    section_t *sections = (section_t *)found->elts;

    for (int i = 0; i < found->nelts; i++) {
        psg_row_set_t rows = overridden(sections, i);

        if (!psg_row_set_is_empty(&rows)) {
            sections[i].position = core->sec_url->nelts;
            add_section(s, &sections[i], &rows, pool);
        }
    }
}

void psg_app_sections_settle(server_rec *main_server, apr_pool_t *pconf)
{
    for (server_rec *s = main_server; s; s = s->next) {
        settle_server(s, pconf);
    }
}
