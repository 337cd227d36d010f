/* SPDX-License-Identifier: Apache-2.0 */

/* Finds and executes an app's interpreter. Called by the launcher with the
 * tenant's rights, in the app root. */
#include "interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

#include "app_env.h"
#include "closed_folder.h"
#include "interpreter_search.h"

enum {
    /* Of a reason, in bytes; the line on the control channel has a limit, too. */
    WHY_MAX = 3000,
    /* As many as the kernel follows. */
    LINKS_MAX = 40
};

static void fail(launch_failure_t *failure, const char *summary,
                 const char *details)
{
    failure->step = "exec";
    failure->summary = summary;
    failure->details = details;
}

/* Whether file is a program we may execute; else errno says why. */
static int is_executable(const char *file)
{
    struct stat info;

    if (stat(file, &info) != 0) {
        return 0;
    }
    if (!S_ISREG(info.st_mode)) {
        errno = S_ISDIR(info.st_mode) ? EISDIR : EACCES;
        return 0;
    }
    return access(file, X_OK) == 0;
}

/* The first program called name in the folders of path; else the first that is
 * there but cannot be executed, so that it can be named; else NULL. */
static const char *search(const char *name, const char *path, apr_pool_t *pool)
{
    const char *blocked = NULL;

    while (*path) {
        size_t len = strcspn(path, ":");
        const char *file =
            len ? apr_psprintf(pool, "%.*s/%s", (int)len, path, name) : name;

        if (is_executable(file)) {
            return file;
        }
        if (errno == EACCES && access(file, F_OK) == 0 && !blocked) {
            blocked = file;
        }
        path += len + (path[len] == ':');
    }
    return blocked;
}

/* What a script's first line names as its interpreter, or NULL. */
static const char *script_interpreter(const char *file, apr_pool_t *pool)
{
    char line[PATH_MAX + 2];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
    char *start;

    if (fd >= 0) {
        close(fd);
    }
    if (n < 2 || line[0] != '#' || line[1] != '!') {
        return NULL;
    }
    line[n] = '\0';
    start = line + 2 + strspn(line + 2, " \t");
    start[strcspn(start, " \t\n")] = '\0';
    return apr_pstrdup(pool, start);
}

/* The kernel says "no such file" of a script whose interpreter is missing, and
 * of a program whose dynamic linker is: very confusing. */
static void explain_missing(launch_failure_t *failure, const char *file,
                            apr_pool_t *pool)
{
    const char *named = script_interpreter(file, pool);
    size_t len = named ? strlen(named) : 0;

    if (access(file, F_OK) != 0) {
        fail(failure,
             apr_psprintf(pool, "the interpreter '%s' does not exist", file),
             "Look at PassengerRuby, PassengerPython, PassengerNodejs or "
             "PassengerAppStartCommand.");
        return;
    }
    if (!named) {
        fail(failure,
             apr_psprintf(pool,
                          "the interpreter '%s' exists, but the dynamic linker "
                          "it needs does not",
                          file),
             "It was probably built for another system or architecture.");
        return;
    }
    fail(failure,
         apr_psprintf(pool,
                      "the interpreter '%s' is a script whose first line names "
                      "'%s', which cannot be run",
                      file, named),
         len && named[len - 1] == '\r'
             ? "The line ends with a carriage return: the file has DOS line "
               "ends."
             : "That program does not exist; correct the line after '#!', for "
               "example by making the virtual environment anew.");
}

/* The folder that keeps us from file, behind links, too: the Python of a virtual
 * environment is a link, often to a place below somebody's home. */
static const char *closed_way(const char *file, apr_pool_t *pool)
{
    const char *closed = psg_closed_folder(file, pool);

    for (int links = 0; !closed && links < LINKS_MAX; links++) {
        char target[PATH_MAX];
        ssize_t len = readlink(file, target, sizeof(target) - 1);

        if (len <= 0) {
            break;
        }
        target[len] = '\0';
        file = target[0] == '/' ? apr_pstrdup(pool, target)
                                : apr_psprintf(pool, "%.*s/%s",
                                               (int)(strrchr(file, '/') - file),
                                               file, target);
        closed = psg_closed_folder(file, pool);
    }
    return closed;
}

/* If what is in the way is a folder, that one is named. */
static int explain_closed(launch_failure_t *failure, const char *file,
                          apr_pool_t *pool)
{
    const char *named = script_interpreter(file, pool);
    const char *closed = closed_way(file, pool);

    if (!closed && named && named[0] == '/') {
        closed = closed_way(named, pool);
    }
    if (!closed) {
        return 0;
    }
    fail(failure,
         apr_psprintf(pool,
                      "the interpreter '%s' cannot be executed: the app's user "
                      "may not enter the folder '%s'",
                      file, closed),
         "That folder is on the way to it, or to what it is a link to or names "
         "in its first line. Give the folder search permission (chmod o+x), or "
         "take an interpreter from elsewhere; a virtual environment must be "
         "made with one that the app's user can run.");
    return 1;
}

static void explain(launch_failure_t *failure, const char *file, int error,
                    apr_pool_t *pool)
{
    const char *details = "";

    if (error == ENOENT || error == ENOTDIR) {
        explain_missing(failure, file, pool);
        return;
    }
    if (error == EACCES && file[0] == '/'
        && explain_closed(failure, file, pool)) {
        return;
    }
    if (error == ENOEXEC) {
        details = "It is neither a program for this machine nor a script "
                  "whose first line begins with '#!'.";
    }
    else if (error == EACCES) {
        details = "The file needs execute permission for the app's user, its "
                  "folders search permission, and the file system must not be "
                  "mounted noexec. If all that is so, a security module such "
                  "as SELinux or AppArmor refuses.";
    }
    else if (error == EAGAIN) {
        details = "The user has as many processes as its limit allows "
                  "(RLIMIT_NPROC).";
    }
    else if (error == E2BIG) {
        details = "Arguments and environment variables are too long.";
    }
    fail(failure,
         apr_psprintf(pool, "the interpreter '%s' cannot be executed: %s", file,
                      strerror(error)),
         details);
}

/* PATH with the interpreter's folder in front: what belongs to it (gem, pip,
 * npm, other programs of a virtual environment) is found, too. */
static void extend_path(char **env, const char *file, apr_pool_t *pool)
{
    for (; *env; env++) {
        if (strncmp(*env, "PATH=", 5) == 0) {
            *env =
                apr_psprintf(pool, "PATH=%.*s:%s",
                             (int)(strrchr(file, '/') - file), file, *env + 5);
        }
    }
}

/* For people; "" if nobody wonders. */
static const char *reason(const interpreter_search_t *found, const char *gone,
                          apr_pool_t *pool)
{
    if (!gone[0] && !found->why[0] && !found->tried[0]) {
        return "";
    }
    if (gone[0]) {
        gone = apr_psprintf(pool,
                            "'%s', which other processes run, cannot be run "
                            "any more; ",
                            gone);
    }
    return apr_pstrcat(pool, gone,
                       found->why[0] ? found->why : "it is in the PATH",
                       found->tried[0] ? "; " : "", found->tried, NULL);
}

/* Tells the core, for the log, status and error reports, what was found and
 * why. Nobody misses it if nobody reads. */
static void say(const char *file, const char *why, apr_pool_t *pool)
{
    const char *line =
        launch_interpreter_line(file, apr_pstrndup(pool, why, WHY_MAX), pool);

    (void)!write(LAUNCH_FD_CONTROL, line, strlen(line));
}

static void explain_not_found(launch_failure_t *failure, const char *name,
                              const char *path, const char *tried,
                              apr_pool_t *pool)
{
    fail(failure,
         apr_psprintf(pool, "the interpreter '%s' was not found", name),
         apr_psprintf(pool,
                      "Looked for in these folders: %s. Install it, or name it "
                      "with its full path in PassengerRuby, PassengerPython or "
                      "PassengerNodejs.%s%s",
                      path, tried[0] ? "\n" : "", tried));
}

/* What processes of the same version run, if it is there still; else what the
 * user means; else the first in the PATH. */
static const char *find(launch_failure_t *failure, const launch_t *launch,
                        char **env, apr_pool_t *pool)
{
    const char *name = launch->args[0], *known = launch->interpreter;
    const char *path = app_env_value((const char *const *)env, "PATH");
    const char *home = app_env_value((const char *const *)env, "HOME");
    const char *in_path = search(name, path, pool), *file = known;
    interpreter_search_t found = {.why = "", .tried = ""};

    if (known[0] != '/' || !is_executable(known)) {
        interpreter_search(&found, name, launch->app_root, home, pool);
        file = found.file ? found.file : in_path;
    }
    if (!file) {
        explain_not_found(failure, name, path, found.tried, pool);
        return NULL;
    }
    if (is_executable(file)) {
        say(file, reason(&found, file == known ? "" : known, pool), pool);
    }
    if (!in_path || strcmp(file, in_path) != 0) {
        extend_path(env, file, pool);
    }
    return file;
}

static const char **with_program(const char *const *args, const char *file,
                                 apr_pool_t *pool)
{
    int count = 0;
    const char **copy;

    while (args[count]) {
        count++;
    }
    copy = apr_pmemdup(pool, args, ((size_t)count + 1) * sizeof(*args));
    copy[0] = file;
    return copy;
}

void interpreter_exec(launch_failure_t *failure, const launch_t *launch,
                      char **env, apr_pool_t *pool)
{
    const char *file = launch->args[0];

    if (!strchr(file, '/')) {
        file = find(failure, launch, env, pool);
        if (!file) {
            return;
        }
    }
    if (!is_executable(file)) {
        explain(failure, file, errno, pool);
        return;
    }
    /* The whole name: Python finds its virtual environment by it. */
    execve(file, (char *const *)with_program(launch->args, file, pool), env);
    explain(failure, file, errno, pool);
}
