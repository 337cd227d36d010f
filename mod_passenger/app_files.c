/* SPDX-License-Identifier: Apache-2.0 */

/* Compares a file's place with the app's. Called by request_map.c. */
#include "app_files.h"

#include <string.h>

#include <apr_file_info.h>
#include <apr_lib.h>
#include <apr_strings.h>
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

static int is_startup_file(const psg_app_t *app, const char *path)
{
    return app->startup_file
           && (strcmp(app->startup_file, path) == 0
               || (app->startup_file[0] == '/'
                   && below(app->startup_file, app->root)
                   && strcmp(below(app->startup_file, app->root), path) == 0));
}

static int is_folder(const char *path, const apr_finfo_t *folder,
                     apr_pool_t *pool)
{
    apr_finfo_t info;

    return apr_stat(&info, path, APR_FINFO_INODE | APR_FINFO_DEV, pool)
               == APR_SUCCESS
           && info.inode == folder->inode && info.device == folder->device;
}

/* The path below the app's folder, if that is the folder that is served, or
 * inside of it, under whichever name; else NULL. */
static const char *path_in_app(request_rec *r, const psg_app_t *app)
{
    const char *path = below(r->filename, ap_context_document_root(r));
    apr_finfo_t root;

    if (!path
        || apr_stat(&root, app->root, APR_FINFO_INODE | APR_FINFO_DEV, r->pool)
               != APR_SUCCESS) {
        return NULL;
    }
    while (path) {
        const char *folder =
            apr_pstrmemdup(r->pool, r->filename, (size_t)(path - r->filename));

        if (is_folder(folder, &root, r->pool)) {
            return path;
        }
        path = strchr(path, '/');
        path = path ? path + 1 : NULL;
    }
    return NULL;
}

/* PassengerStartupFile may be called anything. */
static int is_called_startup_file(const char *path,
                                  const psg_options_t *options)
{
    return options->startup_file
           && strcmp(apr_filepath_name_get(options->startup_file),
                     apr_filepath_name_get(path))
                  == 0;
}

int psg_app_file_is_private(request_rec *r, const psg_options_t *options)
{
    const char *path = below(r->filename, ap_context_document_root(r));
    const char *problem;
    psg_file_privacy_e privacy;
    psg_app_t app;

    privacy = psg_file_privacy(path ? path : r->filename);
    if ((privacy == PSG_FILE_PUBLIC
         && !is_called_startup_file(r->filename, options))
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
