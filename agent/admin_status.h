/* SPDX-License-Identifier: Apache-2.0 */

/* What the admin socket tells of apps and processes; figures are read from the
 * scoreboard without locks. */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include <sys/types.h>

#include <jansson.h>

#include "core.h"

/* All that peer may see: {"ok":true,"version":...,"apps":[...]}. The caller owns
 * it; NULL if there is no memory. */
json_t *admin_status_make(core_t *core, uid_t peer);

#endif
