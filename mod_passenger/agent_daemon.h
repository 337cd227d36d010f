/* SPDX-License-Identifier: Apache-2.0 */

/* httpd's parent and the agent: started once, told the configuration at every
 * (re)start, restarted when it dies, ended with httpd. */
#ifndef PSG_AGENT_DAEMON_H
#define PSG_AGENT_DAEMON_H

#include "mod_passenger.h"

/* Hook post_config: OK, or what the start of httpd fails with (logged). */
int psg_daemon_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp, server_rec *s);

/* Hook monitor: starts an agent again that died too often to be started at
 * once. */
int psg_daemon_monitor(apr_pool_t *pool, server_rec *s);

/* For a new child: the scoreboard's descriptor and the folder of the sockets
 * (in pool). APR_ENOENT if there is no agent. */
apr_status_t psg_daemon_join(int *scoreboard, const char **instance_dir,
                             apr_pool_t *pool);

#endif
