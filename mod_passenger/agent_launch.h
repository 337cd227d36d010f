/* SPDX-License-Identifier: Apache-2.0 */

/* Starts and ends one watchdog process. Called by agent_daemon.c, in httpd's
 * parent, which has one thread only. */
#ifndef PSG_AGENT_LAUNCH_H
#define PSG_AGENT_LAUNCH_H

#include <apr_errno.h>
#include <apr_pools.h>

typedef struct {
    const char *instance_dir;
    unsigned httpd_uid, httpd_gid;
    int log;        /* becomes its standard error */
    int scoreboard; /* becomes its descriptor 3 */
    int store[2];   /* become 5 (where it reads) and 6 */
} psg_launch_t;

/* Starts the watchdog and waits until it has said that it works (at most 10 s).
 * *pid is its process, *socket our end of the connection (close-on-exec). If
 * this fails, nothing is left running and *error says why, in words. */
apr_status_t psg_agent_launch(pid_t *pid, int *socket, const char **error,
                              const psg_launch_t *launch, apr_pool_t *pool);

/* Whether there is a program to start: NULL, or what is wrong, in words. */
const char *psg_agent_check_program(apr_pool_t *pool);

/* Asks the watchdog to end and waits for it, at most 7 s; then kills it. */
void psg_agent_end(pid_t pid, int socket);

#endif
