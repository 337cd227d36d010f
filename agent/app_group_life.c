/* SPDX-License-Identifier: Apache-2.0 */

/* How an app group comes into being, gets other options, and goes. Called by
 * app_pool and, for those an earlier core left, by app_restore. */
#include "app_group.h"

#include "app_limits.h"
#include "restart_watch.h"
#include "scoreboard_writer.h"
#include "start_queue.h"

app_group_t *app_group_create(core_t *core, uint32_t index, app_spec_t *spec,
                              apr_pool_t *spec_pool)
{
    /* There may be thousands of groups, and the least of a pool is 8 KiB: the
     * first spec shares one with its group. */
    app_group_t *group = apr_pcalloc(spec_pool, sizeof(*group));

    group->core = core;
    group->pool = spec_pool;
    group->index = index;
    group->generation = core->sb->groups[index].generation;
    group->uid = (uint32_t)-1;
    group->key = spec->key;
    group->last_asked = event_loop_now(core->loop);
    group->rejected_seen = core->sb->groups[index].rejected;
    app_group_update(group, spec, spec_pool);
    start_queue_join(group);
    return group;
}

void app_group_update(app_group_t *group, app_spec_t *spec,
                      apr_pool_t *spec_pool)
{
    apr_pool_t *old = group->spec_pool;
    app_process_t *proc;

    group->spec = spec;
    group->spec_pool = spec_pool;
    group->restart_watch.told = 0; /* it may be another folder */
    if (old && old != group->pool) {
        apr_pool_destroy(old);
    }
    scoreboard_group_set_options(
        group->core->writer, group->index, spec->stored, spec->stored_len,
        (uint32_t)spec->options->max_request_queue_size);
    for (proc = group->first; proc; proc = proc->next) {
        app_limits_apply(proc);
    }
}

apr_status_t app_group_free(app_group_t *group)
{
    apr_status_t rv = scoreboard_group_free(group->core->writer, group->index);

    if (rv == APR_SUCCESS) {
        event_timer_clear(&group->look);
        start_queue_quit(group);
        restart_watch_end(group);
        if (group->spec_pool != group->pool) {
            apr_pool_destroy(group->spec_pool);
        }
        apr_pool_destroy(group->pool);
    }
    return rv;
}
