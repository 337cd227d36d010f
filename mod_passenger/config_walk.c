/* SPDX-License-Identifier: Apache-2.0 */

/* Reads servers and sections as httpd keeps them, and merges them as httpd does
 * for a request. Called by dump.c and config_check.c. */
#include "config_walk.h"

#include <string.h>
#include <strings.h>

#include <http_config.h>
#include <http_core.h>
#include <util_cfgtree.h>

#include "config.h"

/* A section as httpd keeps it. */
typedef struct {
    const char *name; /* NULL: httpd would not know what it is for either */
    int is_pattern;
    const psg_dir_config_t *own; /* NULL: says nothing of ours */
} section_t;

int psg_config_covers(const char *outer, const char *inner)
{
    size_t len = strlen(outer);

    while (len > 0 && outer[len - 1] == '/') {
        len--;
    }
    return strncmp(inner, outer, len) == 0
           && (inner[len] == '\0' || inner[len] == '/');
}

static section_t section_at(const apr_array_header_t *sections, int i)
{
    ap_conf_vector_t *vector = APR_ARRAY_IDX(sections, i, ap_conf_vector_t *);
    const core_dir_config *core = ap_get_core_module_config(vector);

    return (section_t){
        .name = core ? core->d : NULL,
        .is_pattern = core && (core->r || core->d_is_fnmatch),
        .own = ap_get_module_config(vector, &passenger_module),
    };
}

static const psg_dir_config_t *merge(const psg_dir_config_t *base,
                                     const psg_dir_config_t *add,
                                     apr_pool_t *pool)
{
    return psg_config_merge_dir(pool, (void *)base, (void *)add);
}

/* base, and what all sections say that are for `name` or what is around it; a
 * pattern is only known to match itself, which is sections[self]. */
static const psg_dir_config_t *
merge_sections(const psg_dir_config_t *base, const apr_array_header_t *sections,
               const char *name, int self, apr_pool_t *pool)
{
    for (int i = 0; sections && i < sections->nelts; i++) {
        section_t section = section_at(sections, i);

        if (section.own && section.name
            && (i == self
                || (!section.is_pattern
                    && psg_config_covers(section.name, name)))) {
            base = merge(base, section.own, pool);
        }
    }
    return base;
}

static void visit_sections(const apr_array_header_t *sections,
                           const psg_config_place_t *around,
                           psg_config_visit_fn visit)
{
    for (int i = 0; sections && i < sections->nelts; i++) {
        section_t section = section_at(sections, i);
        psg_config_place_t place = *around;

        if (section.own && section.name && !section.own->is_repeated
            && !psg_row_set_is_empty(&section.own->options.set)) {
            place.name = section.name;
            place.own = section.own;
            place.holds = merge_sections(around->holds, sections, section.name,
                                         i, around->pool);
            visit(&place);
        }
    }
}

static void visit_server(const server_rec *s, psg_config_visit_fn visit,
                         apr_pool_t *pool)
{
    const core_server_config *core =
        ap_get_core_module_config(s->module_config);
    psg_config_place_t place = {
        .pool = pool, .server = s, .docroot = core->ap_document_root};

    place.own = place.holds =
        ap_get_module_config(s->lookup_defaults, &passenger_module);
    if (place.docroot) {
        place.holds =
            merge_sections(place.own, core->sec_dir, place.docroot, -1, pool);
    }
    visit(&place);
    place.kind = "Location";
    visit_sections(core->sec_url, &place, visit);
    place.kind = "Directory";
    place.holds = place.own;
    visit_sections(core->sec_dir, &place, visit);
}

void psg_config_walk(server_rec *main_server, psg_config_visit_fn visit,
                     apr_pool_t *pool)
{
    for (const server_rec *s = main_server; s; s = s->next) {
        visit_server(s, visit, pool);
    }
}

static int is_virtual_host(const ap_directive_t *node)
{
    return strcasecmp(node->directive, "<VirtualHost") == 0;
}

/* The children of the server's <VirtualHost> below or beside node. */
static const ap_directive_t *inside_of(const ap_directive_t *node,
                                       const server_rec *s)
{
    const ap_directive_t *found = NULL;

    for (; node && !found; node = node->next) {
        if (!is_virtual_host(node)) {
            found = inside_of(node->first_child, s);
        }
        else if (node->line_num == (int)s->defn_line_number
                 && strcmp(node->filename, s->defn_name) == 0) {
            found = node->first_child;
        }
    }
    return found;
}

/* The first Alias for uri or what is above it, as mod_alias takes it. */
static const ap_directive_t *first_alias(const ap_directive_t *node,
                                         const char *uri, apr_pool_t *pool)
{
    const ap_directive_t *found = NULL;

    for (; node && !found; node = node->next) {
        const char *args = node->args;

        if (strcasecmp(node->directive, "Alias") == 0
            && psg_config_covers(ap_getword_conf(pool, &args), uri) && *args) {
            return node;
        }
        if (!is_virtual_host(node)) {
            found = first_alias(node->first_child, uri, pool);
        }
    }
    return found;
}

/* What app_lookup.c learns from the request. */
static void find_public(psg_app_place_t *place, const psg_config_place_t *at)
{
    const ap_directive_t *alias = NULL;
    const char *args, *prefix, *folder;
    size_t len;

    if (at->server->is_virtual && at->server->defn_name) {
        alias = first_alias(inside_of(ap_conftree, at->server), place->base_uri,
                            at->pool);
    }
    if (!alias) {
        alias = first_alias(ap_conftree, place->base_uri, at->pool);
    }
    if (!alias) {
        return;
    }
    args = alias->args;
    prefix = ap_getword_conf(at->pool, &args);
    folder =
        ap_server_root_relative(at->pool, ap_getword_conf(at->pool, &args));
    for (len = strlen(prefix); len > 0 && prefix[len - 1] == '/'; len--) {
    }
    if (folder) {
        place->docroot = folder;
        place->base_uri += len;
    }
}

static void find_app(const psg_config_place_t *at, const char *base_uri,
                     psg_config_app_fn found)
{
    psg_app_place_t place = {.base_uri = base_uri,
                             .docroot = at->docroot,
                             .options = &at->holds->options};
    psg_app_answer_t answer;

    if (*base_uri) {
        find_public(&place, at);
    }
    psg_app_search(&answer, &place, at->pool);
    found(at, base_uri, &answer);
}

void psg_config_find_apps(const psg_config_place_t *at, psg_config_app_fn found)
{
    const apr_array_header_t *uris = at->holds->options.base_uri;
    const char *location =
        at->kind && strcmp(at->kind, "Location") == 0 ? at->name : NULL;
    int is_covered = 0;

    for (int i = 0; uris && i < uris->nelts; i++) {
        const char *uri = APR_ARRAY_IDX(uris, i, const char *);
        int covers = location && psg_config_covers(uri, location);

        is_covered |= covers;
        if (!location || covers || psg_config_covers(location, uri)) {
            find_app(at, uri, found);
        }
    }
    if (!is_covered) {
        find_app(at, "", found);
    }
}
