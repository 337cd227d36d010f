/* SPDX-License-Identifier: Apache-2.0 */

/* Makes and removes the folder of our sockets without ever following a link.
 * Called by the watchdog when it starts and when it ends. */
#include "instance_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"

enum {
    OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
    LOCK_MS = 1000,
    LOCK_STEP_MS = 20,
};

static apr_status_t fail(const char **reason, apr_pool_t *pool,
                         const char *what, const char *path, const char *advice)
{
    int code = errno;

    *reason = apr_psprintf(pool, "%s '%s': %s; %s", what, path, strerror(code),
                           advice);
    return code ? APR_FROM_OS_ERROR(code) : APR_EGENERAL;
}

/* What of a folder is to stay; keeps NULL: nothing. */
typedef struct {
    instance_keep_fn keeps;
    const void *baton;
    const char *prefix; /* of the folder's names, "apps/" or "" */
} keeper_t;

static const keeper_t keep_nothing = {NULL, NULL, ""};

static void empty_folder(int folder, int depth, const keeper_t *keeper);

/* `depth` is how many levels of folders we make below it ourselves, so there is
 * no need to go deeper. A folder with something to keep stays as well. */
static void remove_entry(int folder, int depth, const char *name,
                         const keeper_t *keeper)
{
    char full[NAME_MAX + 8];
    keeper_t inside = {keeper->keeps, keeper->baton, full};
    int inner;

    snprintf(full, sizeof(full), "%s%s", keeper->prefix, name);
    if (keeper->keeps && keeper->keeps(keeper->baton, full)) {
        return;
    }
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) {
        return;
    }
    inner = depth > 0 ? openat(folder, name, OPEN_FOLDER) : -1;
    if (inner >= 0) {
        snprintf(full, sizeof(full), "%s/", name);
        empty_folder(inner, depth - 1, &inside);
        close(inner);
    }
    unlinkat(folder, name, AT_REMOVEDIR);
}

static void empty_folder(int folder, int depth, const keeper_t *keeper)
{
    int copy = openat(folder, ".", OPEN_FOLDER);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;

    if (!dir) {
        if (copy >= 0) {
            close(copy);
        }
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0
            && strcmp(entry->d_name, "..") != 0) {
            remove_entry(folder, depth, entry->d_name, keeper);
        }
    }
    closedir(dir);
}

/* Opens a folder that must be ours and nobody else's to write, and locks it. A
 * lock that is held means that the agent which made it still lives. */
static apr_status_t open_own(int *fd, int parent, const char *name)
{
    struct stat info;
    int code = EPERM, folder = openat(parent, name, OPEN_FOLDER);

    if (folder < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    if (fstat(folder, &info) == 0 && info.st_uid == geteuid()
        && !(info.st_mode & (S_IWGRP | S_IWOTH))) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0) {
            *fd = folder;
            return APR_SUCCESS;
        }
        code = errno;
    }
    close(folder);
    errno = code;
    return APR_FROM_OS_ERROR(code);
}

/* The parent must not let others rename our folder. */
static apr_status_t open_parent(instance_dir_t *dir, const char **reason,
                                apr_pool_t *pool)
{
    char *parent = apr_pstrdup(pool, dir->path);
    struct stat info;

    *strrchr(parent, '/') = '\0';
    parent = *parent ? parent : apr_pstrdup(pool, "/");
    dir->parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->parent_fd < 0 || fstat(dir->parent_fd, &info) != 0) {
        return fail(reason, pool, "cannot open folder", parent,
                    "make it, or name another one with "
                    "PassengerInstanceRegistryDir");
    }
    if ((info.st_uid != 0 && info.st_uid != geteuid())
        || ((info.st_mode & (geteuid() ? S_IWOTH : S_IWGRP | S_IWOTH))
            && !(info.st_mode & S_ISVTX))) {
        errno = EPERM;
        return fail(reason, pool, "others can replace what is in folder",
                    parent,
                    "make it writable for its owner only (root, or the user "
                    "httpd is started as), or name another one with "
                    "PassengerInstanceRegistryDir");
    }
    return APR_SUCCESS;
}

static apr_status_t check_path(const char **reason, const char *path,
                               apr_pool_t *pool)
{
    if (path[0] != '/' || path[strlen(path) - 1] == '/') {
        errno = EINVAL;
        return fail(reason, pool, "not an absolute path:", path,
                    "this is httpd's to get right");
    }
    return APR_SUCCESS;
}

/* Makes folder `name`, or takes over what a dead agent of ours left there. The
 * mode is set on the descriptor, whatever the umask. */
static apr_status_t make_folder(int *fd, int parent, const char *name,
                                gid_t gid, mode_t mode)
{
    apr_status_t rv;

    if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST) {
        return APR_FROM_OS_ERROR(errno);
    }
    rv = open_own(fd, parent, name);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (gid == (gid_t)-1) {
        return fchmod(*fd, 0700) == 0 ? APR_SUCCESS : APR_FROM_OS_ERROR(errno);
    }
    if (fchown(*fd, (uid_t)-1, gid) != 0 || fchmod(*fd, mode) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    return APR_SUCCESS;
}

/* The child of an agent that died a moment ago, not executed yet, may still
 * hold the lock. */
static apr_status_t make_own_folder(instance_dir_t *dir)
{
    const char *name = strrchr(dir->path, '/') + 1;
    int waited;
    apr_status_t rv =
        make_folder(&dir->fd, dir->parent_fd, name, dir->gid, 0711);

    for (waited = 0;
         rv != APR_SUCCESS && errno == EWOULDBLOCK && waited < LOCK_MS;
         waited += LOCK_STEP_MS) {
        poll(NULL, 0, LOCK_STEP_MS);
        rv = make_folder(&dir->fd, dir->parent_fd, name, dir->gid, 0711);
    }
    return rv;
}

apr_status_t instance_dir_open(instance_dir_t *dir, const char **reason,
                               const char *path, gid_t gid, apr_pool_t *pool)
{
    apr_status_t rv = check_path(reason, path, pool);

    dir->path = apr_pstrdup(pool, path);
    dir->gid = gid;
    dir->parent_fd = dir->fd = dir->apps_fd = -1;
    if (rv == APR_SUCCESS) {
        rv = open_parent(dir, reason, pool);
    }
    if (rv != APR_SUCCESS || make_own_folder(dir) == APR_SUCCESS) {
        return rv;
    }
    if (errno == EWOULDBLOCK) {
        return fail(reason, pool, "another agent uses folder", path,
                    "end it first");
    }
    return fail(reason, pool, "cannot make folder", path,
                "remove what is there, or name another place with "
                "PassengerInstanceRegistryDir");
}

apr_status_t instance_dir_prepare(instance_dir_t *dir, const char **reason,
                                  instance_keep_fn keeps, const void *baton,
                                  apr_pool_t *pool)
{
    const keeper_t keeper = {keeps, baton, ""};

    empty_folder(dir->fd, 1, &keeper);
    if (make_folder(&dir->apps_fd, dir->fd, "apps", dir->gid, 0710)
            != APR_SUCCESS
        || fchdir(dir->fd) != 0) {
        return fail(reason, pool, "cannot make 'apps' in folder", dir->path,
                    "look at its permissions");
    }
    return APR_SUCCESS;
}

/* Whether name is that of a folder whose httpd has ended. */
static int is_stale(const char *name)
{
    const size_t prefix = sizeof(INSTANCE_DIR_PREFIX) - 1;
    char *end;
    long pid;

    if (strncmp(name, INSTANCE_DIR_PREFIX, prefix) != 0 || name[prefix] < '1'
        || name[prefix] > '9') {
        return 0;
    }
    errno = 0;
    pid = strtol(name + prefix, &end, 10);
    return *end == '\0' && errno == 0 && pid <= 0x7fffffff
           && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

void instance_dir_clean_siblings(const instance_dir_t *dir)
{
    int copy = openat(dir->parent_fd, ".", OPEN_FOLDER);
    DIR *parent = copy < 0 ? NULL : fdopendir(copy);
    const char *self = strrchr(dir->path, '/') + 1;
    struct dirent *entry;

    if (!parent) {
        if (copy >= 0) {
            close(copy);
        }
        return;
    }
    while ((entry = readdir(parent)) != NULL) {
        int folder = -1;

        if (strcmp(entry->d_name, self) == 0 || !is_stale(entry->d_name)
            || open_own(&folder, dir->parent_fd, entry->d_name)
                   != APR_SUCCESS) {
            continue;
        }
        empty_folder(folder, 1, &keep_nothing);
        if (unlinkat(dir->parent_fd, entry->d_name, AT_REMOVEDIR) == 0) {
            agent_log(PSG_LOG_NOTICE,
                      "PSG2240: removed '%s', left by an httpd that died",
                      entry->d_name);
        }
        close(folder);
    }
    closedir(parent);
}

void instance_dir_remove(instance_dir_t *dir)
{
    const char *name = strrchr(dir->path, '/') + 1;

    if (dir->fd < 0) {
        return;
    }
    empty_folder(dir->fd, 1, &keep_nothing);
    if (unlinkat(dir->parent_fd, name, AT_REMOVEDIR) != 0) {
        agent_log(PSG_LOG_WARN, "PSG2241: cannot remove folder '%s': %s",
                  dir->path, strerror(errno));
    }
    close(dir->apps_fd);
    close(dir->fd);
    close(dir->parent_fd);
    dir->apps_fd = dir->fd = dir->parent_fd = -1;
}
