/* SPDX-License-Identifier: Apache-2.0 */

/* What a watcher does for its user's app processes: it ends them if nobody else
 * is left to, because watchdog, core and httpd were all killed. Loaders end by
 * themselves then, unless a request goes on for ever; programs of a start
 * command get SIGTERM from the kernel (launcher.c), which they may ignore. */
#ifndef TENANT_GUARD_H
#define TENANT_GUARD_H

#include <sys/types.h>

/* A descriptor that is readable when tenant_guard_tidy() is to be called; -1:
 * none can be had, nothing is guarded. Once, before all else. */
int tenant_guard_open(void);

/* Takes over pidfd of the process with that number. */
void tenant_guard_add(pid_t pid, int pidfd);

/* Forgets those that have ended. */
void tenant_guard_tidy(void);

/* SIGTERM to all and their process groups, SIGKILL after five seconds; returns
 * when nothing is left. */
void tenant_guard_end(void);

#endif
