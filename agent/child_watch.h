/* SPDX-License-Identifier: Apache-2.0 */

/* Notices that a child of httpd died and gives back what it held. Each row of
 * the scoreboard that is in use is watched by a pidfd, whether its child ever
 * talked to us or not. core.c makes it, module_socket adds to it. */
#ifndef CHILD_WATCH_H
#define CHILD_WATCH_H

#include "core.h"

/* Makes core->children; looks at all rows now and from time to time. */
void child_watch_create(core_t *core);

/* Watches the child of that row (in range), if it is not watched already. */
void child_watch_add(core_t *core, uint32_t row);

#endif
