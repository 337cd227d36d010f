/* SPDX-License-Identifier: Apache-2.0 */

/* Compares a file's place with the app's. Called by request_map.c. */
#include "app_files.h"

#include <string.h>

#include <apr_file_info.h>
#include <http_core.h>

#include "app_lookup.h"
#include "private_file.h"

/* What of path is below folder, without a slash at the start; NULL if nothing. */
static const char *below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    while (len > 0 && folder[len - 1] == '/') {
        len--;
    }
    if (strncmp(path, folder, len) != 0
        || (path[len] != '/' && path[len] != '\0')) {
        return NULL;
    }
    path += len;
    return path + strspn(path, "/");
}

/* The same folder may have several names. */
static int is_same_folder(const char *a, const char *b, apr_pool_t *pool)
{
    const apr_int32_t wanted = APR_FINFO_INODE | APR_FINFO_DEV;
    apr_finfo_t one, other;

    return apr_stat(&one, a, wanted, pool) == APR_SUCCESS
           && apr_stat(&other, b, wanted, pool) == APR_SUCCESS
           && one.inode == other.inode && one.device == other.device;
}

static int is_startup_file(const psg_app_t *app, const char *path)
{
    return app->startup_file
           && (strcmp(app->startup_file, path) == 0
               || (app->startup_file[0] == '/'
                   && below(app->startup_file, app->root)
                   && strcmp(below(app->startup_file, app->root), path) == 0));
}

/* The path below the app's folder, if that is served as it is; else NULL. */
static const char *path_in_app(request_rec *r, const psg_app_t *app)
{
    const char *docroot = ap_document_root(r);

    if (below(app->root, docroot)) {
        return below(r->filename, app->root);
    }
    return is_same_folder(docroot, app->root, r->pool)
               ? below(r->filename, docroot)
               : NULL;
}

int psg_app_file_is_private(request_rec *r, const psg_options_t *options)
{
    const char *path = below(r->filename, ap_document_root(r));
    const char *problem;
    psg_file_privacy_e privacy;
    psg_app_t app;

    privacy = psg_file_privacy(path ? path : r->filename);
    if (privacy == PSG_FILE_PUBLIC
        || psg_app_lookup(&app, &problem, r, options) != APR_SUCCESS) {
        return 0;
    }
    path = path_in_app(r, &app);
    if (!path) {
        return 0;
    }
    if (is_startup_file(&app, path)) {
        return 1;
    }
    privacy = psg_file_privacy(path);
    return privacy == PSG_FILE_PRIVATE
           || (privacy == PSG_FILE_SCRIPT
               && (!app.type || strcmp(app.type->name, "node") == 0));
}

int psg_app_file_is_startup(request_rec *r, const psg_app_t *app)
{
    const char *path = path_in_app(r, app);

    return path && is_startup_file(app, path);
}
