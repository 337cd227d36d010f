/* SPDX-License-Identifier: Apache-2.0 */

/* The folders and the startup file of an app, looked at with the tenant's
 * rights, in the child that is about to become the app. Each failure names the
 * first culprit of the path. */
#ifndef TENANT_PATH_H
#define TENANT_PATH_H

#include "launcher.h"

/* Makes the app root the working directory. */
apr_status_t tenant_path_enter(launch_failure_t *failure,
                               const launch_t *launch, apr_pool_t *pool);

/* The startup file is there and readable. For an app whose user follows from the
 * file's owner: it belongs to that owner, and every folder and link on the way to
 * it and to the app root, which is the working directory, to that owner, to root
 * or to the user; so nobody can place a link to somebody else's file. Where the
 * default user stands in for root or a user of the system, which many have files
 * of, others may not even write to file, folder and app root. */
apr_status_t tenant_path_check_startup(launch_failure_t *failure,
                                       const launch_t *launch,
                                       apr_pool_t *pool);

#endif
