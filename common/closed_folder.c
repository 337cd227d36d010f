/* SPDX-License-Identifier: Apache-2.0 */

/* Looks for the folder that permission is missing on. Called by the module for
 * apps, and by the agent for interpreters. */
#include "closed_folder.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

const char *psg_closed_folder(const char *path, apr_pool_t *pool)
{
    const char *slash;

    for (slash = path; (slash = strchr(slash, '/')) != NULL; slash++) {
        size_t len = slash == path ? 1 : (size_t)(slash - path);
        const char *folder = apr_pstrmemdup(pool, path, len);

        if (access(folder, X_OK) != 0 && errno == EACCES) {
            return folder;
        }
    }
    return NULL;
}
