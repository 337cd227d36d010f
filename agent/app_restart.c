/* SPDX-License-Identifier: Apache-2.0 */

/* Called by what notices that processes are to be replaced. */
#include "app_restart.h"

void app_restart_group(app_group_t *group, const char *why)
{
    app_group_drain(group, why);
}

void app_restart_process(app_process_t *proc, const char *why)
{
    app_process_drain(proc, why);
}
