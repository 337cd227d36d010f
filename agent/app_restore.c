/* SPDX-License-Identifier: Apache-2.0 */

/* How a new core continues where the one before was killed: groups from the
 * scoreboard, processes from scoreboard and watchdog. Used by watchdog_link. */
#include "app_restore.h"

#include <apr_strings.h>

#include "agent_log.h"
#include "app_backoff.h"
#include "app_pool.h"
#include "scoreboard_writer.h"
#include "watcher_process.h"

/* One entry an earlier core left; without a group it is freed. */
static apr_status_t restore_group(core_t *core, uint32_t index)
{
    const psg_group_t *entry = &core->sb->groups[index];
    uint32_t len = __atomic_load_n(&entry->options_len, __ATOMIC_ACQUIRE);
    const char *stored, *problem = "it is there twice";
    app_group_t *group = NULL;
    app_spec_t *spec;
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, core->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (len > PSG_GROUP_OPTIONS_SIZE) {
        len = 0;
    }
    stored = apr_pmemdup(pool, entry->options, len);
    rv = app_spec_restore(&spec, &problem, core, stored, len, pool);
    if (rv == APR_SUCCESS
        && !apr_hash_get(core->apps->by_key, spec->key, APR_HASH_KEY_STRING)) {
        group = app_group_create(core, index, spec, pool);
    }
    if (!group) {
        agent_log(PSG_LOG_WARN, "PSG2142: app group %u is given up: %s", index,
                  problem);
        apr_pool_destroy(pool);
        return APR_EINVAL;
    }
    group->used = entry->served > 0;
    group->epoch = entry->epoch;
    app_backoff_restore(group, entry->retry_at);
    group->configured = core->configured;
    scoreboard_group_keep(core->writer, index);
    app_pool_add_group(core, group);
    return APR_SUCCESS;
}

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

void app_restore_groups(core_t *core)
{
    uint32_t used = at_most(core->sb->header.groups_used, PSG_MAX_GROUPS);

    for (uint32_t g = 0; g < used; g++) {
        if (core->sb->groups[g].state == PSG_GROUP_ACTIVE
            && restore_group(core, g) != APR_SUCCESS) {
            scoreboard_group_fail(core->writer, g);
            (void)scoreboard_group_free(core->writer, g);
        }
    }
}

apr_status_t app_restore_process(core_t *core, uint32_t index,
                                 uint32_t generation, int pid, const int fds[3])
{
    psg_process_t entry; /* a copy: others can write there */
    app_group_t *group;
    app_process_t *proc;

    if (index >= PSG_MAX_PROCESSES) {
        return APR_ENOENT;
    }
    entry = core->sb->processes[index];
    group = apr_hash_get(core->apps->groups, &entry.group, sizeof(entry.group));
    if (!group || entry.generation != generation
        || entry.state < PSG_PROCESS_SPAWNING
        || entry.state > PSG_PROCESS_STOPPING
        || app_pool_process(core, index, generation)) {
        return APR_ENOENT;
    }
    proc = app_process_adopt(group, index, &entry);
    if (!proc) {
        return APR_ENOMEM;
    }
    app_process_attach(proc, pid, fds);
    return APR_SUCCESS;
}

/* Entries of processes that ended while there was no core, or never were. */
static void free_lost_processes(core_t *core)
{
    uint32_t used = at_most(core->sb->header.processes_used, PSG_MAX_PROCESSES);

    for (uint32_t p = 0; p < used; p++) {
        if (core->sb->processes[p].state != PSG_PROCESS_UNUSED
            && !app_pool_process(core, p, core->sb->processes[p].generation)
            && !watcher_process_is(core, p)) {
            agent_log(PSG_LOG_INFO,
                      "PSG2143: process entry %u has no process any more", p);
            scoreboard_process_free(core->writer, p);
        }
    }
}

void app_restore_end(core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        app_group_t *group = apr_hash_this_val(i);

        if (app_group_size(group) == 0) {
            scoreboard_group_set_processes(core->writer, group->index, NULL, 0);
        }
    }
    free_lost_processes(core);
    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        app_group_t *group = apr_hash_this_val(i);

        scoreboard_group_repair(core->writer, group->index);
    }
    app_pool_look_at_all(core);
}
