/* SPDX-License-Identifier: Apache-2.0 */

/* Merges what stands in different places, and weighs what tenants say against
 * what the administrator allows. Called by config.c and htaccess.c. */
#include "dir_config.h"

#include <string.h>

#include <apr_fnmatch.h>
#include <apr_strings.h>

static int leaves_folder(const char *path)
{
    return path[0] == '/' || strcmp(path, "..") == 0
           || strncmp(path, "../", 3) == 0 || strstr(path, "/../")
           || (strlen(path) >= 3
               && strcmp(path + strlen(path) - 3, "/..") == 0);
}

const char *psg_dir_config_objection(psg_option_e i, const char *text,
                                     apr_pool_t *pool)
{
    const psg_option_row_t *row = &psg_option_rows[i];

    if (row->scope == PSG_SCOPE_GLOBAL || row->class == PSG_CLASS_ADMIN) {
        return apr_psprintf(pool,
                            "%s is for the server's administrator only, who "
                            "may set it for %s",
                            row->name,
                            row->scope == PSG_SCOPE_GLOBAL ? "the whole server"
                                                           : "this folder");
    }
    if ((i == PSG_OPT_startup_file || i == PSG_OPT_custom_error_page)
        && leaves_folder(text)) {
        return apr_psprintf(pool,
                            "%s: '%.200s' is outside of the app's folder; "
                            "write it relative to that",
                            row->name, text);
    }
    return NULL;
}

static int is_above(const psg_option_row_t *row, int value, int limit)
{
    if (row->class == PSG_CLASS_LOWERED) {
        return value > limit;
    }
    return limit != 0 && (value == 0 || value > limit);
}

static int number_of(const psg_options_t *options, unsigned i)
{
    return *(const int *)((const char *)options + psg_option_rows[i].offset);
}

static int is_listed(const apr_array_header_t *list, const char *text)
{
    for (int i = 0; list && i < list->nelts; i++) {
        if (apr_fnmatch(APR_ARRAY_IDX(list, i, const char *), text,
                        APR_FNM_PATHNAME)
            == APR_SUCCESS) {
            return 1;
        }
    }
    return list == NULL;
}

/* NULL, or why row i may not be what add says. */
static const char *weigh_row(const psg_options_t *base,
                             const psg_options_t *add, unsigned i,
                             apr_pool_t *pool)
{
    const psg_option_row_t *row = &psg_option_rows[i];
    int is_safe = strcmp(base->htaccess, "safe") == 0;

    if (strcmp(base->htaccess, "off") == 0) {
        return "does not count: the administrator allows no Passenger "
               "directives here (PassengerHtaccess off)";
    }
    if ((row->class == PSG_CLASS_CAPPED || row->class == PSG_CLASS_LOWERED)
        && is_safe && is_above(row, number_of(add, i), number_of(base, i))) {
        return apr_psprintf(pool,
                            "is above what the administrator allows, which is "
                            "%d",
                            number_of(base, i));
    }
    if (row->class == PSG_CLASS_OWNER && i != PSG_OPT_app_root
        && !is_listed(
            base->htaccess_interpreters,
            *(const char *const *)((const char *)add + row->offset))) {
        return "names what is not on the administrator's list "
               "(PassengerHtaccessInterpreters)";
    }
    return NULL;
}

/* Two files: the nearer one's word counts more, but both must be of one owner,
 * or root's. */
static psg_htaccess_t *join(const psg_htaccess_t *above,
                            const psg_htaccess_t *add, apr_pool_t *pool)
{
    psg_htaccess_t *both = apr_pmemdup(pool, add, sizeof(*add));

    both->problems = apr_array_append(pool, above->problems, add->problems);
    both->said = above->said;
    psg_options_apply(&both->said, &add->said, pool);
    for (int i = 0; i < PSG_OPTION_COUNT; i++) {
        both->line[i] = add->line[i] ? add->line[i] : above->line[i];
    }
    if (above->untrusted) {
        both->untrusted = above->untrusted;
        both->file = above->file;
    }
    else if (!add->untrusted && above->owner != add->owner) {
        if (above->owner != 0 && add->owner != 0) {
            both->untrusted = apr_psprintf(
                pool, "'%s' above it belongs to somebody else", above->file);
        }
        both->owner = above->owner ? above->owner : add->owner;
    }
    return both;
}

static void merge_htaccess(psg_dir_config_t *merged,
                           const psg_dir_config_t *add, apr_pool_t *pool)
{
    psg_htaccess_t *above;

    if (!merged->htaccess) {
        merged->htaccess = add->htaccess;
        return;
    }
    /* A section that comes after the file, <Location> say, wins. */
    above = apr_pmemdup(pool, merged->htaccess, sizeof(*above));
    psg_row_set_subtract(&above->said.set, &add->options.set);
    merged->htaccess = add->htaccess ? join(above, add->htaccess, pool) : above;
}

psg_dir_config_t *psg_dir_config_merge(const psg_dir_config_t *base,
                                       const psg_dir_config_t *add,
                                       apr_pool_t *pool)
{
    psg_dir_config_t *merged = apr_pmemdup(pool, base, sizeof(*merged));

    psg_options_apply(&merged->options, &add->options, pool);
    merge_htaccess(merged, add, pool);
    if (add->origins) {
        merged->origins =
            merged->origins
                ? apr_array_append(pool, merged->origins, add->origins)
                : add->origins;
    }
    return merged;
}

const psg_options_t *psg_dir_config_weigh(const psg_dir_config_t *config,
                                          apr_array_header_t *problems,
                                          apr_pool_t *pool)
{
    const psg_htaccess_t *htaccess = config->htaccess;
    psg_options_t *options, allowed;
    unsigned i;

    if (!htaccess) {
        return &config->options;
    }
    allowed = htaccess->said;
    for (i = psg_row_set_next(&allowed.set, 0); i < PSG_ROW_SET_ROOM;
         i = psg_row_set_next(&allowed.set, i + 1)) {
        const char *problem =
            weigh_row(&config->options, &htaccess->said, i, pool);

        if (problem) {
            APR_ARRAY_PUSH(problems, const char *) = apr_psprintf(
                pool, "%s, line %d: %s %s", htaccess->file, htaccess->line[i],
                psg_option_rows[i].name, problem);
            psg_row_set_remove(&allowed.set, i);
        }
    }
    options = apr_pmemdup(pool, &config->options, sizeof(*options));
    psg_options_apply(options, &allowed, pool);
    return options;
}
