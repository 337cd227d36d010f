/* SPDX-License-Identifier: Apache-2.0 */

/* The kinds of app we know (app_types.def), and which kind a folder holds.
 * Used by the module to find apps and by the core to start them. */
#ifndef PSG_APP_TYPE_H
#define PSG_APP_TYPE_H

#include <stddef.h>

#include <apr_file_info.h>

/* When an app is loaded by a preloader, which forks its processes. */
typedef enum {
    PSG_PRELOAD_NEVER,
    PSG_PRELOAD_IF_ASKED, /* spawn_method smart */
    PSG_PRELOAD_ALWAYS,   /* unless spawn_method is direct */
} psg_preload_e;

typedef struct {
    const char *name;         /* "ruby" */
    const char *alias;        /* "rack" */
    const char *startup_file; /* below the app root */
    size_t interpreter;       /* offsetof(psg_options_t, ruby) and so on */
    const char *default_interpreter;
    const char *loader; /* below the loaders' folder */
    int decoded_path_info;
    psg_preload_e preload;
} psg_app_type_t;

/* The type with that name or alias (its first row), or NULL. */
const psg_app_type_t *psg_app_type_find(const char *name);

/* "ruby, python, node": for messages. */
const char *psg_app_type_names(void);

/* Looks for startup files in folder `root`, in the order of app_types.def. On
 * success *type and *info (of the file found, links followed) are set.
 * APR_ENOENT if none is there; APR_EACCES if the folder may not be searched. */
apr_status_t psg_app_type_detect(const psg_app_type_t **type, apr_finfo_t *info,
                                 const char *root, apr_pool_t *scratch);

#endif
