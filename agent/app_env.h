/* SPDX-License-Identifier: Apache-2.0 */

/* The environment that users give their apps: which names are theirs, and the
 * file they keep secrets in. Pure but for reading that file, which the launcher
 * does with the tenant's rights. */
#ifndef APP_ENV_H
#define APP_ENV_H

#include <apr_pools.h>
#include <apr_tables.h>

/* The value of the variable called name in env, which ends with NULL; or NULL. */
const char *app_env_value(const char *const *env, const char *name);

/* Whether the agent alone sets this variable ("NAME=..."). */
int app_env_is_reserved(const char *variable);

/* Sets each "NAME=VALUE" of added (which may be NULL) in env, an array of such
 * strings; reserved ones are left out. */
void app_env_set_all(apr_array_header_t *env, const apr_array_header_t *added);

/* Takes the variables of a file's text: KEY=value lines, perhaps with "export"
 * in front and quotes around the value; # begins a comment line. Returns them as
 * NAME=VALUE, or NULL with *line, the number of the first that is none. */
apr_array_header_t *app_env_parse(int *line, const char *text,
                                  apr_pool_t *pool);

/* Reads PassengerEnvFile, which must belong to uid or root and be closed to all
 * others. NULL and *problem (which never quotes the file) if it cannot count. */
apr_array_header_t *app_env_read(const char **problem, const char *file,
                                 apr_pool_t *pool);

#endif
