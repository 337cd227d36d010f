/* SPDX-License-Identifier: Apache-2.0 */

/* Out-of-band work: a process that the module marked as resting is told to do
 * it, and gets requests again when it is done. */
#ifndef APP_REST_H
#define APP_REST_H

#include "app_process.h"

/* From module_socket, when a child says so, and from the tick, should nobody
 * have: tells a process that rests to work, once. */
void app_rest_begin(app_process_t *proc);
void app_rest_tick(core_t *core);

/* It says that it has rested; it ends. */
void app_rest_done(app_process_t *proc);
void app_rest_forget(app_process_t *proc);

#endif
