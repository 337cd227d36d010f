/* SPDX-License-Identifier: Apache-2.0 */

/* Judges which processes serve crowds, and has the watchdog schedule them so.
 * Called by app_pool's tick. */
#include "app_policy.h"

#include "app_pool.h"
#include "app_process.h"
#include "request_ahead.h"

static void look_at(app_process_t *proc)
{
    int in_batches;

    if (psg_process_is_crowded(proc->core->sb, proc->index,
                               proc->group->index)) {
        proc->calm_ticks = 0;
        in_batches = 1;
    }
    else {
        in_batches = proc->in_batches && ++proc->calm_ticks < APP_POLICY_CALM;
    }
    if (in_batches != proc->in_batches) {
        proc->in_batches = in_batches;
        proc->core->starter->schedule(proc->core, proc, in_batches);
    }
}

void app_policy_tick(core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->processes);
         i; i = apr_hash_next(i)) {
        app_process_t *proc = apr_hash_this_val(i);

        if (proc->state == PSG_PROCESS_READY) {
            look_at(proc);
        }
    }
}
