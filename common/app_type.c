/* SPDX-License-Identifier: Apache-2.0 */

/* Knows the kinds of app and tells which one a folder holds. Called by the
 * module's app lookup and by the core when it starts an app. */
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "app_type.h"
#include "options.h"

static const psg_app_type_t types[] = {
#define APP_TYPE(NAME, name, alias, file, option, interpreter, loader, \
                 decoded, preload)                                     \
    {name,        alias,  file,    offsetof(psg_options_t, option),    \
     interpreter, loader, decoded, PSG_PRELOAD_##preload},
#include "app_types.def"
};

enum {
    TYPE_COUNT = sizeof(types) / sizeof(types[0])
};

const psg_app_type_t *psg_app_type_find(const char *name)
{
    int i;

    for (i = 0; i < TYPE_COUNT; i++) {
        if (strcasecmp(types[i].name, name) == 0
            || strcasecmp(types[i].alias, name) == 0) {
            return &types[i];
        }
    }
    return NULL;
}

/* "ruby, python, node": each name once, from the table. */
static char names[128];

static void names_make(void)
{
    int i;

    for (i = 0; i < TYPE_COUNT; i++) {
        if (psg_app_type_find(types[i].name) != &types[i]) {
            continue;
        }
        if (i > 0) {
            strncat(names, ", ", sizeof(names) - strlen(names) - 1);
        }
        strncat(names, types[i].name, sizeof(names) - strlen(names) - 1);
    }
}

const char *psg_app_type_names(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, names_make);
    return names;
}

apr_status_t psg_app_type_detect(const psg_app_type_t **type, apr_finfo_t *info,
                                 const char *root, apr_pool_t *scratch)
{
    int i;

    for (i = 0; i < TYPE_COUNT; i++) {
        const char *path =
            apr_pstrcat(scratch, root, "/", types[i].startup_file, NULL);
        apr_finfo_t found;
        apr_status_t rv =
            apr_stat(&found, path, APR_FINFO_MIN | APR_FINFO_OWNER, scratch);

        if (rv == APR_SUCCESS && found.filetype == APR_REG) {
            *type = &types[i];
            *info = found;
            return APR_SUCCESS;
        }
        if (rv != APR_SUCCESS && !APR_STATUS_IS_ENOENT(rv)
            && !APR_STATUS_IS_ENOTDIR(rv)) {
            return rv;
        }
    }
    return APR_ENOENT;
}
