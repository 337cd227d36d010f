/* SPDX-License-Identifier: Apache-2.0 */

/* Serves admin.sock: every user of the system may connect. Lines are short, and
 * few connections live, each for ten seconds after its last line at most. */
#ifndef ADMIN_SOCKET_H
#define ADMIN_SOCKET_H

#include "core.h"

/* Listens on CORE_FD_ADMIN. A core that cannot goes on without, and logs it. */
void admin_socket_create(core_t *core);

#endif
