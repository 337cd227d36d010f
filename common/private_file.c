/* SPDX-License-Identifier: Apache-2.0 */

/* Compares names with private_names.def. Called by the module for files below
 * an app's folder. Letter case is ignored: some file systems do so, too. */
#include "private_file.h"

#include <string.h>
#include <strings.h>

static const char *const private_names[] = {
#define PRIVATE_NAME(name) name,
#define PRIVATE_SUFFIX(suffix)
#define SCRIPT_SUFFIX(suffix)
#define PUBLIC_FOLDER(name)
#include "private_names.def"
};

static const char *const private_suffixes[] = {
#define PRIVATE_NAME(name)
#define PRIVATE_SUFFIX(suffix) suffix,
#define SCRIPT_SUFFIX(suffix)
#define PUBLIC_FOLDER(name)
#include "private_names.def"
};

static const char *const script_suffixes[] = {
#define PRIVATE_NAME(name)
#define PRIVATE_SUFFIX(suffix)
#define SCRIPT_SUFFIX(suffix) suffix,
#define PUBLIC_FOLDER(name)
#include "private_names.def"
};

static const char *const public_folders[] = {
#define PRIVATE_NAME(name)
#define PRIVATE_SUFFIX(suffix)
#define SCRIPT_SUFFIX(suffix)
#define PUBLIC_FOLDER(name) name,
#include "private_names.def"
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int is_one_of(const char *name, size_t len, const char *const *table,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(table[i]) == len && strncasecmp(name, table[i], len) == 0) {
            return 1;
        }
    }
    return 0;
}

static int ends_with_one_of(const char *name, size_t len,
                            const char *const *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(table[i]);

        if (len >= n && strncasecmp(name + len - n, table[i], n) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_private_name(const char *name, size_t len)
{
    if (len > 0 && name[0] == '.') {
        return !(len == 11 && strncmp(name, ".well-known", len) == 0);
    }
    return is_one_of(name, len, private_names, COUNT(private_names));
}

psg_file_privacy_e psg_file_privacy(const char *path)
{
    int is_below_public = 0;

    for (;;) {
        size_t len = strcspn(path, "/");

        if (is_private_name(path, len)) {
            return PSG_FILE_PRIVATE;
        }
        if (path[len] == '\0') {
            if (ends_with_one_of(path, len, private_suffixes,
                                 COUNT(private_suffixes))) {
                return PSG_FILE_PRIVATE;
            }
            return !is_below_public
                           && ends_with_one_of(path, len, script_suffixes,
                                               COUNT(script_suffixes))
                       ? PSG_FILE_SCRIPT
                       : PSG_FILE_PUBLIC;
        }
        is_below_public |=
            is_one_of(path, len, public_folders, COUNT(public_folders));
        path += len + 1;
    }
}
