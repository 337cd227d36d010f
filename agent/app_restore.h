/* SPDX-License-Identifier: Apache-2.0 */

/* Takes over what an earlier core left: first the groups, then each process
 * that the watchdog has, then the end. watchdog_link calls in this order. */
#ifndef APP_RESTORE_H
#define APP_RESTORE_H

#include "core.h"

/* Makes the groups that are on the scoreboard; core->options must be there. */
void app_restore_groups(core_t *core);

/* Takes over a process and its descriptors. On failure (APR_ENOENT: it is not
 * on the scoreboard) the descriptors stay the caller's, and the process should
 * be killed. */
apr_status_t app_restore_process(core_t *core, uint32_t index,
                                 uint32_t generation, int pid,
                                 const int fds[3]);

/* There are no more: frees entries without a process, repairs the figures of
 * all groups and looks after those who wait. */
void app_restore_end(core_t *core);

#endif
