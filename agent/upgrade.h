/* SPDX-License-Identifier: Apache-2.0 */

/* passenger-agent was replaced on disk: the watchdog executes the new file and
 * stays the same process, with the same children; a new core comes with it.
 * What it needs is in the store. Called by the watchdog's loop when httpd sends
 * a configuration, which the new program reads. */
#ifndef UPGRADE_H
#define UPGRADE_H

#include "watchdog.h"

/* What upgrade_exec() adds to the arguments: nobody waits for a first word. */
#define UPGRADE_OPTION "--continue"

/* What a program must answer to `passenger-agent --protocols`, a line, to be
 * executed by a watchdog that would answer the same. */
const char *upgrade_protocols(apr_pool_t *pool);

/* Executes dog->program if it is not what we run. Returns if it is, or if that
 * cannot be: then this agent goes on, and the log says why. The core may be a
 * new one then. */
void upgrade_exec(watchdog_t *dog);

#endif
