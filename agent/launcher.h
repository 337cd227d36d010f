/* SPDX-License-Identifier: Apache-2.0 */

/* What runs between fork and exec of an app process: first it gives up every
 * right of the watchdog, then it touches the tenant's files. */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#include <sys/resource.h>
#include <sys/types.h>

#include <apr_pools.h>

#include "identity.h"
#include "scoreboard.h" /* psg_process_kind_e */

/* The control channel, of loaders/PROTOCOL. */
enum {
    LAUNCH_FD_CONTROL = 4
};

/* What an app process is started with. args and env end with NULL. */
typedef struct {
    psg_process_kind_e kind; /* PSG_KIND_WATCHER: this program, in / */
    identity_t identity;
    const char *app_root;     /* absolute */
    const char *startup_file; /* relative to app_root, absolute, or "" */
    const char *const *args;
    const char *interpreter; /* to be tried before args[0] is looked for; "" */
    const char *const *env;
    int output, listening, control; /* its fd 1 and 2, 3, 4 */
    pid_t watchdog;                 /* whose end ends the app; 0: nobody's */
    int signal_end;                 /* end of file on fd 4 sends SIGTERM */
    const char *env_file;           /* PassengerEnvFile, or "" */
    int shell_env;                  /* whether the login shell is asked */
    gid_t owner_gid;                /* for identity.check_group */
    struct rlimit files;            /* the limit httpd was started with */
} launch_t;

/* Why a launch failed: one "failed" line of loaders/PROTOCOL. */
typedef struct {
    const char *step, *summary, *details;
} launch_failure_t;

/* Becomes the app; does not return. A failure is reported on the control
 * channel, then the process exits with status 1. */
void launcher_run(const launch_t *launch, apr_pool_t *pool)
    __attribute__((noreturn));

/* The environment of the app: launch->env with what only the child knows, the
 * user's own variables among it. Ends with NULL. */
char **launcher_env(const launch_t *launch, pid_t self, apr_pool_t *pool);

/* The line that says which program was found, and why that, likewise. */
const char *launch_interpreter_line(const char *path, const char *why,
                                    apr_pool_t *pool);

/* The line, ended by \n, in pool. Bytes that are not UTF-8 become '?'. */
const char *launch_failure_line(const launch_failure_t *failure,
                                apr_pool_t *pool);

#endif
