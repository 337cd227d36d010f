/* SPDX-License-Identifier: Apache-2.0 */

/* Finds the program that runs an app and becomes it, or says precisely why
 * that is not possible. The last step of the launcher. */
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include "launcher.h"

/* Returns only if it failed, with *failure filled. A name without a slash is
 * looked for in path. */
void interpreter_exec(launch_failure_t *failure, const char *const *args,
                      char **env, const char *path, apr_pool_t *pool);

#endif
