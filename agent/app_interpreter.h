/* SPDX-License-Identifier: Apache-2.0 */

/* Which interpreter the processes of an app run, where no directive names one
 * with its path: the launcher finds it for the first process of a version, and
 * the others get the same, so that one version of an app runs on one interpreter
 * whatever happens to version files meanwhile. Nothing is kept but what living
 * processes run: a restart, a failed start and an app without processes begin
 * anew, and so does a new core, which does not know what was found before it.
 * Called by app_channels, app_process_start and spawner. */
#ifndef APP_INTERPRETER_H
#define APP_INTERPRETER_H

#include "app_process.h"

/* The launcher of proc found `path`; `why` is for people, or "". Only the first
 * word of a process that starts counts: others are not the launcher's, but the
 * app's. */
void app_interpreter_found(app_process_t *proc, const char *path,
                           const char *why);

/* proc is forked by preloader, so it runs the same. */
void app_interpreter_inherit(app_process_t *proc,
                             const app_process_t *preloader);

/* What processes of proc's version run, for the launcher to try first; "" if
 * nobody knows. Lives until the loop's next turn. */
const char *app_interpreter_known(const app_process_t *proc);

/* What proc runs; before it is known, what was asked for. For people. */
const char *app_interpreter_of(const app_process_t *proc);

#endif
