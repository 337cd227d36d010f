/* SPDX-License-Identifier: Apache-2.0 */

/* A loader that has loaded the app and forks processes off, as the agent would
 * command it (loaders/PROTOCOL, section 7). Used by the preloader tests. */
#ifndef LOADER_PRELOADER_H
#define LOADER_PRELOADER_H

#include "loader_process.h"

/* Starts a preloader for an app of one file, which is made below test_dir(),
 * and waits until it can fork. */
loader_t *loader_preload_code(const char *language, const char *code);
/* The same for test/apps/NAME. */
loader_t *loader_preload(const char *language, const char *name);

/* Has it fork a process and waits for its birth, which gives its pid. What it
 * writes goes to the file `output` below test_dir(). It is our child, as it
 * would be the watchdog's, and not ready yet. */
loader_t *loader_fork(const loader_t *preloader, const char *output);

/* Sends it a text with count descriptors of /dev/null. */
void loader_send_fds(const loader_t *preloader, const char *text, int count);

#endif
