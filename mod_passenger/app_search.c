/* SPDX-License-Identifier: Apache-2.0 */

/* Finds out from the disk which app belongs to a place: its folder, its type,
 * its startup file and whose it is. Called by app_lookup.c. */

#include "app_search.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "closed_folder.h"

/* For messages: " config.ru passenger_wsgi.py ..." */
static const char startup_files[] =
#define APP_TYPE(NAME, name, alias, file, option, program, loader, decoded, \
                 preload)                                                   \
    " " file
#include "app_types.def"
    ;

static const char *trimmed(const char *path, apr_pool_t *pool)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return apr_pstrmemdup(pool, path, len);
}

/* The folder that path is in; NULL for "/" and for names without a slash. */
static const char *parent_of(const char *path, apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');

    if (!slash || slash[1] == '\0') {
        return NULL;
    }
    return apr_pstrmemdup(pool, path,
                          slash == path ? 1 : (size_t)(slash - path));
}

static apr_status_t denied(psg_app_answer_t *answer, const char *path,
                           apr_pool_t *pool)
{
    const char *closed = psg_closed_folder(path, pool);

    answer->problem = apr_psprintf(
        pool,
        "permission denied on the way to '%s': give httpd's user search "
        "permission on '%s'",
        path, closed ? closed : path);
    return APR_EACCES;
}

/* A folder below the document root is usually a link to the app's public
 * folder: *path follows it, one step only, so that links further up (a
 * "current" release) keep their name. */
static apr_status_t follow_link(const char **path, psg_app_answer_t *answer,
                                apr_pool_t *pool)
{
    char target[PATH_MAX];
    ssize_t len = readlink(*path, target, sizeof(target) - 1);
    char *merged;
    apr_status_t status;

    if (len < 0) {
        if (errno == EINVAL) {
            return APR_SUCCESS; /* not a link */
        }
        return errno == EACCES ? denied(answer, *path, pool) : APR_ENOENT;
    }
    target[len] = '\0';
    status =
        apr_filepath_merge(&merged, parent_of(*path, pool), target, 0, pool);
    if (status == APR_SUCCESS) {
        *path = trimmed(merged, pool);
    }
    return status;
}

static apr_status_t find_root(psg_app_answer_t *answer,
                              const psg_app_place_t *place, apr_pool_t *pool)
{
    const char *public;
    apr_status_t status = APR_SUCCESS;

    if (place->options->app_root) {
        answer->root = trimmed(place->options->app_root, pool);
        return APR_SUCCESS;
    }
    public = trimmed(place->docroot, pool);
    if (place->base_uri[0]) {
        public = apr_pstrcat(pool, public, place->base_uri, NULL);
        status = follow_link(&public, answer, pool);
    }
    if (status == APR_SUCCESS) {
        answer->root = parent_of(public, pool);
        if (!answer->root) {
            status = APR_ENOENT;
        }
    }
    return status;
}

/* By the name of PassengerStartupFile: .rb, .ru; .py; .js, .mjs, .cjs. */
static const psg_app_type_t *type_by_extension(const char *file)
{
    static const char *const types[][2] = {
        {".rb", "ruby"}, {".ru", "ruby"},  {".py", "python"},
        {".js", "node"}, {".mjs", "node"}, {".cjs", "node"},
    };
    const char *dot = strrchr(file, '.');
    size_t i;

    for (i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++) {
        if (!strcmp(dot, types[i][0])) {
            return psg_app_type_find(types[i][1]);
        }
    }
    return NULL;
}

/* Who the app belongs to, by the facts of `path`. */
static apr_status_t find_owner(psg_app_answer_t *answer, const char *path,
                               apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_status_t status =
        apr_stat(&info, path, APR_FINFO_OWNER | APR_FINFO_TYPE, pool);

    if (status == APR_SUCCESS || status == APR_INCOMPLETE) {
        answer->owner = info.user;
        answer->owner_gid = info.group;
        return APR_SUCCESS;
    }
    return APR_STATUS_IS_EACCES(status) ? denied(answer, path, pool) : status;
}

/* An app whose type or command is configured is one even if its startup file is
 * missing: the page that says so is better than "not found". */
static apr_status_t settle_owner(psg_app_answer_t *answer, apr_pool_t *pool)
{
    const char *file = answer->startup_file;
    apr_status_t status = APR_ENOENT;

    if (file && file[0] != '/') {
        file = apr_pstrcat(pool, answer->root, "/", file, NULL);
    }
    if (file) {
        status = find_owner(answer, file, pool);
    }
    if (status != APR_SUCCESS && !answer->problem) {
        status = find_owner(answer, answer->root, pool);
    }
    if (status != APR_SUCCESS && !answer->problem) {
        answer->problem =
            apr_psprintf(pool, "there is no folder '%s'", answer->root);
    }
    return status == APR_SUCCESS ? APR_SUCCESS : APR_EGENERAL;
}

/* Looks for a startup file; without one there is no app, which is only worth
 * an error where PassengerAppRoot says that there is. */
static apr_status_t detect(psg_app_answer_t *answer,
                           const psg_options_t *options, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_status_t status =
        psg_app_type_detect(&answer->type, &info, answer->root, pool);

    if (status == APR_SUCCESS) {
        answer->startup_file = answer->type->startup_file;
        answer->owner = info.user;
        answer->owner_gid = info.group;
        return APR_SUCCESS;
    }
    if (APR_STATUS_IS_EACCES(status)) {
        return denied(answer, apr_pstrcat(pool, answer->root, "/", NULL), pool);
    }
    if (!options->app_root) {
        return APR_ENOENT;
    }
    answer->problem = apr_psprintf(
        pool,
        "PassengerAppRoot is '%s', but there is none of these:%s; "
        "PassengerStartupFile or PassengerAppStartCommand may name another",
        answer->root, startup_files);
    return APR_EGENERAL;
}

/* PassengerAppType: with the startup file that goes with it, unless another row
 * of the same type is there (app.mjs). */
static apr_status_t force_type(psg_app_answer_t *answer,
                               const psg_options_t *options, apr_pool_t *pool)
{
    const psg_app_type_t *found;
    apr_finfo_t info;

    answer->type = psg_app_type_find(options->app_type);
    if (!answer->type) {
        answer->problem =
            apr_psprintf(pool, "PassengerAppType must be one of %s, not '%s'",
                         psg_app_type_names(), options->app_type);
        return APR_EGENERAL;
    }
    if (!options->startup_file
        && psg_app_type_detect(&found, &info, answer->root, pool) == APR_SUCCESS
        && !strcmp(found->name, answer->type->name)) {
        answer->type = found;
    }
    answer->startup_file = options->startup_file ? options->startup_file
                                                 : answer->type->startup_file;
    return settle_owner(answer, pool);
}

/* PassengerStartupFile alone. */
static apr_status_t use_startup_file(psg_app_answer_t *answer,
                                     const psg_options_t *options,
                                     apr_pool_t *pool)
{
    apr_finfo_t info;

    answer->type = type_by_extension(options->startup_file);
    if (!answer->type
        && psg_app_type_detect(&answer->type, &info, answer->root, pool)
               != APR_SUCCESS) {
        answer->problem = apr_psprintf(
            pool,
            "what kind of app is PassengerStartupFile '%s' in '%s'? "
            "PassengerAppType has to say it",
            options->startup_file, answer->root);
        return APR_EGENERAL;
    }
    answer->startup_file = options->startup_file;
    return settle_owner(answer, pool);
}

void psg_app_search(psg_app_answer_t *answer, const psg_app_place_t *place,
                    apr_pool_t *pool)
{
    const psg_options_t *options = place->options;

    memset(answer, 0, sizeof(*answer));
    answer->status = find_root(answer, place, pool);
    if (answer->status != APR_SUCCESS) {
        return;
    }
    if (options->app_start_command) {
        answer->status = settle_owner(answer, pool);
    }
    else if (options->app_type) {
        answer->status = force_type(answer, options, pool);
    }
    else if (options->startup_file) {
        answer->status = use_startup_file(answer, options, pool);
    }
    else {
        answer->status = detect(answer, options, pool);
    }
}
