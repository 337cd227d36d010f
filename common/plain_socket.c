/* SPDX-License-Identifier: Apache-2.0 */

/* Called by the agent for its ends of what it gives to apps, and by the module
 * for its connections to them. */
#include "plain_socket.h"

#include <sys/socket.h>

/* Linux 6.16; older headers lack it. */
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

void psg_plain_socket_make(int fd)
{
    const int on = 1, off = 0;

    /* Both fail where the kernel lacks them, and then there is nothing to do. */
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
    (void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}
