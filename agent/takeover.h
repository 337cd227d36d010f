/* SPDX-License-Identifier: Apache-2.0 */

/* How a watchdog continues where the one before was killed, or replaced itself
 * by another program: processes and agent.sock come from the store. Called by
 * the watchdog at its start and by its loop. */
#ifndef TAKEOVER_H
#define TAKEOVER_H

#include "watchdog.h"

/* Fills dog->children, and dog->core.agent_socket if there was one; needs both
 * to be empty. Processes whose parent we are not are watched by
 * dog->strangers. */
void takeover_begin(watchdog_t *dog);

/* Whether a file of the instance dir, named relative to it, is still in use;
 * baton is the watchdog. Everything else is an earlier watchdog's rubbish. */
int takeover_keeps(const void *baton, const char *name);

/* Notices the end of processes that are not our children: how they ended
 * nobody knows. */
void takeover_reap(watchdog_t *dog);

#endif
