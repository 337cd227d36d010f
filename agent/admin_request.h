/* SPDX-License-Identifier: Apache-2.0 */

/* What somebody asks for at the admin socket, and whether he may: one JSON
 * object a line, written by any user of the system.
 *
 *   {"command":"restart_app","app":"/srv/shop"}   apps in or below that folder
 *   {"command":"restart_app","name":"shop"}       by PassengerAppGroupName
 *   {"command":"detach_process","pid":4711}
 *   {"command":"status"}
 *
 * The answer is one object, too: {"ok":true,...}, or {"ok":false,"error":WORD,
 * "message":TEXT}. Paths are escaped as in the log (agent_log_escape), so that
 * those that are not UTF-8 can be told. */
#ifndef ADMIN_REQUEST_H
#define ADMIN_REQUEST_H

#include <stddef.h>
#include <sys/types.h>

#include <apr_pools.h>

/* Bytes of a line, its end not counted: a path with every byte escaped. */
enum {
    ADMIN_LINE_MAX = 32768
};

typedef enum {
#define COMMAND(NAME, word, takes, help) ADMIN_##NAME,
#include "admin_commands.def"
    ADMIN_COMMAND_COUNT
} admin_command_e;

typedef struct {
    admin_command_e command;
    const char *app;  /* absolute path, or NULL */
    const char *name; /* or NULL */
    pid_t pid;
} admin_request_t;

/* Understands one line. On APR_EINVAL *problem says what is wrong; texts are in
 * pool. */
apr_status_t admin_request_parse(admin_request_t *request, const char **problem,
                                 const char *line, size_t len,
                                 apr_pool_t *pool);

/* Whether peer may do everything: root, or, where the agent is not root's, whom
 * the agent runs as. */
int admin_request_is_of_admin(uid_t peer, int agent_is_root, uid_t agent);

/* Whether peer may see and restart an app that runs as `app`; (uid_t)-1 is
 * nobody. */
int admin_request_may(uid_t peer, uid_t app, int agent_is_root, uid_t agent);

/* Whether the path `root` is `folder` or below it. */
int admin_request_is_inside(const char *root, const char *folder);

#endif
