/* SPDX-License-Identifier: Apache-2.0 */

/* The folder of our sockets: made, cleaned and removed by the watchdog only.
 * Everything below the folder is reached from its descriptor, so nobody can
 * swap a path under us; what a dead agent left is removed first. */
#ifndef INSTANCE_DIR_H
#define INSTANCE_DIR_H

#include <sys/types.h>

#include <apr_errno.h>
#include <apr_pools.h>

/* In the instance dir: where the tools connect. */
#define INSTANCE_DIR_ADMIN_SOCKET "admin.sock"
/* How its name begins; what follows is the pid of httpd. */
#define INSTANCE_DIR_PREFIX "passenger."

typedef struct {
    const char *path; /* absolute */
    int parent_fd;    /* the folder it is in */
    int fd;           /* locked (flock) as long as we live */
    int apps_fd;      /* apps/ inside it */
    gid_t gid;        /* who may enter, or -1 */
} instance_dir_t;

/* Makes dir->path (0711, group gid, so that every user reaches the admin socket;
 * gid -1: 0700 and nothing is changed) or opens what a dead agent of ours left
 * there, and locks it: waits a second for the dead one to let go. On failure
 * *reason says what and what to do. */
apr_status_t instance_dir_open(instance_dir_t *dir, const char **reason,
                               const char *path, gid_t gid, apr_pool_t *pool);

/* Whether a file, named relative to the instance dir, is to stay. */
typedef int (*instance_keep_fn)(const void *baton, const char *name);

/* Removes all that `keeps` does not want, makes apps/ (0710) inside, and makes it the
 * working directory of the process, so that sockets are bound by short names. */
apr_status_t instance_dir_prepare(instance_dir_t *dir, const char **reason,
                                  instance_keep_fn keeps, const void *baton,
                                  apr_pool_t *pool);

/* Removes sibling folders `passenger.PID` of ours whose PID is gone. */
void instance_dir_clean_siblings(const instance_dir_t *dir);

/* Removes all of it. */
void instance_dir_remove(instance_dir_t *dir);

#endif
