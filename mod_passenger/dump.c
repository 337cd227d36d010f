/* SPDX-License-Identifier: Apache-2.0 */

/* Prints the places of the configuration. Called by httpd after it read that,
 * with -t. */
#include "dump.h"

#include <stdio.h>
#include <string.h>

#include <apr_strings.h>
#include <apr_user.h>
#include <http_core.h>

#include "config.h"
#include "config_walk.h"

static void print_origin(const psg_origin_t *origin)
{
    if (origin) {
        printf("(%s:%d)\n", origin->file, origin->line);
    }
    else {
        printf("(default)\n");
    }
}

/* Values may be secrets, which are nobody's business. */
static const char *names_of(const apr_array_header_t *pairs, apr_pool_t *pool)
{
    const char *text = "";

    for (int i = 0; pairs && i < pairs->nelts; i++) {
        const char *pair = APR_ARRAY_IDX(pairs, i, const char *);

        text = apr_psprintf(pool, "%s%s%.*s=...", text, i > 0 ? " " : "",
                            (int)strcspn(pair, "="), pair);
    }
    return text;
}

static void print_option(const psg_options_t *options, psg_option_e i,
                         const apr_array_header_t *origins, apr_pool_t *pool)
{
    const psg_option_row_t *row = &psg_option_rows[i];
    const char *text =
        row->type == PSG_PAIRS ? names_of(
            *(const apr_array_header_t *const *)((const char *)options
                                                 + row->offset),
            pool)
                               : psg_options_text(options, i, pool);

    printf("    %s %s ", row->name, *text ? text : "-");
    print_origin(psg_config_origin(origins, i));
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

static void print_app(const psg_config_place_t *at, const char *base_uri,
                      const psg_app_answer_t *answer)
{
    char *owner = NULL;

    printf("  App %s: ", *base_uri ? base_uri : "/");
    if (answer->problem) {
        printf("none: %s\n", answer->problem);
        return;
    }
    if (answer->status != APR_SUCCESS) {
        printf("none: there is no startup file in %s\n",
               answer->root ? answer->root : "a folder of this name");
        return;
    }
    (void)apr_uid_name_get(&owner, answer->owner, at->pool);
    printf("%s (%s, %s), startup file of user %s\n", answer->root,
           answer->type ? answer->type->name : "command",
           answer->startup_file && *answer->startup_file
               ? answer->startup_file
               : at->holds->options.app_start_command,
           owner ? owner : "without a name");
}

static void print_head(const psg_config_place_t *at)
{
    const server_rec *s = at->server;

    if (at->kind) {
        printf(" %s %s\n", at->kind, at->name);
        return;
    }
    printf("%s %s", s->is_virtual ? "VirtualHost" : "Main server",
           s->server_hostname ? s->server_hostname : "");
    if (s->defn_name) {
        printf(" (%s:%u)", s->defn_name, s->defn_line_number);
    }
    printf("\n  %s%s\n", at->docroot ? "DocumentRoot " : "no DocumentRoot",
           at->docroot ? at->docroot : "");
}

static void print_place(const psg_config_place_t *at)
{
    print_head(at);
    if (!at->docroot) {
        return;
    }
    if (!at->holds->options.enabled) {
        printf("  PassengerEnabled is off here ");
        print_origin(psg_config_origin(at->holds->origins, PSG_OPT_enabled));
        return;
    }
    psg_config_find_apps(at, print_app);
    print_options(at->holds, 0, at->pool);
}

void psg_dump_config(apr_pool_t *pconf, server_rec *main_server)
{
    psg_dir_config_t global = {.options = *psg_global_options(),
                               .origins = psg_global_origins()};

    if (!ap_exists_config_define("DUMP_PASSENGER")) {
        return;
    }
    printf("Passenger: the whole server\n");
    print_options(&global, 1, pconf);
    psg_config_walk(main_server, print_place, pconf);
}
