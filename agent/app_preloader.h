/* SPDX-License-Identifier: Apache-2.0 */

/* The preloader of an app group: loads the app once and forks its processes
 * (loaders/PROTOCOL section 7). It is an app_process_t of kind PRELOADER that
 * takes no requests: not in the group's list, in no count but
 * group->preloaders, with no place in the pool. Called by app_group,
 * app_process and watchdog_link. */
#ifndef APP_PRELOADER_H
#define APP_PRELOADER_H

#include "app_group.h"

/* Starts a process of the group in the way that is configured, which may mean to
 * start its preloader: when that one is ready, the group looks again. To be
 * called if it is not awaited. */
apr_status_t app_preloader_start_process(app_group_t *group);

/* Whether the group waits for its preloader: none of its processes can be
 * started before that one is ready, or has failed. */
int app_preloader_is_awaited(const app_group_t *group);

/* The watchdog has prepared proc: its preloader is told to fork it. fds stay
 * the caller's, who closes them; if they went nowhere, the watchdog notices. */
void app_preloader_fork(const app_process_t *proc, const int *fds, int count);

/* proc could not be started. Whether that was its preloader's fault: then it is
 * replaced, and nobody has to be told. */
int app_preloader_is_to_blame(const app_process_t *proc);

/* A process of the group got ready; as it was meant, if it was forked. */
void app_preloader_process_ready(const app_process_t *proc);

/* From app_process and app_group, as for any process: proc is a preloader. */
void app_preloader_add(app_process_t *proc);
void app_preloader_ready(app_process_t *proc);
void app_preloader_ended(app_process_t *proc);

/* How many preloaders the group has, ending ones included. */
uint32_t app_preloader_count(const app_group_t *group);

/* Ends all preloaders of the group. */
void app_preloader_end(app_group_t *group, const char *why);

/* Ends those of all groups that are replaced or forked nothing for long. */
void app_preloader_tidy(core_t *core, uint64_t now);

/* It takes so many MiB. One that has grown beyond the limit is replaced at the
 * next fork; where the app itself is too large, that would be no use. */
void app_preloader_check_memory(app_process_t *preloader, int used, int limit);

/* The group's epoch was raised: a preloader that is READY forks nothing more,
 * and what failed before may work now. */
void app_preloader_restarted(app_group_t *group);

#endif
