/* SPDX-License-Identifier: Apache-2.0 */

/* Names requests in flight in the log: what a process still works on that is
 * about to be ended. Called by app_process and by whoever ends a process because
 * of what it does. */
#ifndef REQUEST_LOG_H
#define REQUEST_LOG_H

#include <stdint.h>

#include "app_process.h"

/* Logs the requests that run on proc, a line each, at most twenty of them.
 * Returns how many there are. Reads all slots: not for every turn. */
uint32_t request_log_running(const app_process_t *proc);

/* "GET '/path' of 192.0.2.1, for 12.3 s": slot as others wrote it, in words that
 * are safe in a log. now: as psg_now(). */
const char *request_log_words(const psg_slot_t *slot, uint64_t now,
                              apr_pool_t *pool);

#endif
