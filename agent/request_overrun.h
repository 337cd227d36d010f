/* SPDX-License-Identifier: Apache-2.0 */

/* Enforces PassengerMaxRequestTime: a process with a request that takes longer
 * shows what it does (SIGQUIT, see loaders/PROTOCOL), and is killed a second
 * later unless it is done by then. */
#ifndef REQUEST_OVERRUN_H
#define REQUEST_OVERRUN_H

#include "core.h"

/* Looks at all requests in flight; once a second. */
void request_overrun_tick(core_t *core);

#endif
