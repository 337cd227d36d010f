/* SPDX-License-Identifier: Apache-2.0 */

/* Descendants of app processes whose parents ended: the kernel gives them to
 * the watchdog (PR_SET_CHILD_SUBREAPER), so none can outlive httpd, not even
 * by making itself a daemon. */
#ifndef ORPHANS_H
#define ORPHANS_H

#include "watchdog.h"

/* Signals each child of the watchdog that is neither the core nor in the table
 * of processes. */
void orphans_signal(watchdog_t *dog, int number);

/* Kills and reaps all children that are left, for at most usec microseconds.
 * Called last, when the table is empty. */
void orphans_kill(watchdog_t *dog, uint64_t usec);

#endif
