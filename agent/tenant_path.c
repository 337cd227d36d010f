/* SPDX-License-Identifier: Apache-2.0 */

/* Checks an app's folders and startup file. Called by the launcher, after all
 * of root's rights are gone. */
#include "tenant_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

/* As many as the kernel follows. */
enum {
    LINKS_MAX = 40
};

/* A walk over paths: who may own what is on them. */
typedef struct {
    const identity_t *identity;
    int links;
    const char *culprit; /* set when the walk fails */
    const char *problem;
    apr_pool_t *pool;
} walk_t;

static apr_status_t fail(launch_failure_t *failure, const char *step,
                         const char *summary, const char *details)
{
    failure->step = step;
    failure->summary = summary;
    failure->details = details;
    return APR_EACCES;
}

/* "drwx------ owner 1000, group 1000": what `ls -ldn` would say. */
static const char *describe(const char *path, apr_pool_t *pool)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        return "cannot be looked at";
    }
    return apr_psprintf(pool, "mode %04o, owner uid %lu, group gid %lu",
                        (unsigned)(info.st_mode & 07777),
                        (unsigned long)info.st_uid, (unsigned long)info.st_gid);
}

/* The part of path up to the end of component number i (0 is "/"), or NULL. */
static char *prefix(const char *path, int i, apr_pool_t *pool)
{
    const char *end = path;

    if (i == 0) {
        return apr_pstrdup(pool, "/");
    }
    for (; i > 0; i--) {
        end += strspn(end, "/");
        if (!*end) {
            return NULL;
        }
        end += strcspn(end, "/");
    }
    return apr_pstrmemdup(pool, path, (size_t)(end - path));
}

/* The first folder on the way to path that cannot be entered. */
static const char *first_closed(const char *path, int *error, apr_pool_t *pool)
{
    char *part;
    int i;

    for (i = 0; (part = prefix(path, i, pool)) != NULL; i++) {
        if (chdir(part) != 0) {
            *error = errno;
            return part;
        }
    }
    return path;
}

apr_status_t tenant_path_enter(launch_failure_t *failure,
                               const launch_t *launch, apr_pool_t *pool)
{
    int error;
    const char *culprit, *advice = "";

    if (chdir(launch->app_root) == 0) {
        return APR_SUCCESS;
    }
    error = errno;
    culprit = first_closed(launch->app_root, &error, pool);
    if (error == EACCES) {
        advice = apr_psprintf(
            pool,
            "Folder '%s': %s. User '%s' must be allowed to search it: give it "
            "execute permission (chmod o+x) or another owner or group. If it "
            "has that, a security module such as SELinux or AppArmor refuses.",
            culprit, describe(culprit, pool), launch->identity.user.name);
    }
    return fail(failure, "folders",
                apr_psprintf(pool,
                             "user '%s' cannot enter the folder '%s' of the "
                             "app root '%s': %s",
                             launch->identity.user.name, culprit,
                             launch->app_root, strerror(error)),
                advice);
}

/* Whether what that user makes is no stranger's. */
static int is_trusted(const identity_t *identity, uid_t uid)
{
    return uid == 0 || uid == identity->user.uid || uid == identity->file_owner;
}

static apr_status_t walk(walk_t *w, const char *path);

/* Follows a link as text, so that what it leads over is looked at as well. */
static apr_status_t walk_link(walk_t *w, const char *link)
{
    char target[PATH_MAX];
    ssize_t len = readlink(link, target, sizeof(target) - 1);
    const char *slash = strrchr(link, '/');

    if (len < 0 || ++w->links > LINKS_MAX) {
        w->culprit = link;
        w->problem = len < 0 ? "cannot be read" : "is one link of too many";
        return APR_EACCES;
    }
    target[len] = '\0';
    if (target[0] == '/') {
        return walk(w, apr_pstrdup(w->pool, target));
    }
    return walk(
        w, apr_psprintf(w->pool, "%.*s/%s", (int)(slash - link), link, target));
}

/* Looks at every folder and link of an absolute path, the last component
 * included: none is a stranger's. */
static apr_status_t walk(walk_t *w, const char *path)
{
    struct stat info;
    char *part;
    int i;

    for (i = 0; (part = prefix(path, i, w->pool)) != NULL; i++) {
        if (lstat(part, &info) != 0) {
            w->culprit = part;
            w->problem = strerror(errno);
            return APR_EACCES;
        }
        if (!is_trusted(w->identity, info.st_uid)) {
            w->culprit = part;
            w->problem = apr_psprintf(w->pool, "belongs to uid %lu",
                                      (unsigned long)info.st_uid);
            return APR_EACCES;
        }
        if (S_ISLNK(info.st_mode) && walk_link(w, part) != APR_SUCCESS) {
            return APR_EACCES;
        }
    }
    return APR_SUCCESS;
}

/* Nobody else can put another file in the place of this one, or a hard link to
 * somebody's file into this folder. */
static apr_status_t check_closed(walk_t *w, const char *path)
{
    struct stat info;

    if (lstat(path, &info) != 0) {
        w->problem = strerror(errno);
    }
    else if (info.st_mode & S_IWOTH) {
        w->problem = "may be written by everybody";
    }
    else if ((info.st_mode & S_IWGRP) && info.st_gid != 0
             && info.st_gid != w->identity->user.gid) {
        w->problem = apr_psprintf(w->pool, "may be written by group %lu",
                                  (unsigned long)info.st_gid);
    }
    else {
        return APR_SUCCESS;
    }
    w->culprit = path;
    return APR_EACCES;
}

/* Where a link of /proc leads; "" if that is not known. */
static const char *real_path(const char *link, apr_pool_t *pool)
{
    char real[PATH_MAX];
    ssize_t len = readlink(link, real, sizeof(real) - 1);

    return len > 0 && real[0] == '/' ? apr_pstrmemdup(pool, real, (size_t)len)
                                     : "";
}

/* Whether another user stands in for the startup file's owner. */
static int is_stand_in(const identity_t *identity)
{
    return identity->user.uid != identity->file_owner;
}

static apr_status_t refuse_way(launch_failure_t *failure,
                               const identity_t *identity, const char *path,
                               const walk_t *w, apr_pool_t *pool)
{
    const char *user = identity->user.name;

    if (is_stand_in(identity)) {
        return fail(
            failure, "startup file",
            apr_psprintf(pool,
                         "the app cannot run as PassengerDefaultUser '%s': "
                         "'%s' %s",
                         user, w->culprit, w->problem),
            apr_psprintf(pool,
                         "'%s' belongs to uid %lu, as whom no app runs. '%s' "
                         "stands in only if no other user has a hand in the "
                         "app: each folder and link on the way to the app root "
                         "and the startup file must belong to root, to that "
                         "uid or to '%s', and others may not write there; else "
                         "every user could run programs as '%s'. Give the "
                         "startup file to the user who is to run the app "
                         "(chown), or name that user with PassengerUser in the "
                         "server configuration.",
                         path, (unsigned long)identity->file_owner, user, user,
                         user));
    }
    return fail(
        failure, "startup file",
        apr_psprintf(pool, "the app cannot run as the owner of '%s': '%s' %s",
                     path, w->culprit, w->problem),
        apr_psprintf(pool,
                     "Every folder and link on the way to the app root "
                     "and the startup file must belong to root or to "
                     "its owner, user '%s' (uid %lu): else others could "
                     "make their files run as that user.",
                     user, (unsigned long)identity->user.uid));
}

/* Does step for each of the paths, up to NULL. */
static apr_status_t check_all(walk_t *w, const char *const *paths,
                              apr_status_t (*step)(walk_t *, const char *))
{
    for (; *paths; paths++) {
        w->links = 0;
        if (step(w, *paths) != APR_SUCCESS) {
            return APR_EACCES;
        }
    }
    return APR_SUCCESS;
}

static const char *folder_of(const char *path, apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');

    return slash && slash != path
               ? apr_pstrmemdup(pool, path, (size_t)(slash - path))
               : "/";
}

/* The walk goes over the paths as given, and over the real paths of what was
 * opened and entered, which a folder swapped in between cannot change any more.
 * The app root counts like the file: much is loaded from there. */
static apr_status_t check_way(launch_failure_t *failure, const launch_t *launch,
                              const char *path, int fd, apr_pool_t *pool)
{
    const identity_t *identity = &launch->identity;
    const char *file =
        real_path(apr_psprintf(pool, "/proc/self/fd/%d", fd), pool);
    const char *root = real_path("/proc/self/cwd", pool);
    const char *folder = *launch->startup_file ? folder_of(file, pool) : root;
    const char *way[] = {path, file, launch->app_root, root, NULL};
    const char *places[] = {root, folder, file, NULL};
    walk_t w = {.identity = identity,
                .culprit = path,
                .problem = "has no real path",
                .pool = pool};

    if (*file && *root && check_all(&w, way, walk) == APR_SUCCESS
        && (!is_stand_in(identity)
            || check_all(&w, places, check_closed) == APR_SUCCESS)) {
        return APR_SUCCESS;
    }
    return refuse_way(failure, identity, path, &w, pool);
}

static apr_status_t changed(launch_failure_t *failure, const char *path,
                            const char *kind, unsigned expected,
                            unsigned actual, apr_pool_t *pool)
{
    return fail(failure, "startup file",
                apr_psprintf(pool, "'%s' belongs to %s %u, not to %s %u", path,
                             kind, actual, kind, expected),
                "If its owner was changed a moment ago, try again.");
}

/* What was opened is the owner's, and of the kind it should be. */
static apr_status_t check_file(launch_failure_t *failure,
                               const launch_t *launch, const char *path, int fd,
                               apr_pool_t *pool)
{
    const identity_t *identity = &launch->identity;
    struct stat info;

    if (fstat(fd, &info) != 0
        || (*launch->startup_file && !S_ISREG(info.st_mode))) {
        return fail(failure, "startup file",
                    apr_psprintf(pool, "'%s' is not a file", path), "");
    }
    if (identity->check_owner && info.st_uid != identity->file_owner) {
        return changed(failure, path, "uid", identity->file_owner, info.st_uid,
                       pool);
    }
    if (identity->check_owner && S_ISREG(info.st_mode)
        && (info.st_mode & S_IWOTH)) {
        return fail(failure, "startup file",
                    apr_psprintf(pool, "everybody may write to '%s'", path),
                    "Whoever writes to it would run programs as its owner. "
                    "Take the right away: chmod o-w");
    }
    if (identity->check_group && info.st_gid != launch->owner_gid) {
        return changed(failure, path, "gid", launch->owner_gid, info.st_gid,
                       pool);
    }
    if (identity->check_owner) {
        return check_way(failure, launch, path, fd, pool);
    }
    return APR_SUCCESS;
}

static apr_status_t cannot_open(launch_failure_t *failure,
                                const launch_t *launch, const char *path,
                                int error, apr_pool_t *pool)
{
    if (error == ENOENT) {
        return fail(
            failure, "startup file",
            apr_psprintf(pool, "the startup file '%s' does not exist", path),
            "Look at PassengerAppRoot and PassengerStartupFile.");
    }
    return fail(failure, "startup file",
                apr_psprintf(pool,
                             "user '%s' cannot read the startup file '%s': %s",
                             launch->identity.user.name, path, strerror(error)),
                apr_psprintf(pool, "'%s': %s.", path, describe(path, pool)));
}

/* Without a startup file (a start command) the app root stands for it. */
apr_status_t tenant_path_check_startup(launch_failure_t *failure,
                                       const launch_t *launch, apr_pool_t *pool)
{
    const char *name = launch->startup_file, *path = launch->app_root;
    int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (*name ? 0 : O_PATH);
    apr_status_t rv;
    int fd;

    if (*name) {
        path = *name == '/'
                   ? name
                   : apr_pstrcat(pool, launch->app_root, "/", name, NULL);
    }
    fd = open(path, O_RDONLY | flags); /* a fifo must not make us wait */
    if (fd < 0) {
        return cannot_open(failure, launch, path, errno, pool);
    }
    rv = check_file(failure, launch, path, fd, pool);
    close(fd);
    return rv;
}
