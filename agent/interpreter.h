/* SPDX-License-Identifier: Apache-2.0 */

/* Finds the program that runs an app and becomes it, or says precisely why
 * that is not possible. The last step of the launcher. */
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include "launcher.h"

/* Returns only if it failed, with *failure filled. A name without a slash is
 * looked for as interpreter_search.h says, then in the environment's PATH, which
 * gets the folder it was found in. env has PATH and HOME (launcher_env()). */
void interpreter_exec(launch_failure_t *failure, const char *const *args,
                      const char *app_root, char **env, apr_pool_t *pool);

#endif
