/* SPDX-License-Identifier: Apache-2.0 */

/* What a tenant's code, inside of its app process, tries against the processes
 * and sockets of another tenant and of the agent: all of it is refused. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "tenants.h"
#include "test.h"

/* psgalice has a Python app at /, psgbob the intruder at /bob. */
static httpd_t *serve_both(void)
{
    tenants_create();
    app_require("python3");
    app_copy("python", "www");
    app_copy("intruder", "bob");
    tenants_give("www", "psgalice:psgalice");
    tenants_give("bob", "psgbob:psgbob");
    return httpd_start(
        &(httpd_config_t){.vhost_config = app_below("/bob", "bob")});
}

static const char *instance_dir(const httpd_t *httpd)
{
    const char *path;

    test_shell(&path, "echo '%s'/passenger.* | tr -d '\\n'", httpd->run_dir);
    return path;
}

static void name_targets(const httpd_t *httpd, pid_t app)
{
    pid_t watcher, children[64];
    const char *list;
    int count, i;

    WAIT_UNTIL((watcher = tenants_watcher(httpd, TENANT_ALICE)) > 0);
    list = test_format("%s\n%d\n%d\n%d\n%d\n%d\n", instance_dir(httpd),
                       (int)app, (int)watcher, (int)httpd_core(httpd),
                       (int)httpd_watchdog(httpd), (int)httpd->pid);
    count = process_find_all(httpd->pid, "httpd.conf", children, 64);
    for (i = 0; i < count; i++) {
        list = test_format("%s%d\n", list, (int)children[i]);
    }
    test_file("bob/targets", list);
}

static int count_lines(const char *text, const char *end)
{
    int count = 0;

    while ((text = strstr(text, end)) != NULL) {
        count++;
        text += strlen(end);
    }
    return count;
}

TEST(code_of_a_tenant_reaches_nobody_else)
{
    httpd_t *httpd = serve_both();
    pid_t app = app_pid(httpd), bob, core = httpd_core(httpd);
    const char *said;

    bob = (pid_t)atoi(http_get_body(200, "%s/bob/pid", httpd->url));
    CHECK_INT(process_status(bob, "Uid"), TENANT_BOB);
    name_targets(httpd, app);
    said = http_get_body(200, "%s/bob/", httpd->url);
    if (strstr(said, "DONE")) {
        FAIL("psgbob succeeds:\n%s", said);
    }
    /* Nearly all is a matter of rights, not of names that do not exist. */
    CHECK(count_lines(said, ": refused\n") > 200);
    CHECK(count_lines(said, ": failed: ") < count_lines(said, "\n") / 10);
    CHECK_INT(app_pid(httpd), app);
    CHECK_INT(httpd_core(httpd), core);
    CHECK_CONTAINS(said, "/apps/0.");
}
