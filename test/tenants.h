/* SPDX-License-Identifier: Apache-2.0 */

/* Users for tests of user switching that exist for one test only: a copy of
 * /etc/passwd and /etc/group with them in it is mounted over the system's, in a
 * mount namespace that everything the test starts inherits. */
#ifndef TENANTS_H
#define TENANTS_H

#include "httpd_server.h"

enum {
    TENANT_ALICE = 60101, /* uid and gid of "psgalice", also in "psgshared" */
    TENANT_BOB = 60102,   /* uid and gid of "psgbob" */
    TENANT_SHARED = 60103,
};

/* Skips the test unless run by root with the right to mount. To be called
 * before anything is started. The home of both is test_dir(). */
void tenants_create(void);

/* All in `folder` of test_dir() belongs to `owner` ("NAME" or "NAME:GROUP"). */
void tenants_give(const char *folder, const char *owner);

/* With tenants_create(): psgalice has the Python app at /, psgbob at /other. */
httpd_t *tenants_serve_two(void);

/* The process that watches the files of the user uid; 0 if there is none. */
pid_t tenants_watcher(const httpd_t *httpd, int uid);

#endif
