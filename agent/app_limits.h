/* SPDX-License-Identifier: Apache-2.0 */

/* The limits of an app and of its processes: how many, how many requests, how
 * much memory. What is above one is replaced by app_restart or killed; an app
 * whose processes are overloaded gets one more, within the limits. */
#ifndef APP_LIMITS_H
#define APP_LIMITS_H

#include "app_group.h"
#include "core.h"

/* How many processes a group may have by PassengerMaxInstances and
 * PassengerMaxInstancesPerApp; 0 = no limit but the pool's. */
uint32_t app_limits_instances(const app_group_t *group);

/* Makes PassengerMaxRequests, or always_restart.txt, hold for the process; to
 * be called before it gets READY, and when the options of its group change. */
void app_limits_apply(const app_process_t *proc);

/* Replaces the process if it had all the requests it is to have. */
void app_limits_check_requests(app_process_t *proc);

/* Ends the process with SIGKILL, now. `why` is for the log, and what those who
 * wait for the app are told if it was still starting. */
void app_limits_kill(app_process_t *proc, const char *why);

/* Looks at all processes; once a second. */
void app_limits_tick(core_t *core);

#endif
