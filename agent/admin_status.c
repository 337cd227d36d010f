/* SPDX-License-Identifier: Apache-2.0 */

/* Puts the state of apps and processes together as JSON. Called by
 * admin_command. */
#include "admin_status.h"

#include "admin_command.h"
#include "app_interpreter.h"
#include "app_pool.h"
#include "app_restart.h"
#include "process_stats.h"

enum {
    SECOND = 1000000
};

#define PEEK(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)

static const char *const state_words[PSG_PROCESS_STATE_COUNT] = {
#define PROCESS_STATE(NAME, word, help) word,
#include "process_states.def"
};

static json_int_t seconds_since(uint64_t when, uint64_t now)
{
    return when < now ? (json_int_t)((now - when) / SECOND) : 0;
}

/* KiB of its memory that are not swapped out, shared pages included; -1 where
 * /proc does not say so. What is not shared only its own user may read. */
static json_int_t memory_of(int pid)
{
    psg_process_stats_t stats;

    return pid > 0 && psg_process_stats_read(&stats, pid) == APR_SUCCESS
               ? (json_int_t)(stats.memory / 1024)
               : -1;
}

static json_t *process_of(const app_process_t *proc, uint64_t now)
{
    const psg_process_t *entry = &proc->core->sb->processes[proc->index];
    uint64_t used = PEEK(entry->last_used);

    return json_pack(
        "{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:s?}", "pid", proc->pid,
        "state", state_words[proc->state], "busy",
        (json_int_t)PEEK(entry->busy), "concurrency",
        (json_int_t)PEEK(entry->concurrency), "served",
        (json_int_t)PEEK(entry->served), "uptime",
        seconds_since(proc->started, now), "idle",
        seconds_since(used > proc->started ? used : proc->started, now), "old",
        PEEK(entry->epoch) != proc->group->epoch, "memory_kib",
        memory_of(proc->pid), "interpreter", app_interpreter_of(proc));
}

/* Why the last start failed. Written by this core alone, but others could. */
static json_t *error_of(const psg_group_t *entry, uint64_t now,
                        apr_pool_t *pool)
{
    psg_spawn_error_t error;

    if (entry->error.when == 0) {
        return json_null();
    }
    error = entry->error;
    error.id[sizeof(error.id) - 1] = '\0';
    error.summary[sizeof(error.summary) - 1] = '\0';
    return json_pack("{s:o, s:o, s:I}", "id",
                     admin_command_text(error.id, pool), "summary",
                     admin_command_text(error.summary, pool), "ago",
                     seconds_since(error.when, now));
}

static json_t *app_of(const app_group_t *group, uint64_t now, apr_pool_t *pool)
{
    const psg_group_t *entry = &group->core->sb->groups[group->index];
    const app_spec_t *spec = group->spec;
    const char *name = spec->options->app_group_name;
    json_t *processes = json_array();

    for (const app_process_t *proc = group->first; proc; proc = proc->next) {
        json_array_append_new(processes, process_of(proc, now));
    }
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b, "
        "s:o, s:o, s:o}",
        "app", admin_command_text(spec->root, pool), "name",
        admin_command_text(name ? name : spec->root, pool), "base_uri",
        admin_command_text(spec->base_uri, pool), "environment",
        admin_command_text(spec->options->app_env, pool), "type",
        json_string(spec->type ? spec->type->name : "command"), "uid",
        (json_int_t)(group->uid == (uint32_t)-1 ? -1 : (json_int_t)group->uid),
        "epoch", (json_int_t)group->epoch, "queued",
        (json_int_t)PEEK(entry->queued), "served",
        (json_int_t)PEEK(entry->served), "rejected",
        (json_int_t)PEEK(entry->rejected), "restarting",
        app_restart_has_old(group), "failing", group->failing, "always_restart",
        group->always_restart, "last_error", error_of(entry, now, pool),
        "preloader",
        group->preloader ? process_of(group->preloader, now) : json_null(),
        "processes", processes);
}

json_t *admin_status_make(core_t *core, uid_t peer)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    uint64_t now = event_loop_now(core->loop);
    json_t *apps = json_array();

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        const app_group_t *group = apr_hash_this_val(i);

        if (admin_command_may_see(group, peer)) {
            json_array_append_new(apps, app_of(group, now, scratch));
        }
    }
    return json_pack("{s:b, s:s, s:i, s:o}", "ok", 1, "version", PSG_VERSION,
                     "max_pool_size", core->options->max_pool_size, "apps",
                     apps);
}
