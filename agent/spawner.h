/* SPDX-License-Identifier: Apache-2.0 */

/* Turns an app into a SPAWN message: program, arguments, environment, identity.
 * app_process asks for it through core_starter_t. */
#ifndef SPAWNER_H
#define SPAWNER_H

#include "app_spec.h"
#include "core.h"
#include "wire.h"

/* Fills spawn, for a process of that kind which nobody forks, but for process,
 * process_generation and interpreter, which is "". port: 0 = none. The texts live
 * in pool or as long as spec. */
void spawner_fill(psg_msg_spawn_t *spawn, const app_spec_t *spec,
                  psg_process_kind_e kind, const char *loaders, int port,
                  apr_pool_t *pool);

/* A TCP port of 127.0.0.1 that nobody uses at the moment. */
apr_status_t spawner_find_port(int *port, const psg_scoreboard_t *sb);

/* Sends SPAWN, SIGNAL and SCHEDULE to the watchdog. */
extern const core_starter_t spawner_starter;

#endif
