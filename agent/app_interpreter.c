/* SPDX-License-Identifier: Apache-2.0 */

/* Remembers for each process which interpreter was found, and tells the next
 * one. What it says is a hint: the launcher believes it only after a look with
 * the tenant's rights. */
#include "app_interpreter.h"

#include <string.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_group.h"

/* Names with a slash, start commands among them, are taken as they are. */
static int is_looked_for(const app_group_t *group)
{
    return !strchr(group->spec->interpreter, '/');
}

static void set(app_process_t *proc, const char *path)
{
    proc->interpreter = apr_pstrdup(proc->pool, path);
    proc->interpreter_epoch = proc->epoch;
}

void app_interpreter_found(app_process_t *proc, const char *path,
                           const char *why)
{
    if (proc->interpreter || proc->is_forked
        || proc->state != PSG_PROCESS_SPAWNING || !is_looked_for(proc->group)) {
        return;
    }
    set(proc, path);
    proc->interpreter_why = apr_pstrdup(proc->pool, why);
    if (why[0]) {
        agent_log(PSG_LOG_NOTICE, "PSG2128: app '%s': process %d runs '%s': %s",
                  proc->group->spec->root, proc->pid, path, why);
    }
}

void app_interpreter_inherit(app_process_t *proc,
                             const app_process_t *preloader)
{
    if (preloader->interpreter) {
        set(proc, preloader->interpreter);
    }
}

/* Its epoch tells nothing here: a process is made old to be replaced. */
static int is_example(const app_process_t *proc, uint32_t epoch)
{
    return proc->was_ready && proc->interpreter
           && proc->interpreter_epoch == epoch;
}

const char *app_interpreter_known(const app_process_t *proc)
{
    const app_group_t *group = proc->group;
    const app_process_t *other;

    /* What failed may have been the interpreter; and with always_restart.txt
     * each process is a version of its own. */
    if (group->failing || group->always_restart || !is_looked_for(group)) {
        return "";
    }
    /* The newest first: what older ones run may be gone by now. */
    for (other = group->last; other; other = other->prev) {
        if (is_example(other, proc->epoch)) {
            return other->interpreter;
        }
    }
    return "";
}

const char *app_interpreter_of(const app_process_t *proc)
{
    return proc->interpreter ? proc->interpreter
                             : proc->group->spec->interpreter;
}
