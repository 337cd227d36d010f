/* SPDX-License-Identifier: Apache-2.0 */

/* Why an app process did not start, or ended by itself, for the log and for the
 * error page. Called by app_backoff. */
#ifndef SPAWN_REPORT_H
#define SPAWN_REPORT_H

#include "app_process.h"

/* Collects what is known; with a new error id. Allocated in pool. */
psg_spawn_error_t *spawn_report_make(const app_process_t *proc,
                                     apr_pool_t *pool);

/* Says it in the log, with the id. seconds: until it is tried again. */
void spawn_report_log(const psg_spawn_error_t *error, const app_process_t *proc,
                      unsigned seconds);

/* "exit status 1", "signal 9 (Killed)" and the like. */
const char *spawn_report_how_it_ended(const app_process_t *proc,
                                      apr_pool_t *pool);

/* Says how a process ended that had been ready, and what it said last. */
void spawn_report_log_end(const app_process_t *proc);

#endif
