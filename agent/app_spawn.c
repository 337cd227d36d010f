/* SPDX-License-Identifier: Apache-2.0 */

/* Starts app processes: checks what the core asks for, decides who it runs as,
 * makes its socket and channels, forks. Called by the watchdog's loop. */
#include "app_spawn.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "birth.h"
#include "child_channels.h"

/* Far above what any app needs, far below what hurts. */
enum {
    LIST_MAX = 4096,
    NAME_LENGTH_MAX = 255
};

static apr_status_t refuse(const char **reason, const char *text)
{
    *reason = text;
    return APR_EINVAL;
}

/* Copies a text field; NULL if it is too long or has a NUL inside. */
static const char *copy_text(const psg_bytes_t *bytes, size_t max,
                             apr_pool_t *pool)
{
    if (bytes->len > max || memchr(bytes->data, '\0', bytes->len)) {
        return NULL;
    }
    return apr_pstrmemdup(pool, bytes->data, bytes->len);
}

/* Copies a list of NUL-terminated strings; NULL if it does not end with NUL or
 * has too many. The result ends with NULL. */
static const char *const *copy_list(const psg_bytes_t *bytes, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 32, sizeof(char *));
    const char *at = apr_pmemdup(pool, bytes->data, bytes->len);
    const char *end = at + bytes->len;

    if (bytes->len > 0 && end[-1] != '\0') {
        return NULL;
    }
    for (; at < end; at += strlen(at) + 1) {
        if (list->nelts == LIST_MAX) {
            return NULL;
        }
        APR_ARRAY_PUSH(list, const char *) = at;
    }
    APR_ARRAY_PUSH(list, const char *) = NULL;
    return (const char *const *)list->elts;
}

static int is_environment(const char *const *env)
{
    for (; *env; env++) {
        if (**env == '=' || !strchr(*env, '=')) {
            return 0;
        }
    }
    return 1;
}

apr_status_t app_spawn_parse(launch_t *launch, identity_request_t *request,
                             const psg_msg_spawn_t *spawn, const char **reason,
                             apr_pool_t *pool)
{
    launch->kind = (psg_process_kind_e)spawn->kind;
    launch->app_root = copy_text(&spawn->app_root, PATH_MAX - 1, pool);
    launch->startup_file = copy_text(&spawn->startup_file, PATH_MAX - 1, pool);
    launch->args = copy_list(&spawn->args_list, pool);
    launch->env = copy_list(&spawn->env_list, pool);
    launch->owner_gid = spawn->owner_gid;
    launch->shell_env = spawn->shell_env == 1;
    launch->env_file = copy_text(&spawn->env_file, PATH_MAX - 1, pool);
    launch->interpreter = copy_text(&spawn->interpreter, PATH_MAX - 1, pool);
    request->user = copy_text(&spawn->user, NAME_LENGTH_MAX, pool);
    request->group = copy_text(&spawn->group, NAME_LENGTH_MAX, pool);
    request->owner = spawn->owner;
    request->owner_gid = spawn->owner_gid;
    request->identity = (identity_e)spawn->identity;

    if (spawn->process >= PSG_MAX_PROCESSES) {
        return refuse(reason, "SPAWN is invalid: no such process index");
    }
    if (spawn->kind >= PSG_KIND_COUNT
        || (spawn->preloader != PSG_NONE && spawn->kind != PSG_KIND_APP)) {
        return refuse(reason, "SPAWN is invalid: no such kind of process");
    }
    if (spawn->identity >= IDENTITY_COUNT || !request->user
        || !request->group) {
        return refuse(reason, "SPAWN is invalid: identity, user or group");
    }
    if (spawn->kind == PSG_KIND_WATCHER) {
        return APR_SUCCESS; /* it is always the same program */
    }
    if (!launch->app_root || launch->app_root[0] != '/') {
        return refuse(reason, "the app root is not an absolute path of at most "
                              "4095 bytes");
    }
    if (!launch->startup_file) {
        return refuse(reason, "the path of the startup file is longer than "
                              "4095 bytes");
    }
    if (!launch->args || !launch->args[0] || !*launch->args[0]) {
        return refuse(reason, "SPAWN is invalid: there is no program to run");
    }
    if (!launch->interpreter) {
        return refuse(reason, "SPAWN is invalid: the interpreter");
    }
    if (!launch->env_file) {
        return refuse(reason, "the path of PassengerEnvFile is longer than "
                              "4095 bytes");
    }
    if (!launch->env || !is_environment(launch->env)) {
        return refuse(reason, "SPAWN is invalid: the environment");
    }
    return APR_SUCCESS;
}

/* Forks. The pidfd is taken before anybody could reap the child, so it can
 * mean no other process. */
static apr_status_t fork_app(app_child_t *child, launch_t *launch,
                             apr_pool_t *pool)
{
    int error;

    child->pid = fork();
    if (child->pid == 0) {
        launcher_run(launch, pool);
    }
    if (child->pid < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pidfd >= 0) {
        return APR_SUCCESS;
    }
    error = errno;
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return APR_FROM_OS_ERROR(error);
}

static apr_status_t fail_system(watchdog_t *dog, const char **reason,
                                const char *what, apr_status_t rv)
{
    char text[128];

    *reason = apr_psprintf(dog->scratch, "%s: %s", what,
                           apr_strerror(rv, text, sizeof(text)));
    return rv;
}

/* Everything that needs descriptors, and gives them back on failure. */
static apr_status_t start(watchdog_t *dog, launch_t *launch,
                          const psg_msg_spawn_t *spawn, const char **reason)
{
    app_child_t child = {.generation = spawn->process_generation,
                         .kind = spawn->kind,
                         .uid = launch->identity.user.uid};
    child_channels_t channels;
    const char *what = "cannot make the sockets of the process";
    apr_status_t rv = child_channels_open(
        &channels, dog, spawn->process, spawn->process_generation, spawn->kind);

    if (rv == APR_SUCCESS) {
        launch->control = channels.control[1];
        launch->output = channels.output[1];
        launch->listening = channels.listening;
        what = "cannot fork";
        rv = fork_app(&child, launch, dog->scratch);
    }
    if (rv != APR_SUCCESS) {
        child_channels_undo(&channels, dog, spawn->process,
                            spawn->process_generation);
        return fail_system(dog, reason, what, rv);
    }
    child_channels_close_theirs(&channels);
    child_channels_keep(&channels, &child);
    if (spawn->kind == PSG_KIND_PRELOADER) {
        child.origin = child_origin_create(&launch->identity, launch->owner_gid,
                                           launch->app_root, dog->pool);
    }
    store_put(&dog->store, spawn->process,
              child_table_add(dog->children, spawn->process, &child));
    dog->guards_stale = 1;
    return APR_SUCCESS;
}

/* A preloader is of no use to a later watchdog: it could not become the parent
 * of what that forks. */
static int survives(const watchdog_t *dog, const psg_msg_spawn_t *spawn)
{
    return spawn->kind != PSG_KIND_PRELOADER && dog->store.out >= 0;
}

/* A loader ends when nobody holds the other end of its control channel; what a
 * start command runs knows nothing of that. */
static int is_command(const watchdog_t *dog, const launch_t *launch)
{
    size_t len = strlen(dog->loaders);
    int i;

    for (i = 1; launch->args[i]; i++) {
        if (strncmp(launch->args[i], dog->loaders, len) == 0
            && launch->args[i][len] == '/') {
            return 0;
        }
    }
    return 1;
}

apr_status_t app_spawn(watchdog_t *dog, const psg_msg_spawn_t *spawn,
                       const char **reason)
{
    launch_t launch = {.files = dog->files};
    identity_request_t request;
    apr_status_t rv =
        app_spawn_parse(&launch, &request, spawn, reason, dog->scratch);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (child_table_find(dog->children, spawn->process)
        || birth_find(dog, spawn->process)) {
        return refuse(reason, "SPAWN is invalid: this process lives already");
    }
    rv = identity_resolve(&launch.identity, reason, &request, &dog->rules,
                          dog->as_root, &identity_system_lookup, dog->scratch);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (spawn->preloader != PSG_NONE) {
        return birth_begin(dog, spawn, &launch, reason);
    }
    launch.watchdog = survives(dog, spawn) ? 0 : dog->pid;
    launch.signal_end = spawn->kind == PSG_KIND_APP && is_command(dog, &launch);
    return start(dog, &launch, spawn, reason);
}
