/* SPDX-License-Identifier: Apache-2.0 */

/* Processes that serve crowds are scheduled in batches, as httpd's threads that
 * wait for them are (mod_passenger/thread_policy.h): an app does not push those
 * off their CPU for each request. As usual again when the crowd is gone. */
#ifndef APP_POLICY_H
#define APP_POLICY_H

#include "core.h"

enum {
    APP_POLICY_CALM = 30, /* seconds without a crowd until it is gone */
};

/* Looks at all processes; once a second. */
void app_policy_tick(core_t *core);

#endif
