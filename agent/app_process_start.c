/* SPDX-License-Identifier: Apache-2.0 */

/* Makes processes for app_process.c, which has their life: new ones, and those
 * that an earlier core left. Called by app_group, app_preloader, app_restore. */
#include "app_process.h"

#include "app_group.h"
#include "app_interpreter.h"
#include "app_preloader.h"
#include "scoreboard_writer.h"

static apr_status_t make(app_process_t **proc, app_group_t *group,
                         psg_process_kind_e kind)
{
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, group->core->pool);

    if (rv == APR_SUCCESS) {
        *proc = apr_pcalloc(pool, sizeof(**proc));
        (*proc)->pool = pool;
        (*proc)->core = group->core;
        (*proc)->group = group;
        (*proc)->kind = kind;
        (*proc)->listen_fd = -1;
    }
    return rv;
}

/* Where it belongs: a preloader is not one of the processes that serve. */
static void add(app_process_t *proc)
{
    if (proc->kind == PSG_KIND_PRELOADER) {
        app_preloader_add(proc);
    }
    else {
        app_group_add(proc->group, proc);
    }
}

apr_status_t app_process_start(app_group_t *group)
{
    return app_process_start_as(group, PSG_KIND_APP, NULL);
}

apr_status_t app_process_start_as(app_group_t *group, psg_process_kind_e kind,
                                  const app_process_t *preloader)
{
    app_process_t *proc;
    apr_status_t rv = make(&proc, group, kind);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv =
        scoreboard_process_new(group->core->writer, group->index, &proc->index);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(proc->pool);
        return rv;
    }
    proc->generation = group->core->sb->processes[proc->index].generation;
    proc->started = event_loop_now(group->core->loop);
    proc->epoch = preloader ? preloader->epoch : group->epoch;
    if (preloader) {
        proc->is_forked = 1;
        proc->preloader = preloader->index;
        proc->preloader_generation = preloader->generation;
        app_interpreter_inherit(proc, preloader);
    }
    scoreboard_process_set_epoch(group->core->writer, proc->index, proc->epoch);
    app_group_count(proc, PSG_PROCESS_STATE_COUNT, PSG_PROCESS_UNUSED);
    add(proc);
    app_process_event(proc, ON_START,
                      kind == PSG_KIND_PRELOADER ? "the app needs a preloader"
                                                 : "the app needs a process");
    return APR_SUCCESS;
}

app_process_t *app_process_adopt(app_group_t *group, uint32_t index,
                                 const psg_process_t *entry)
{
    uint64_t now = event_loop_now(group->core->loop);
    psg_process_kind_e kind =
        entry->kind == PSG_KIND_PRELOADER ? PSG_KIND_PRELOADER : PSG_KIND_APP;
    app_process_t *proc;

    if (make(&proc, group, kind) != APR_SUCCESS) {
        return NULL;
    }
    proc->index = index;
    proc->generation = entry->generation;
    proc->epoch = entry->epoch;
    proc->port = (int)(entry->port & 0xffff);
    proc->state = (psg_process_state_e)entry->state;
    proc->started = entry->started < now ? entry->started : now;
    proc->ready_since = proc->started;
    proc->in_batches = 1;
    proc->was_ready = proc->state != PSG_PROCESS_SPAWNING;
    proc->unwanted = proc->state == PSG_PROCESS_DRAINING
                     || proc->state == PSG_PROCESS_STOPPING;
    scoreboard_process_keep(group->core->writer, index);
    app_group_count(proc, PSG_PROCESS_STATE_COUNT, proc->state);
    add(proc);
    return proc;
}
