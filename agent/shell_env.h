/* SPDX-License-Identifier: Apache-2.0 */

/* The environment that a user's login shell makes (its profile sets PATH and
 * more). Called by the launcher with the tenant's rights. */
#ifndef SHELL_ENV_H
#define SHELL_ENV_H

#include <apr_pools.h>

/* Runs `shell` as a login shell, in the current folder, with env as its
 * environment, and takes what it exports: NAME=value strings, NULL at the end,
 * in pool. At most 5 seconds and 256 KiB; whatever the profile prints or starts
 * is thrown away and ended. On failure the result is NULL and *problem says
 * why; NULL and "" if the shell is none we know (nologin, say). */
char **shell_env_read(const char **problem, const char *shell, char **env,
                      apr_pool_t *pool);

/* base with the variables of shell that base does not have, and with those that
 * a profile is expected to set (PATH, LANG) taken from shell. In pool. */
char **shell_env_merge(char **base, char **shell, apr_pool_t *pool);

#endif
