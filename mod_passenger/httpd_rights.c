/* SPDX-License-Identifier: Apache-2.0 */

/* Looks at what the configuration names as httpd's children would. Called by
 * mod_passenger.c for httpd -t. */
#include "httpd_rights.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <http_log.h>
#include <mpm_common.h>
#include <unixd.h>

APLOG_USE_MODULE(passenger);

static void tell(apr_pool_t *pool, const char *problem)
{
    ap_log_perror(APLOG_MARK, APLOG_WARNING, errno, pool,
                  "PSG0047: what directives name is not looked for: %s",
                  problem);
}

/* As httpd's children do it. */
static int become_user(server_rec *s, apr_pool_t *pool)
{
    uid_t wanted = ap_unixd_config.user_id, real, effective, saved;

    return ap_run_drop_privileges(pool, s) == OK
           && getresuid(&real, &effective, &saved) == 0 && real == wanted
           && effective == wanted && saved == wanted;
}

__attribute__((noreturn)) static void
run_child(psg_config_look_fn look, server_rec *s, apr_pool_t *pconf)
{
    if (become_user(s, pconf)) {
        look(s, pconf);
    }
    else {
        tell(pconf, "cannot become httpd's user; look at User and Group");
    }
    fflush(NULL);
    _exit(0);
}

void psg_httpd_rights_use(psg_config_look_fn look, server_rec *s,
                          apr_pool_t *pconf)
{
    pid_t pid;

    if (geteuid() != 0) {
        look(s, pconf);
        return;
    }
    fflush(NULL); /* else the child would print it once more */
    pid = fork();
    if (pid == 0) {
        run_child(look, s, pconf);
    }
    if (pid < 0) {
        tell(pconf, "cannot fork; try again");
        return;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
