/* SPDX-License-Identifier: Apache-2.0 */

/* Understands what comes to the admin socket. Pure; called by admin_socket and
 * admin_command. */
#include "admin_request.h"

#include <string.h>

#include <apr_strings.h>
#include <jansson.h>

enum {
    NOTHING = 0,
    APP = 1,
    PID = 2,
    PID_MAX = 0x7fffffff
};

static const struct {
    const char *word;
    int takes;
} commands[ADMIN_COMMAND_COUNT] = {
#define COMMAND(NAME, name, fields, help) \
    [ADMIN_##NAME] = {.word = name, .takes = fields},
#include "admin_commands.def"
};

static const char *find_command(admin_request_t *request, const json_t *object)
{
    const char *word = json_string_value(json_object_get(object, "command"));

    if (!word) {
        return "'command' is missing or no text";
    }
    for (int i = 0; i < ADMIN_COMMAND_COUNT; i++) {
        if (strcmp(word, commands[i].word) == 0) {
            request->command = (admin_command_e)i;
            return NULL;
        }
    }
    return "there is no such command";
}

static const char *take_app(admin_request_t *request, const json_t *object,
                            apr_pool_t *pool)
{
    const char *app = json_string_value(json_object_get(object, "app"));
    const char *name = json_string_value(json_object_get(object, "name"));

    if (!app == !name) {
        return "it needs either 'app', a path, or 'name'";
    }
    if (app && app[0] != '/') {
        return "'app' is not an absolute path";
    }
    request->app = app ? apr_pstrdup(pool, app) : NULL;
    request->name = name ? apr_pstrdup(pool, name) : NULL;
    return NULL;
}

static const char *take_pid(admin_request_t *request, const json_t *object)
{
    const json_t *pid = json_object_get(object, "pid");
    json_int_t number = json_integer_value(pid);

    if (!json_is_integer(pid) || number < 1 || number > PID_MAX) {
        return "'pid' is missing or not the number of a process";
    }
    request->pid = (pid_t)number;
    return NULL;
}

static const char *take(admin_request_t *request, const json_t *object,
                        apr_pool_t *pool)
{
    const char *problem = find_command(request, object);
    int takes;

    if (problem) {
        return problem;
    }
    takes = commands[request->command].takes;
    if (takes & APP) {
        problem = take_app(request, object, pool);
    }
    if (!problem && (takes & PID)) {
        problem = take_pid(request, object);
    }
    return problem;
}

apr_status_t admin_request_parse(admin_request_t *request, const char **problem,
                                 const char *line, size_t len, apr_pool_t *pool)
{
    json_error_t error;
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);

    memset(request, 0, sizeof(*request));
    *problem = json_is_object(object) ? take(request, object, pool)
                                      : "it is no JSON object";
    json_decref(object);
    return *problem ? APR_EINVAL : APR_SUCCESS;
}

int admin_request_is_of_admin(uid_t peer, int agent_is_root, uid_t agent)
{
    return peer == 0 || (!agent_is_root && peer == agent);
}

int admin_request_may(uid_t peer, uid_t app, int agent_is_root, uid_t agent)
{
    return admin_request_is_of_admin(peer, agent_is_root, agent)
           || (app != (uid_t)-1 && peer == app);
}

int admin_request_is_inside(const char *root, const char *folder)
{
    size_t len = strlen(folder);

    while (len > 0 && folder[len - 1] == '/') {
        len--;
    }
    return strncmp(root, folder, len) == 0
           && (root[len] == '\0' || root[len] == '/');
}
