/* SPDX-License-Identifier: Apache-2.0 */

/* Looks after processes without requests that work out of band. Called by
 * module_socket, app_channels, app_process and app_pool. */
#include "app_rest.h"

#include "agent_log.h"
#include "app_group.h"
#include "app_pool.h"
#include "scoreboard_writer.h"

enum {
    SECOND = 1000000,
    WORK_TIME = 60 * SECOND
};

static int is_resting(const app_process_t *proc)
{
    const psg_process_t *entry = &proc->core->sb->processes[proc->index];

    return __atomic_load_n(&entry->resting, __ATOMIC_ACQUIRE) != 0;
}

static void end(app_process_t *proc)
{
    event_timer_clear(&proc->rest);
    scoreboard_process_end_rest(proc->core->writer, proc->group->index,
                                proc->index);
}

static void on_timeout(void *baton)
{
    app_process_t *proc = baton;

    agent_log(PSG_LOG_WARN,
              "PSG2109: app '%s': process %d did not finish its out-of-band "
              "work within %d seconds; it gets requests again, which wait for "
              "it: look what it does",
              proc->group->spec->root, proc->pid, WORK_TIME / SECOND);
    end(proc);
}

void app_rest_begin(app_process_t *proc)
{
    if (proc->state != PSG_PROCESS_READY || proc->rest.loop
        || !is_resting(proc)) {
        return;
    }
    /* A start command's program does not read what we say. */
    if (proc->group->spec->command || !proc->control
        || handshake_say_oob_work(proc->control) != APR_SUCCESS) {
        end(proc);
        return;
    }
    agent_log(PSG_LOG_INFO, "PSG2110: app '%s': process %d works out of band",
              proc->group->spec->root, proc->pid);
    event_timer_set(&proc->rest, proc->core->loop,
                    event_loop_now(proc->core->loop) + WORK_TIME, on_timeout,
                    proc);
}

void app_rest_tick(core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->processes);
         i; i = apr_hash_next(i)) {
        app_rest_begin(apr_hash_this_val(i));
    }
}

void app_rest_done(app_process_t *proc)
{
    if (proc->rest.loop) {
        end(proc);
    }
}

void app_rest_forget(app_process_t *proc)
{
    event_timer_clear(&proc->rest);
}
