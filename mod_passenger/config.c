/* SPDX-License-Identifier: Apache-2.0 */

/* Makes httpd's directives from options.def and checks where they stand and
 * what they say. Called by httpd while it reads its configuration. */

#include "config.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

#include "htaccess.h"

APLOG_USE_MODULE(passenger);

/* One reading of the configuration; all of it lives in pconf. */
static struct {
    psg_options_t *global;
    apr_array_header_t *global_origins;
    apr_hash_t *users_seen;
    apr_hash_t *ignored;       /* names of which the log was told */
    apr_array_header_t *users; /* of char: the strings, one after the other */
} reading;

int psg_config_begin(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    reading.global = psg_options_create(pconf);
    reading.global_origins = NULL;
    reading.users_seen = apr_hash_make(pconf);
    reading.ignored = apr_hash_make(pconf);
    reading.users = apr_array_make(pconf, 64, 1);
    return OK;
}

const psg_options_t *psg_global_options(void)
{
    return reading.global;
}

apr_array_header_t *psg_global_origins(void)
{
    return reading.global_origins;
}

const char *psg_config_users_list(size_t *len)
{
    *len = (size_t)reading.users->nelts;
    return reading.users->elts;
}

void *psg_config_create_dir(apr_pool_t *pool, char *dir)
{
    psg_dir_config_t *config = apr_pcalloc(pool, sizeof(*config));

    (void)dir;
    config->options = *psg_options_defaults();
    return config;
}

void *psg_config_merge_dir(apr_pool_t *pool, void *base, void *add)
{
    return psg_dir_config_merge(base, add, pool);
}

static const char *check_place(cmd_parms *cmd, psg_option_e i)
{
    switch (psg_option_rows[i].scope) {
    case PSG_SCOPE_GLOBAL:
        if (psg_htaccess_is_one(cmd)) {
            return psg_dir_config_objection(i, "", cmd->pool);
        }
        return ap_check_cmd_context(cmd, NOT_IN_DIR_LOC_FILE);
    case PSG_SCOPE_APP:
        return ap_check_cmd_context(cmd, NOT_IN_FILES);
    default:
        return NULL;
    }
}

/* An app's folder is the same folder whatever httpd's current one is. */
static const char *check_value(psg_option_e i, const char *text,
                               apr_pool_t *pool)
{
    if (i != PSG_OPT_app_root || text[0] == '/') {
        return NULL;
    }
    return apr_psprintf(pool, "%s: '%.200s' is not an absolute path",
                        psg_option_rows[i].name, text);
}

static void warn_of_global(const cmd_parms *cmd, const char *name)
{
    if (!cmd->server->is_virtual) {
        return;
    }
    /* This server has no log yet; the terminal's at the first reading, the main
     * server's afterwards, is there. */
    ap_log_perror(
        APLOG_MARK, APLOG_WARNING, 0, cmd->pool,
        "PSG0025: %s in a <VirtualHost> holds for the whole server, and the "
        "last one counts: move it out (line %d of %s)",
        name, cmd->directive->line_num, cmd->directive->filename);
}

/* The agent lets the core use no other users than these and owners of files. */
static void note_user(const char *name)
{
    size_t size = strlen(name) + 1;
    size_t i;

    if (apr_hash_get(reading.users_seen, name, APR_HASH_KEY_STRING)) {
        return;
    }
    name = apr_pmemdup(reading.users->pool, name, size);
    apr_hash_set(reading.users_seen, name, APR_HASH_KEY_STRING, name);
    for (i = 0; i < size; i++) {
        APR_ARRAY_PUSH(reading.users, char) = name[i];
    }
}

const psg_origin_t *psg_config_origin(const apr_array_header_t *origins,
                                      psg_option_e i)
{
    for (int n = origins ? origins->nelts : 0; n > 0; n--) {
        const psg_origin_t *origin =
            &APR_ARRAY_IDX(origins, n - 1, psg_origin_t);

        if (origin->option == i) {
            return origin; /* the last one counts */
        }
    }
    return NULL;
}

static void note_origin(apr_array_header_t **origins, cmd_parms *cmd,
                        psg_option_e i)
{
    if (ap_state_query(AP_SQ_RUN_MODE) != AP_SQ_RM_CONFIG_TEST) {
        return;
    }
    if (!*origins) {
        *origins = apr_array_make(cmd->pool, 8, sizeof(psg_origin_t));
    }
    APR_ARRAY_PUSH(*origins, psg_origin_t) =
        (psg_origin_t){.option = i,
                       .file = cmd->directive->filename,
                       .line = cmd->directive->line_num};
}

static const char *set_value(cmd_parms *cmd, psg_dir_config_t *config,
                             psg_option_e i, const char *text)
{
    const psg_option_row_t *row = &psg_option_rows[i];
    psg_options_t *options = &config->options;
    const char *error = check_value(i, text, cmd->pool);

    if (error) {
        return error;
    }
    if (psg_htaccess_is_one(cmd)) {
        return psg_htaccess_set(config, cmd, i, text);
    }
    if (row->scope == PSG_SCOPE_GLOBAL) {
        warn_of_global(cmd, row->name);
        options = reading.global;
    }
    error = psg_options_set(options, i, text, cmd->pool);
    if (!error) {
        note_origin(options == reading.global ? &reading.global_origins
                                              : &config->origins,
                    cmd, i);
    }
    if (!error && (i == PSG_OPT_user || i == PSG_OPT_group)) {
        note_user(text);
    }
    return error;
}

static const char *arguments_of(psg_option_type_e type)
{
    switch (type) {
    case PSG_LIST:
        return "one argument or more";
    case PSG_PAIRS:
        return "a name and a value";
    default:
        return "one argument";
    }
}

static const char *set_values(cmd_parms *cmd, psg_dir_config_t *config,
                              psg_option_e i, const char *arguments)
{
    const char *error = check_place(cmd, i);
    int is_list = psg_option_rows[i].type == PSG_LIST;
    int count = 0;

    while (!error && *arguments) {
        const char *text = ap_getword_conf(cmd->pool, &arguments);

        if (psg_option_rows[i].type == PSG_PAIRS) {
            if (!*arguments || strchr(text, '=')) {
                count = 0;
                break;
            }
            text = apr_pstrcat(cmd->pool, text, "=",
                               ap_getword_conf(cmd->pool, &arguments), NULL);
        }
        if (!is_list && *arguments) {
            count = 0;
            break;
        }
        error = set_value(cmd, config, i, text);
        count++;
    }
    if (!error && count == 0) {
        return apr_psprintf(cmd->pool, "%s takes %s", cmd->cmd->name,
                            arguments_of(psg_option_rows[i].type));
    }
    return error;
}

/* What is wrong in a .htaccess must not make a folder's files unreachable. */
static const char *complain(cmd_parms *cmd, void *config, const char *error)
{
    if (error && psg_htaccess_is_one(cmd)) {
        psg_htaccess_complain(config, cmd, error);
        return NULL;
    }
    return error;
}

/* The setter of every directive; cmd->info is its row. */
static const char *set_option(cmd_parms *cmd, void *config,
                              const char *arguments)
{
    psg_option_e i = (psg_option_e)(intptr_t)cmd->info;

    return complain(cmd, config, set_values(cmd, config, i, arguments));
}

/* The setter of what option_ignored.def lists; cmd->info says why. */
static const char *ignore(cmd_parms *cmd, void *config, const char *arguments)
{
    const char *name = cmd->cmd->name;
    const char *why = cmd->info;

    (void)config;
    (void)arguments;
    if (psg_htaccess_is_one(cmd)) {
        psg_htaccess_explain(cmd, why);
    }
    else if (!apr_hash_get(reading.ignored, name, APR_HASH_KEY_STRING)) {
        apr_hash_set(reading.ignored, name, APR_HASH_KEY_STRING, name);
        ap_log_perror(APLOG_MARK, APLOG_NOTICE, 0, cmd->pool,
                      "PSG0026: %s does nothing here: %s (line %d of %s)", name,
                      why, cmd->directive->line_num, cmd->directive->filename);
    }
    return NULL;
}

/* Raw: a tenant's wrong number of arguments is ours to deal with, too. */
#define DIRECTIVE(name, field, help)                                      \
    AP_INIT_RAW_ARGS(name, set_option, (void *)(intptr_t)PSG_OPT_##field, \
                     RSRC_CONF | ACCESS_CONF | OR_ALL, help)

/* The name one panel's patch gave to PassengerHtaccess off. */
static const char *set_disable_htaccess(cmd_parms *cmd, void *config,
                                        const char *arguments)
{
    const char *word = ap_getword_conf(cmd->pool, &arguments);
    int is_on = strcasecmp(word, "on") == 0;

    if (psg_htaccess_is_one(cmd)) {
        return complain(cmd, config,
                        "PassengerDisableHtaccess is for the server's "
                        "administrator only");
    }
    if ((!is_on && strcasecmp(word, "off") != 0) || *arguments) {
        return "PassengerDisableHtaccess takes On or Off";
    }
    return set_values(cmd, config, PSG_OPT_htaccess, is_on ? "off" : "safe");
}

const command_rec psg_config_directives[] = {
    AP_INIT_RAW_ARGS("PassengerDisableHtaccess", set_disable_htaccess, NULL,
                     RSRC_CONF | ACCESS_CONF | OR_ALL,
                     "On is PassengerHtaccess off, Off is safe."),
#define OPTION(scope, class, type, field, name, def, min, max, help) \
    DIRECTIVE(name, field, help),
#include "options.def"
#define OPTION_ALIAS(scope, type, name, field) \
    DIRECTIVE(name, field, "The older name of another directive."),
#include "option_aliases.def"
#define OPTION_IGNORED(scope, name, why)          \
    AP_INIT_RAW_ARGS(name, ignore, (void *)(why), \
                     RSRC_CONF | ACCESS_CONF | OR_ALL, why),
#include "option_ignored.def"
    {0},
};
