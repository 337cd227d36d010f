/* SPDX-License-Identifier: Apache-2.0 */

/* Becoming another user (see identity.h for which). The only file with set*id
 * calls; used by what the watchdog forks, before the exec. */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include "identity.h"

/* Becomes user for good, with the groups the system gives that user
 * (getgrouplist) and no capability, and verifies it. After a failure the process is in no
 * defined state: it must exit. *reason names the call that failed. */
apr_status_t privileges_drop(const identity_user_t *user, const char **reason,
                             apr_pool_t *pool);

/* The same, with exactly one supplementary group. */
apr_status_t privileges_drop_to_group(const identity_user_t *user,
                                      gid_t supplementary, const char **reason,
                                      apr_pool_t *pool);

#endif
