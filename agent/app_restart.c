/* SPDX-License-Identifier: Apache-2.0 */

/* Decides which old process goes when. Called by what notices that processes
 * are to be replaced, and by app_group when something changed. */
#include "app_restart.h"

#include "agent_log.h"
#include "app_backoff.h"
#include "app_preloader.h"
#include "scoreboard_writer.h"

/* What a process of a doubtful version must have done; time in microseconds. */
enum {
    PROOF_SERVED = 20,
    PROOF_TIME = 60000000,
};

static int is_old(const app_process_t *proc)
{
    return proc->epoch != proc->group->epoch;
}

static int is_useful(const app_process_t *proc)
{
    return proc->state == PSG_PROCESS_SPAWNING
           || proc->state == PSG_PROCESS_READY;
}

int app_restart_has_old(const app_group_t *group)
{
    const app_process_t *proc;

    for (proc = group->first; proc; proc = proc->next) {
        if (is_old(proc) && proc->state == PSG_PROCESS_READY) {
            return 1;
        }
    }
    return 0;
}

int app_restart_is_going_on(const app_group_t *group)
{
    const app_process_t *proc;

    for (proc = group->first; proc; proc = proc->next) {
        if (is_old(proc)) {
            return 1;
        }
    }
    return 0;
}

static int has_new(const app_group_t *group)
{
    const app_process_t *proc;

    for (proc = group->first; proc; proc = proc->next) {
        if (!is_old(proc) && is_useful(proc)) {
            return 1;
        }
    }
    return 0;
}

int app_restart_needs_new(const app_group_t *group)
{
    return app_restart_has_old(group)
           && !(group->is_doubtful && has_new(group));
}

static uint32_t busy_of(const app_process_t *proc)
{
    return __atomic_load_n(&proc->core->sb->processes[proc->index].busy,
                           __ATOMIC_ACQUIRE);
}

/* The old process that is missed least: an idle one, else one with few
 * requests, the oldest of these. */
static app_process_t *next_to_go(const app_group_t *group)
{
    app_process_t *found = NULL, *proc;
    uint32_t least = UINT32_MAX;

    for (proc = group->first; proc; proc = proc->next) {
        if (is_old(proc) && proc->state == PSG_PROCESS_READY
            && (!found || busy_of(proc) < least)) {
            least = busy_of(proc);
            found = proc;
        }
    }
    return found;
}

static void drain_old(app_group_t *group, const char *why)
{
    app_process_t *proc, *next;

    for (proc = group->first; proc; proc = next) {
        next = proc->next;
        if (is_old(proc) && is_useful(proc)) {
            app_process_drain(proc, why);
        }
    }
}

void app_restart_yield(app_group_t *group)
{
    app_process_t *old = next_to_go(group);

    if (!old || group->count[PSG_PROCESS_DRAINING] > 0
        || group->count[PSG_PROCESS_STOPPING] > 0 || group->is_doubtful
        || (group->failing && group->spec->options->resist_deployment_errors)) {
        return;
    }
    app_process_drain(old, "a new process needs its place");
}

void app_restart_go_on(app_group_t *group, app_process_t *ready)
{
    app_process_t *old = next_to_go(group);

    if (!is_old(ready) && old && !group->is_doubtful) {
        app_process_drain(old, "a new process takes its place");
    }
}

void app_restart_failed(app_group_t *group, const app_process_t *failed,
                        const char *id)
{
    if (is_old(failed) || !app_restart_has_old(group)) {
        return;
    }
    if (group->spec->options->resist_deployment_errors) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2124: app '%s': its old processes go on serving, since "
                  "the new one could not be started (error id %s); it is tried "
                  "again later and at the next restart",
                  group->spec->root, id);
        return;
    }
    agent_log(PSG_LOG_ERROR,
              "PSG2125: app '%s': its old processes end, although the new one "
              "could not be started (error id %s); "
              "PassengerResistDeploymentErrors would keep them",
              group->spec->root, id);
    drain_old(group, "the app was restarted");
}

void app_restart_doubt(app_group_t *group, const app_process_t *ended)
{
    if (group->is_doubtful || is_old(ended) || !app_restart_has_old(group)
        || !group->spec->options->resist_deployment_errors) {
        return;
    }
    group->is_doubtful = 1;
    agent_log(PSG_LOG_ERROR,
              "PSG2129: app '%s': its old processes go on serving, since the "
              "new process %d ended too soon; they are replaced when a new one "
              "has served %d requests or lived for a minute",
              group->spec->root, ended->pid, PROOF_SERVED);
}

static int is_proven(const app_process_t *proc, uint64_t now)
{
    const psg_process_t *entry = &proc->core->sb->processes[proc->index];

    return !is_old(proc) && proc->state == PSG_PROCESS_READY
           && (now - proc->ready_since >= PROOF_TIME
               || __atomic_load_n(&entry->served, __ATOMIC_RELAXED)
                      >= PROOF_SERVED);
}

void app_restart_tidy(app_group_t *group, uint64_t now)
{
    app_process_t *proc;

    if (!app_restart_is_going_on(group)) {
        group->is_doubtful = 0;
    }
    if (!group->is_doubtful) {
        return;
    }
    for (proc = group->first; proc; proc = proc->next) {
        if (is_proven(proc, now)) {
            group->is_doubtful = 0;
            app_restart_go_on(group, proc);
            return;
        }
    }
}

/* After something got old. */
static void begin(app_group_t *group)
{
    if (!group->spec->options->rolling_restarts) {
        drain_old(group, "the app was restarted");
    }
    app_group_look(group);
}

void app_restart_group(app_group_t *group, const char *why)
{
    group->epoch++;
    group->is_doubtful = 0;
    app_backoff_forget(group);
    app_preloader_restarted(group);
    scoreboard_group_set_epoch(group->core->writer, group->index, group->epoch);
    agent_log(PSG_LOG_NOTICE, "PSG2123: app '%s': restarts: %s",
              group->spec->root, why);
    begin(group);
}

void app_restart_process(app_process_t *proc, const char *why)
{
    app_group_t *group = proc->group;

    if (is_old(proc) || !is_useful(proc)) {
        return;
    }
    proc->epoch = group->epoch - 1;
    scoreboard_process_set_epoch(group->core->writer, proc->index, proc->epoch);
    agent_log(PSG_LOG_NOTICE,
              "PSG2126: app '%s': process %d is to be replaced: %s",
              group->spec->root, proc->pid, why);
    begin(group);
}
