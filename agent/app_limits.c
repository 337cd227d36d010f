/* SPDX-License-Identifier: Apache-2.0 */

/* Compares what processes use with what they may. Called by app_pool's tick,
 * and by module_socket when a child of httpd knows of it sooner. */
#include "app_limits.h"

#include "agent_log.h"
#include "app_pool.h"
#include "app_restart.h"
#include "group_queue.h"
#include "scoreboard_writer.h"

void app_limits_apply(const app_process_t *proc)
{
    const app_group_t *group = proc->group;
    uint32_t most = group->always_restart
                        ? 1
                        : (uint32_t)group->spec->options->max_requests;

    scoreboard_process_set_most(proc->core->writer, group->index, proc->index,
                                most);
}

void app_limits_check_requests(app_process_t *proc)
{
    const psg_process_t *entry = &proc->core->sb->processes[proc->index];

    if (proc->state != PSG_PROCESS_READY || !psg_group_is_used_up(entry)) {
        return;
    }
    app_restart_process(proc, proc->group->always_restart
                                  ? "always_restart.txt is there"
                                  : "it had as many requests as "
                                    "PassengerMaxRequests allows");
    /* It serves nobody any more: without it those who wait are told if no other
     * can be started. */
    if (proc->state == PSG_PROCESS_READY && psg_peek(&entry->busy) == 0) {
        app_process_drain(proc, "its last request is done");
    }
}

void app_limits_tick(core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->processes);
         i; i = apr_hash_next(i)) {
        app_limits_check_requests(apr_hash_this_val(i));
    }
}
