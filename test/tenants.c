/* SPDX-License-Identifier: Apache-2.0 */

/* See tenants.h. Tests of user switching call it. */
#include "tenants.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "app_server.h"
#include "process_tree.h"
#include "test.h"

static void replace(const char *system_file, const char *name, const char *more)
{
    const char *copy =
        test_file(name, test_format("%s%s", test_read(system_file), more));

    if (mount(copy, system_file, NULL, MS_BIND, NULL) != 0) {
        SKIP("cannot mount over %s: %s", system_file, strerror(errno));
    }
}

void tenants_create(void)
{
    if (getuid() != 0) {
        SKIP("needs root: a plain user runs every app as itself");
    }
    if (unshare(CLONE_NEWNS) != 0
        || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        SKIP("needs a mount namespace: %s", strerror(errno));
    }
    replace("/etc/passwd", "passwd",
            test_format("psgalice:x:%d:%d::%s:/bin/sh\n"
                        "psgbob:x:%d:%d::%s:/bin/sh\n",
                        TENANT_ALICE, TENANT_ALICE, test_dir(), TENANT_BOB,
                        TENANT_BOB, test_dir()));
    replace(
        "/etc/group", "group",
        test_format("psgalice:x:%d:\npsgbob:x:%d:\npsgshared:x:%d:psgalice\n",
                    TENANT_ALICE, TENANT_BOB, TENANT_SHARED));
}

void tenants_give(const char *folder, const char *owner)
{
    CHECK_INT(
        test_shell(NULL, "chown -R '%s' '%s/%s'", owner, test_dir(), folder),
        0);
}

httpd_t *tenants_serve_two(void)
{
    tenants_create();
    app_require("python3");
    app_copy("python", "www");
    app_copy("python", "other");
    tenants_give("www", "psgalice");
    tenants_give("other", "psgbob");
    return httpd_start(
        &(httpd_config_t){.vhost_config = app_below("/other", "other")});
}

pid_t tenants_watcher(const httpd_t *httpd, int uid)
{
    pid_t pids[8];
    int count = process_find_all(httpd_watchdog(httpd),
                                 "passenger-agent watcher", pids, 8);

    while (count > 0 && process_status(pids[count - 1], "Uid") != uid) {
        count--;
    }
    return count > 0 ? pids[count - 1] : 0;
}
