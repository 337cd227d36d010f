/* SPDX-License-Identifier: Apache-2.0 */

/* Walks servers and their sections as httpd keeps them and prints what it
 * finds. Called by httpd after it read its configuration, with -t. */
#include "dump.h"

#include <stdio.h>
#include <string.h>

#include <apr_strings.h>
#include <apr_user.h>
#include <http_core.h>

#include "app_search.h"
#include "config.h"

/* A place of the configuration. */
typedef struct {
    apr_pool_t *pool;
    const psg_dir_config_t *config; /* all that holds there */
    const char *docroot;
} place_t;

int psg_dump_is_wanted(void)
{
    return ap_exists_config_define("DUMP_PASSENGER");
}

/* The last one counts. */
static const psg_origin_t *origin_of(const apr_array_header_t *origins,
                                     psg_option_e i)
{
    for (int n = origins ? origins->nelts : 0; n > 0; n--) {
        const psg_origin_t *origin =
            &APR_ARRAY_IDX(origins, n - 1, psg_origin_t);

        if (origin->option == i) {
            return origin;
        }
    }
    return NULL;
}

static void print_option(const psg_options_t *options, psg_option_e i,
                         const apr_array_header_t *origins, apr_pool_t *pool)
{
    const psg_origin_t *origin = origin_of(origins, i);
    const char *text = psg_options_text(options, i, pool);
    const psg_option_row_t *row = &psg_option_rows[i];
    /* Values of secrets are nobody's business. */
    const char *shown = row->type == PSG_PAIRS && *text ? "..." : text;

    if (origin) {
        printf("    %s %s (%s:%d)\n", row->name, shown, origin->file,
               origin->line);
    }
    else {
        printf("    %s %s (default)\n", row->name, *shown ? shown : "-");
    }
}

static void print_options(const psg_dir_config_t *config, int is_global,
                          apr_pool_t *pool)
{
    for (int i = 0; i < PSG_OPTION_COUNT; i++) {
        if ((psg_option_rows[i].scope == PSG_SCOPE_GLOBAL) == is_global) {
            print_option(&config->options, (psg_option_e)i, config->origins,
                         pool);
        }
    }
}

static void print_found(const psg_app_answer_t *answer,
                        const psg_app_place_t *place, apr_pool_t *pool)
{
    char *owner = NULL;

    if (answer->status != APR_SUCCESS || answer->problem) {
        printf("  App %s: none: %s\n", *place->base_uri ? place->base_uri : "/",
               answer->problem ? answer->problem : "no startup file was found");
        return;
    }
    (void)apr_uid_name_get(&owner, answer->owner, pool);
    printf("  App %s: %s (%s, %s), startup file of user %s\n",
           *place->base_uri ? place->base_uri : "/", answer->root,
           answer->type ? answer->type->name : "command",
           answer->startup_file && *answer->startup_file
               ? answer->startup_file
               : place->options->app_start_command,
           owner ? owner : "without a name");
}

static void print_app(const place_t *at, const char *base_uri)
{
    psg_app_place_t place = {.base_uri = base_uri,
                             .docroot = at->docroot,
                             .options = &at->config->options};
    psg_app_answer_t answer;

    memset(&answer, 0, sizeof(answer));
    psg_app_search(&answer, &place, at->pool);
    print_found(&answer, &place, at->pool);
}

static void print_place(const place_t *at)
{
    const apr_array_header_t *uris = at->config->options.base_uri;

    if (!at->config->options.enabled) {
        printf("  PassengerEnabled is off here\n");
        return;
    }
    for (int i = 0; uris && i < uris->nelts; i++) {
        print_app(at, APR_ARRAY_IDX(uris, i, const char *));
    }
    if (!uris || at->config->options.app_root == NULL) {
        print_app(at, "");
    }
    print_options(at->config, 0, at->pool);
}

/* <Directory> and <Location> of which our directives are a part. */
static void print_sections(const apr_array_header_t *sections, const char *what,
                           const place_t *outer)
{
    for (int i = 0; sections && i < sections->nelts; i++) {
        ap_conf_vector_t *vector =
            APR_ARRAY_IDX(sections, i, ap_conf_vector_t *);
        const core_dir_config *core = ap_get_core_module_config(vector);
        psg_dir_config_t *own = ap_get_module_config(vector, &passenger_module);
        place_t inner = *outer;

        if (!own || psg_row_set_is_empty(&own->options.set)) {
            continue;
        }
        inner.config =
            psg_config_merge_dir(outer->pool, (void *)outer->config, own);
        printf(" %s %s\n", what, core && core->d ? core->d : "");
        print_place(&inner);
    }
}

static void print_server(server_rec *s, apr_pool_t *pool)
{
    const core_server_config *core =
        ap_get_core_module_config(s->module_config);
    const place_t place = {
        .pool = pool,
        .config = ap_get_module_config(s->lookup_defaults, &passenger_module),
        .docroot = core->ap_document_root};

    printf("%s %s (%s:%u)\n", s->is_virtual ? "VirtualHost" : "Main server",
           s->server_hostname ? s->server_hostname : "",
           s->defn_name ? s->defn_name : "", s->defn_line_number);
    if (!place.docroot) {
        printf("  no DocumentRoot\n");
        return;
    }
    printf("  DocumentRoot %s\n", place.docroot);
    print_place(&place);
    print_sections(core->sec_dir, "Directory", &place);
    print_sections(core->sec_url, "Location", &place);
}

void psg_dump_config(apr_pool_t *pconf, server_rec *main_server)
{
    psg_dir_config_t global = {.options = *psg_global_options(),
                               .origins = psg_global_origins()};

    if (!psg_dump_is_wanted()) {
        return;
    }
    printf("Passenger: the whole server\n");
    print_options(&global, 1, pconf);
    for (server_rec *s = main_server; s; s = s->next) {
        print_server(s, pconf);
    }
}
