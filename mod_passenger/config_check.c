/* SPDX-License-Identifier: Apache-2.0 */

/* Looks for what directives name: users, folders, interpreters, apps. Called by
 * mod_passenger.c for httpd -t. */
#include "config_check.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_user.h>
#include <http_core.h>
#include <http_log.h>

#include "config.h"
#include "config_walk.h"
#include "pre_start.h"

APLOG_USE_MODULE(passenger);

/* A server's options are its VirtualHosts', too, and would be told again. */
static struct {
    apr_pool_t *pool;
    apr_hash_t *told;
} check;

static void tell(const psg_origin_t *origin, const char *problem)
{
    const char *text = origin
                           ? apr_psprintf(check.pool, "%s (line %d of %s)",
                                          problem, origin->line, origin->file)
                           : problem;

    if (!apr_hash_get(check.told, text, APR_HASH_KEY_STRING)) {
        apr_hash_set(check.told, text, APR_HASH_KEY_STRING, text);
        ap_log_perror(APLOG_MARK, APLOG_WARNING, 0, check.pool, "PSG0045: %s",
                      text);
    }
}

/* What is not to be seen by us may be there. */
static int is_missing(const char *path, apr_filetype_e wanted)
{
    apr_finfo_t info;
    apr_status_t status = apr_stat(&info, path, APR_FINFO_TYPE, check.pool);

    return APR_STATUS_IS_ENOENT(status) || APR_STATUS_IS_ENOTDIR(status)
           || (status == APR_SUCCESS && wanted != APR_NOFILE
               && info.filetype != wanted);
}

/* The rules themselves are the watchdog's: agent/identity.c. */
static const char *check_user(const char *name)
{
    apr_uid_t uid;
    apr_gid_t gid;

    if (apr_uid_get(&uid, &gid, name, check.pool) != APR_SUCCESS) {
        return "there is no such user";
    }
    return uid == 0 ? "no app runs as root" : NULL;
}

static const char *check_group(const char *name)
{
    apr_gid_t gid;

    if (strcmp(name, "!STARTUP_FILE!") == 0) {
        return NULL;
    }
    if (apr_gid_get(&gid, name, check.pool) != APR_SUCCESS) {
        return "there is no such group";
    }
    return gid == 0 ? "no app runs with root's group" : NULL;
}

/* A name without a slash is looked for when the app starts. */
static const char *check_interpreter(const char *path)
{
    return path[0] == '/' && is_missing(path, APR_REG)
               ? "there is no such program"
               : NULL;
}

static const char *check_folder(const char *path)
{
    return is_missing(ap_server_root_relative(check.pool, path), APR_DIR)
               ? "there is no such folder"
               : NULL;
}

static const char *check_log(const char *path)
{
    const char *full = ap_server_root_relative(check.pool, path);

    if (is_missing(ap_make_dirstr_parent(check.pool, full), APR_DIR)) {
        return "there is no folder for it";
    }
    return ap_is_directory(check.pool, full) ? "it is a folder" : NULL;
}

static const struct {
    psg_option_e option;
    const char *(*check)(const char *text);
} checks[] = {
    {PSG_OPT_user, check_user},
    {PSG_OPT_default_user, check_user},
    {PSG_OPT_group, check_group},
    {PSG_OPT_default_group, check_group},
    {PSG_OPT_ruby, check_interpreter},
    {PSG_OPT_python, check_interpreter},
    {PSG_OPT_nodejs, check_interpreter},
    {PSG_OPT_default_ruby, check_interpreter},
    {PSG_OPT_data_buffer_dir, check_folder},
    {PSG_OPT_instance_registry_dir, check_folder},
    {PSG_OPT_log_file, check_log},
};

static void check_values(const psg_options_t *options,
                         const apr_array_header_t *origins)
{
    for (size_t n = 0; n < sizeof(checks) / sizeof(checks[0]); n++) {
        psg_option_e i = checks[n].option;
        const char *text, *problem;

        if (!psg_row_set_has(&options->set, i)) {
            continue;
        }
        text = psg_options_text(options, i, check.pool);
        problem = checks[n].check(text);
        if (problem) {
            tell(psg_config_origin(origins, i),
                 apr_psprintf(check.pool, "%s %s: %s", psg_option_rows[i].name,
                              text, problem));
        }
    }
}

static void check_numbers(const psg_dir_config_t *config)
{
    const psg_options_t *options = &config->options;

    if (options->min_instances > psg_global_options()->max_pool_size) {
        tell(psg_config_origin(config->origins, PSG_OPT_min_instances),
             apr_psprintf(check.pool,
                          "PassengerMinInstances %d is more than "
                          "PassengerMaxPoolSize, which is %d",
                          options->min_instances,
                          psg_global_options()->max_pool_size));
    }
    if (options->thread_count > 1
        && strcmp(options->concurrency_model, "thread") != 0) {
        tell(psg_config_origin(config->origins, PSG_OPT_thread_count),
             "PassengerThreadCount counts only with PassengerConcurrencyModel "
             "thread");
    }
}

/* The line that most probably has to be another. */
static const psg_origin_t *origin_of_app(const psg_config_place_t *at)
{
    static const psg_option_e rows[] = {PSG_OPT_app_root, PSG_OPT_startup_file,
                                        PSG_OPT_app_start_command,
                                        PSG_OPT_app_type, PSG_OPT_base_uri};
    const psg_origin_t *origin = NULL;

    for (size_t i = 0; !origin && i < sizeof(rows) / sizeof(rows[0]); i++) {
        origin = psg_config_origin(at->holds->origins, rows[i]);
    }
    return origin;
}

static const char *startup_file_missing(const psg_app_answer_t *answer,
                                        const psg_options_t *options)
{
    const char *path = answer->startup_file;

    if (!path || options->app_start_command) {
        return NULL;
    }
    if (path[0] != '/') {
        path = apr_pstrcat(check.pool, answer->root, "/", path, NULL);
    }
    return is_missing(path, APR_NOFILE)
               ? apr_psprintf(check.pool, "there is no startup file '%s'", path)
               : NULL;
}

static void check_app(const psg_config_place_t *at, const char *base_uri,
                      const psg_app_answer_t *answer)
{
    const char *problem = answer->problem;

    if (APR_STATUS_IS_EACCES(answer->status)) {
        return;
    }
    if (!problem && answer->status == APR_SUCCESS) {
        problem = startup_file_missing(answer, &at->holds->options);
    }
    else if (!problem && *base_uri) {
        problem = apr_psprintf(check.pool,
                               "there is no startup file above '%s%s'; unless "
                               "an Alias leads elsewhere, PassengerAppRoot "
                               "has to name the app's folder",
                               at->docroot, base_uri);
    }
    if (problem) {
        tell(origin_of_app(at),
             apr_psprintf(check.pool, "no app at %s: %s",
                          *base_uri ? base_uri : "/", problem));
    }
}

/* What a server inherited from the main server is looked at there. */
static void check_place(const psg_config_place_t *at)
{
    const psg_options_t *own = &at->own->options;

    check_values(own, at->own->origins);
    check_numbers(at->holds);
    if (at->docroot && at->holds->options.enabled
        && (psg_row_set_has(&own->set, PSG_OPT_app_root)
            || psg_row_set_has(&own->set, PSG_OPT_base_uri)
            || psg_row_set_has(&own->set, PSG_OPT_app_type)
            || psg_row_set_has(&own->set, PSG_OPT_startup_file)
            || psg_row_set_has(&own->set, PSG_OPT_app_start_command))) {
        psg_config_find_apps(at, check_app);
    }
}

static void check_urls(const apr_array_header_t *urls)
{
    for (int i = 0; urls && i < urls->nelts; i++) {
        const char *url = APR_ARRAY_IDX(urls, i, const char *);
        apr_uri_t uri;

        if (!psg_pre_start_parse(&uri, url, check.pool)) {
            tell(psg_config_origin(psg_global_origins(), PSG_OPT_pre_start),
                 apr_psprintf(check.pool,
                              "PassengerPreStart %s: it is no URL that begins "
                              "with http:// or https:// and a host",
                              url));
        }
    }
}

void psg_config_check(server_rec *main_server, apr_pool_t *pool)
{
    check.pool = pool;
    check.told = apr_hash_make(pool);
    check_values(psg_global_options(), psg_global_origins());
    check_urls(psg_global_options()->pre_start);
    psg_config_walk(main_server, check_place, pool);
}
