/* SPDX-License-Identifier: Apache-2.0 */

/* Starts app processes: checks what the core asks for, decides who it runs as,
 * makes its socket and channels, forks. Called by the watchdog's loop. */
#include "app_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_tables.h>

/* Far above what any app needs, far below what hurts. */
enum {
    LIST_MAX = 4096,
    NAME_LENGTH_MAX = 255
};

/* Both ends of what connects an app with the core. The watchdog keeps the
 * first, the app gets the second. */
typedef struct {
    int control[2], output[2], listening;
} channels_t;

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
    launch->app_root = copy_text(&spawn->app_root, PATH_MAX - 1, pool);
    launch->startup_file = copy_text(&spawn->startup_file, PATH_MAX - 1, pool);
    launch->args = copy_list(&spawn->args_list, pool);
    launch->env = copy_list(&spawn->env_list, pool);
    launch->owner_gid = spawn->owner_gid;
    request->user = copy_text(&spawn->user, NAME_LENGTH_MAX, pool);
    request->group = copy_text(&spawn->group, NAME_LENGTH_MAX, pool);
    request->owner = spawn->owner;
    request->owner_gid = spawn->owner_gid;
    request->identity = (identity_e)spawn->identity;

    if (spawn->process >= PSG_MAX_PROCESSES) {
        return refuse(reason, "SPAWN is invalid: no such process index");
    }
    if (spawn->identity >= IDENTITY_COUNT || !request->user
        || !request->group) {
        return refuse(reason, "SPAWN is invalid: identity, user or group");
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
    if (!launch->env || !is_environment(launch->env)) {
        return refuse(reason, "SPAWN is invalid: the environment");
    }
    return APR_SUCCESS;
}

static void close_one(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static void close_ends(channels_t *channels, int end)
{
    close_one(&channels->control[end]);
    close_one(&channels->output[end]);
}

/* The core's ends do not block: it is one thread for all apps. */
static apr_status_t open_channels(channels_t *channels, watchdog_t *dog,
                                  const char *name)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channels->control)
            != 0
        || pipe2(channels->output, O_CLOEXEC) != 0
        || fcntl(channels->control[0], F_SETFL, O_NONBLOCK) != 0
        || fcntl(channels->output[0], F_SETFL, O_NONBLOCK) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    return app_socket_listen(&channels->listening, dog->dir.fd, name,
                             SOCK_STREAM, &dog->app_access);
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
static apr_status_t start(watchdog_t *dog, launch_t *launch, uint32_t process,
                          uint32_t generation, const char **reason)
{
    channels_t channels = {{-1, -1}, {-1, -1}, -1};
    app_child_t child = {.generation = generation};
    char name[APP_SOCKET_NAME_SIZE];
    apr_status_t rv;

    app_socket_name(name, process, generation);
    rv = open_channels(&channels, dog, name);
    if (rv != APR_SUCCESS) {
        fail_system(dog, reason, "cannot make the sockets of the process", rv);
    }
    else {
        launch->control = channels.control[1];
        launch->output = channels.output[1];
        launch->listening = channels.listening;
        rv = fork_app(&child, launch, dog->scratch);
        if (rv != APR_SUCCESS) {
            fail_system(dog, reason, "cannot fork", rv);
        }
    }
    close_ends(&channels, 1);
    if (rv != APR_SUCCESS) {
        close_ends(&channels, 0);
        close_one(&channels.listening);
        app_socket_remove(dog->dir.fd, name);
        return rv;
    }
    child.fds[CHILD_CONTROL] = channels.control[0];
    child.fds[CHILD_OUTPUT] = channels.output[0];
    child.fds[CHILD_LISTENING] = channels.listening;
    child_table_add(dog->children, process, &child);
    return APR_SUCCESS;
}

apr_status_t app_spawn(watchdog_t *dog, const psg_msg_spawn_t *spawn,
                       const char **reason)
{
    launch_t launch = {.watchdog = dog->pid, .files = dog->files};
    identity_request_t request;
    apr_status_t rv =
        app_spawn_parse(&launch, &request, spawn, reason, dog->scratch);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (child_table_find(dog->children, spawn->process)) {
        return refuse(reason, "SPAWN is invalid: this process lives already");
    }
    rv = identity_resolve(&launch.identity, reason, &request, &dog->rules,
                          dog->as_root, &identity_system_lookup, dog->scratch);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return start(dog, &launch, spawn->process, spawn->process_generation,
                 reason);
}
