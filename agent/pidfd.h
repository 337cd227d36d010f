/* SPDX-License-Identifier: Apache-2.0 */

/* Signals by pidfd, which can reach no process that was given the same number
 * later. Used by the watchdog and by watchers; async-signal-safe. */
#ifndef PIDFD_H
#define PIDFD_H

#include <apr_errno.h>

/* APR_ESRCH: it was reaped already. */
apr_status_t pidfd_signal(int pidfd, int number);

/* To the process group it leads or led; number 0: only says whether there is
 * one. APR_ESRCH: nobody is left in it; APR_EINVAL: Linux before 6.9 cannot. */
apr_status_t pidfd_signal_group(int pidfd, int number);

/* Whether the process is a zombie or gone. */
int pidfd_has_ended(int pidfd);

#endif
