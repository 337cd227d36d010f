/* SPDX-License-Identifier: Apache-2.0 */

/* Restarts apps and replaces processes for those who ask at the admin socket.
 * Called by admin_socket. */
#include "admin_command.h"

#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "admin_status.h"
#include "agent_log.h"
#include "app_pool.h"
#include "app_restart.h"

/* An escaped byte takes four. */
static const char *escape(const char *text, apr_pool_t *pool)
{
    size_t size = strlen(text) * 4 + 1;
    char *escaped = apr_palloc(pool, size);

    (void)agent_log_escape(escaped, size, text);
    return escaped;
}

json_t *admin_command_text(const char *text, apr_pool_t *pool)
{
    return json_string(escape(text, pool));
}

json_t *admin_command_refuse(const char *error, const char *message)
{
    return json_pack("{s:b, s:s, s:s}", "ok", 0, "error", error, "message",
                     message);
}

int admin_command_may_see(const app_group_t *group, uid_t peer)
{
    return admin_request_may(peer, group->uid, group->core->can_switch_user,
                             geteuid());
}

static int is_meant(const app_group_t *group, const admin_request_t *request,
                    apr_pool_t *scratch)
{
    const char *name = group->spec->options->app_group_name;

    if (request->app) {
        return admin_request_is_inside(escape(group->spec->root, scratch),
                                       request->app);
    }
    return name && strcmp(escape(name, scratch), request->name) == 0;
}

static json_t *restart_app(core_t *core, const admin_request_t *request,
                           uid_t peer)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    json_t *restarted = json_array();

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        app_group_t *group = apr_hash_this_val(i);

        if (admin_command_may_see(group, peer)
            && is_meant(group, request, scratch)) {
            json_array_append_new(
                restarted, admin_command_text(group->spec->root, scratch));
            app_restart_group(group,
                              apr_psprintf(scratch, "uid %lu asked for it",
                                           (unsigned long)peer));
        }
    }
    if (json_array_size(restarted) == 0) {
        json_decref(restarted);
        return admin_command_refuse("no_such_app",
                                    "no such app is running that you may "
                                    "restart");
    }
    return json_pack("{s:b, s:o}", "ok", 1, "restarted", restarted);
}

static app_process_t *find_pid(const app_group_t *group, pid_t pid)
{
    app_process_t *proc;

    for (proc = group->first; proc; proc = proc->next) {
        if (proc->pid == pid) {
            return proc;
        }
    }
    return NULL;
}

static json_t *detach_process(core_t *core, const admin_request_t *request,
                              uid_t peer)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        const app_group_t *group = apr_hash_this_val(i);
        app_process_t *proc = find_pid(group, request->pid);

        if (proc && admin_command_may_see(group, peer)) {
            app_restart_process(proc,
                                apr_psprintf(scratch, "uid %lu asked for it",
                                             (unsigned long)peer));
            return json_pack("{s:b}", "ok", 1);
        }
    }
    return admin_command_refuse("no_such_process",
                                "that is no process of an app of yours");
}

json_t *admin_command_run(core_t *core, const admin_request_t *request,
                          uid_t peer)
{
    switch (request->command) {
    case ADMIN_RESTART_APP:
        return restart_app(core, request, peer);
    case ADMIN_DETACH_PROCESS:
        return detach_process(core, request, peer);
    default:
        return admin_status_make(core, peer);
    }
}
