/* SPDX-License-Identifier: Apache-2.0 */

/* Finds the program that runs an app and becomes it, or says precisely why
 * that is not possible. The last step of the launcher. */
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include "launcher.h"

/* Becomes launch->args[0] with env; returns only if that failed, with *failure
 * filled. A name without a slash is looked for: launch->interpreter, if it can be
 * run; as interpreter_search.h says; in the environment's PATH, which gets the
 * folder it was found in. Tells the core. env has PATH and HOME. */
void interpreter_exec(launch_failure_t *failure, const launch_t *launch,
                      char **env, apr_pool_t *pool);

#endif
