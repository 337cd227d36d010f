/* SPDX-License-Identifier: Apache-2.0 */

/* Compares what processes use with what they may. Called by app_pool's tick,
 * and by module_socket when a child of httpd knows of it sooner. */
#include "app_limits.h"

#include <errno.h>
#include <signal.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_pool.h"
#include "app_preloader.h"
#include "app_restart.h"
#include "group_queue.h"
#include "process_stats.h"
#include "scoreboard_writer.h"
#include "user_limits.h"

enum {
    SECOND = 1000000,
    MEBIBYTE = 1 << 20,
    BETWEEN_REPLACEMENTS = 10 * SECOND,
};

static const psg_process_t *entry_of(const app_process_t *proc)
{
    return &proc->core->sb->processes[proc->index];
}

uint32_t app_limits_instances(const app_group_t *group)
{
    uint32_t own = (uint32_t)group->spec->options->max_instances;
    uint32_t of_all = (uint32_t)group->core->options->max_instances_per_app;

    return own == 0 || (of_all != 0 && of_all < own) ? of_all : own;
}

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
    const psg_process_t *entry = entry_of(proc);

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

void app_limits_kill(app_process_t *proc, const char *why)
{
    proc->failure.step = "start";
    proc->failure.summary = apr_pstrdup(proc->pool, why);
    proc->failure.details = "";
    if (proc->state == PSG_PROCESS_SPAWNING) {
        app_process_event(proc, ON_GARBAGE, why); /* which kills it */
        return;
    }
    app_process_stop(proc, why);
    proc->core->starter->signal(proc->core, proc, SIGKILL);
}

/* Its figures cannot be had. If it is there nevertheless, others' processes are
 * hidden from us. */
static void note_hidden(app_process_t *proc)
{
    core_t *core = proc->core;

    if (core->has_hidden_processes
        || (kill(proc->pid, 0) != 0 && errno == ESRCH)) {
        return;
    }
    core->has_hidden_processes = 1;
    agent_log(PSG_LOG_ERROR,
              "PSG2174: /proc hides process %d from the agent: limits of "
              "memory have no effect, and apps without a limit of requests at "
              "once get no more processes; see hidepid and gid in proc(5)",
              proc->pid);
}

/* Returns 0 if they cannot be had. The pid may be another process's by now if
 * its end has not been reported yet: the start time tells. */
static int read_stats(app_process_t *proc, psg_process_stats_t *stats)
{
    if (proc->pid <= 0) {
        return 0;
    }
    if (psg_process_stats_read(stats, proc->pid) != APR_SUCCESS) {
        note_hidden(proc);
        return 0;
    }
    if (proc->start_time == 0) {
        proc->start_time = stats->start_time;
    }
    return stats->start_time == proc->start_time;
}

static void kill_too_large(app_process_t *proc, int used, int limit)
{
    agent_log(PSG_LOG_ERROR,
              "PSG2172: app '%s': process %d takes %d MiB of memory, "
              "PassengerHardMemoryLimit is %d MiB; it is killed",
              proc->group->spec->root, proc->pid, used, limit);
    proc->is_over_limit = 1;
    app_limits_kill(proc, "it took more memory than PassengerHardMemoryLimit "
                          "allows");
}

/* A limit below what the app needs at all must not keep it from serving, nor
 * the machine busy with starting it: a process is replaced after a request at
 * the earliest, and of all of them one in a while. */
static int may_be_replaced(const app_process_t *proc)
{
    return proc->state == PSG_PROCESS_READY && entry_of(proc)->served > 0
           && event_loop_now(proc->core->loop) >= proc->group->next_replacement;
}

static void replace_too_large(app_process_t *proc, int used, int limit)
{
    if (!proc->is_too_large && !may_be_replaced(proc)) {
        return;
    }
    if (!proc->is_too_large) {
        proc->is_too_large = 1;
        proc->group->next_replacement =
            event_loop_now(proc->core->loop) + BETWEEN_REPLACEMENTS;
        agent_log(PSG_LOG_WARN,
                  "PSG2173: app '%s': process %d takes %d MiB of memory, "
                  "PassengerMemoryLimit is %d MiB; it is replaced. If that "
                  "happens often, look for a leak or raise the limit",
                  proc->group->spec->root, proc->pid, used, limit);
    }
    app_restart_process(proc, "it takes more memory than PassengerMemoryLimit "
                              "allows");
}

static void check_memory(app_process_t *proc, uint64_t bytes)
{
    const psg_options_t *options = proc->group->spec->options;
    int used = (int)(bytes / MEBIBYTE);

    if (options->hard_memory_limit > 0 && used > options->hard_memory_limit) {
        kill_too_large(proc, used, options->hard_memory_limit);
    }
    else if (proc->kind == PSG_KIND_PRELOADER) {
        app_preloader_check_memory(proc, used, options->memory_limit);
    }
    else if (options->memory_limit > 0 && used > options->memory_limit) {
        replace_too_large(proc, used, options->memory_limit);
    }
}

static int is_counted(const app_process_t *proc)
{
    return proc->kind == PSG_KIND_APP && proc->state == PSG_PROCESS_READY
           && psg_peek(&entry_of(proc)->concurrency) == 0;
}

/* Whether its figures are worth a system call: those of a process that does
 * nothing are known. */
static int has_news(const app_process_t *proc)
{
    const psg_options_t *options = proc->group->spec->options;
    const psg_process_t *entry = entry_of(proc);

    return options->memory_limit > 0 || options->hard_memory_limit > 0
           || proc->core->options->max_memory_per_user > 0
           || (is_counted(proc)
               && (psg_peek(&entry->busy) > 0 || proc->load.looks > 0));
}

static void note_load(app_process_t *proc, uint64_t now, uint64_t busy)
{
    uint32_t requests = psg_peek(&entry_of(proc)->busy);

    app_load_add(&proc->load, now, busy, requests);
    if (requests == 0 && app_load_percent(&proc->load) == 0) {
        proc->load.looks = 0; /* until it has requests again */
        proc->load.when = 0;
    }
}

static void look_at_process(app_process_t *proc, uint64_t now)
{
    psg_process_stats_t stats;

    app_limits_check_requests(proc);
    if (proc->state < PSG_PROCESS_SPAWNING
        || proc->state >= PSG_PROCESS_STOPPING || !has_news(proc)
        || !read_stats(proc, &stats)) {
        return;
    }
    if (is_counted(proc)) {
        note_load(proc, now, stats.cpu + psg_process_stats_waited(proc->pid));
    }
    user_limits_note_memory(proc, stats.memory);
    check_memory(proc, stats.memory);
}

/* What the processes that take any number of requests do together. */
typedef struct {
    uint32_t count, high, percent;
    app_process_t *youngest;
} survey_t;

static survey_t survey(const app_group_t *group)
{
    survey_t seen = {0, 0, 0, NULL};

    for (app_process_t *proc = group->first; proc; proc = proc->next) {
        if (is_counted(proc)) {
            seen.count++;
            seen.high += app_load_is_high(&proc->load) != 0;
            seen.percent += app_load_percent(&proc->load);
            seen.youngest = proc;
        }
    }
    return seen;
}

/* Requests are shared out evenly, so that no process gets idle while there are
 * enough of them for all: one goes when fewer would do for long. */
static void shrink(app_group_t *group, const survey_t *seen, uint64_t now)
{
    uint64_t limit = (uint64_t)group->core->options->pool_idle_time * SECOND;

    if (!app_load_is_low(seen->percent, seen->count)
        || seen->count <= app_group_minimum(group) || limit == 0) {
        group->low_since = 0;
    }
    else if (group->low_since == 0) {
        group->low_since = now;
    }
    else if (now - group->low_since >= limit) {
        group->low_since = 0;
        app_process_drain(seen->youngest, "fewer processes do for this load");
    }
}

/* One more process if all are overloaded, one less if fewer do. What starts
 * already counts as one that has nothing to do. */
static void scale(app_group_t *group, uint64_t now)
{
    survey_t seen = survey(group);
    int is_overloaded = seen.count > 0 && seen.high == seen.count
                        && seen.count == app_group_useful(group);

    if (is_overloaded && !group->is_overloaded) {
        agent_log(PSG_LOG_INFO,
                  "PSG2175: app '%s': its %u processes use %u %% of a CPU; one "
                  "more is started if limits allow",
                  group->spec->root, seen.count, seen.percent);
    }
    group->is_overloaded = is_overloaded;
    if (is_overloaded) {
        app_group_look(group);
    }
    else if (seen.count > 0) {
        shrink(group, &seen, now);
    }
}

static void look_at_group(app_group_t *group, uint64_t now)
{
    app_process_t *proc, *next;

    for (proc = group->first; proc; proc = next) {
        next = proc->next;
        look_at_process(proc, now);
    }
    if (group->preloader) {
        look_at_process(group->preloader, now);
    }
    scale(group, now);
}

void app_limits_tick(core_t *core)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    uint64_t now = event_loop_now(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        look_at_group(apr_hash_this_val(i), now);
    }
}
