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

/* The startup file is there and readable. For an app that runs as the file's
 * owner: it belongs to that user, and every folder and link on the way to it
 * to that user or root; so nobody can place a link to somebody else's file. */
apr_status_t tenant_path_check_startup(launch_failure_t *failure,
                                       const launch_t *launch,
                                       apr_pool_t *pool);

#endif
