/* SPDX-License-Identifier: Apache-2.0 */

/* System calls on pidfds, which the C library may lack. */
#include "pidfd.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 6.9; older headers lack it. */
#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP 4u
#endif

static apr_status_t send_to(int pidfd, int number, unsigned flags)
{
    long rv = syscall(SYS_pidfd_send_signal, pidfd, number, NULL, flags);

    return rv == 0 ? APR_SUCCESS : APR_FROM_OS_ERROR(errno);
}

apr_status_t pidfd_signal(int pidfd, int number)
{
    return send_to(pidfd, number, 0);
}

apr_status_t pidfd_signal_group(int pidfd, int number)
{
    return send_to(pidfd, number, PIDFD_SIGNAL_PROCESS_GROUP);
}

int pidfd_has_ended(int pidfd)
{
    struct pollfd poller = {.fd = pidfd, .events = POLLIN};

    return poll(&poller, 1, 0) != 0;
}
