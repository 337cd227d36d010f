/* SPDX-License-Identifier: Apache-2.0 */

/* Counts an app's failures and says when it is tried again. Called by app_group
 * and app_restart. */
#include "app_backoff.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "agent_log.h"
#include "app_restart.h"
#include "scoreboard_writer.h"
#include "spawn_report.h"

enum {
    SECOND = 1000000,
    FIRST_DELAY = SECOND,
    /* A process that lived so long, or served so much, is no failure. */
    LONG_LIFE = 5 * SECOND,
    MUCH_SERVED = 20,
    /* In a row. From the next one on requests do not wait for the next process:
     * what makes them all end is likely to go on. */
    CRASHES_WAITED_FOR = 3,
};

/* Who develops an app repairs it and looks again: there is no reason to wait. */
static uint64_t longest_delay(const app_group_t *group)
{
    const char *env = group->spec->options->app_env;

    return strcmp(env, "development") == 0 ? FIRST_DELAY : PSG_RETRY_MAX;
}

/* The nth delay: 1, 2, 4, ... 60 s; no delay before the first. */
static uint64_t nth_delay(const app_group_t *group, uint32_t n)
{
    uint64_t delay = FIRST_DELAY, longest = longest_delay(group);

    if (n == 0) {
        return 0;
    }
    while (--n > 0 && delay < longest) {
        delay *= 2;
    }
    return delay < longest ? delay : longest;
}

void app_backoff_publish(app_group_t *group)
{
    uint64_t now = event_loop_now(group->core->loop);
    int is_refused = group->failing && app_group_useful(group) == 0
                     && now < group->next_start;
    uint64_t retry_at = is_refused ? group->next_start : 0;

    if (retry_at != group->retry_at) {
        group->retry_at = retry_at;
        scoreboard_group_set_retry_at(group->core->writer, group->index,
                                      retry_at);
    }
}

/* Something failed; returns for how many seconds nothing is tried. */
static unsigned hold_off(app_group_t *group, uint64_t delay)
{
    uint64_t now = event_loop_now(group->core->loop);

    group->failed_at = now;
    if (group->next_start < now + delay) {
        group->next_start = now + delay;
    }
    app_backoff_publish(group);
    return (unsigned)((group->next_start - now + SECOND - 1) / SECOND);
}

/* Keeps the error for pages, and tells those who wait. */
static void tell(app_group_t *group, const psg_spawn_error_t *error)
{
    scoreboard_group_note_error(group->core->writer, group->index, error);
    if (app_group_useful(group) == 0) {
        scoreboard_group_fail(group->core->writer, group->index);
    }
}

void app_backoff_start_failed(app_group_t *group, const app_process_t *proc)
{
    apr_pool_t *scratch = event_loop_scratch(group->core->loop);
    psg_spawn_error_t *error = spawn_report_make(proc, scratch);
    unsigned seconds;

    group->failing = 1;
    seconds = hold_off(group, nth_delay(group, ++group->failures));
    spawn_report_log(error, proc, seconds);
    app_restart_failed(group, proc, error->id);
    app_backoff_publish(group); /* the old ones may be gone now */
    tell(group, error);
}

static int lived_well(const app_group_t *group, const app_process_t *proc,
                      uint64_t now)
{
    const psg_process_t *entry = &group->core->sb->processes[proc->index];

    return now - proc->ready_since >= LONG_LIFE
           || __atomic_load_n(&entry->served, __ATOMIC_RELAXED) >= MUCH_SERVED;
}

/* No app does that to itself: somebody, or the kernel for lack of memory. It says
 * little about the next process; our own limits say much. */
static int was_killed(const app_process_t *proc)
{
    return !proc->is_over_limit && proc->has_exited
           && WIFSIGNALED(proc->exit_status)
           && (WTERMSIG(proc->exit_status) == SIGKILL
               || WTERMSIG(proc->exit_status) == SIGTERM);
}

static void note_crash(app_group_t *group, const app_process_t *proc)
{
    apr_pool_t *scratch = event_loop_scratch(group->core->loop);
    int is_patient = was_killed(proc);
    unsigned seconds =
        hold_off(group, nth_delay(group, is_patient ? group->failures > 0
                                                    : group->failures));

    group->failures++;
    if (!is_patient) {
        app_restart_doubt(group, proc);
    }
    if (seconds == 0) {
        return;
    }
    group->failing |= !is_patient && group->failures > CRASHES_WAITED_FOR;
    app_backoff_publish(group);
    agent_log(PSG_LOG_ERROR,
              "PSG2127: app '%s': %u processes in a row failed or ended soon "
              "after they were ready; the next one starts in %u s at the "
              "earliest%s",
              group->spec->root, group->failures, seconds,
              group->retry_at ? ", requests are answered 503 until then" : "");
    if (group->failing) {
        tell(group, spawn_report_make(proc, scratch));
    }
}

void app_backoff_ended(app_group_t *group, const app_process_t *proc)
{
    if (!proc->is_over_limit) {
        spawn_report_log_end(proc);
    }
    if (!lived_well(group, proc, event_loop_now(group->core->loop))) {
        note_crash(group, proc);
    }
    else if (proc->started >= group->failed_at) {
        app_backoff_forget(group);
    }
}

/* When the next one may start stays: this one may have been starting already
 * when the one before it crashed. */
void app_backoff_ready(app_group_t *group)
{
    group->failing = 0;
    app_backoff_publish(group);
}

void app_backoff_forget(app_group_t *group)
{
    group->failures = 0;
    group->next_start = 0;
    app_backoff_ready(group);
}

/* Processes that are older than the last failure say nothing about it. */
void app_backoff_tidy(app_group_t *group, uint64_t now)
{
    const app_process_t *proc;

    if (group->failures == 0) {
        return;
    }
    for (proc = group->first; proc; proc = proc->next) {
        if (proc->state == PSG_PROCESS_READY
            && proc->started >= group->failed_at
            && lived_well(group, proc, now)) {
            app_backoff_forget(group);
            return;
        }
    }
}

void app_backoff_restore(app_group_t *group, uint64_t retry_at)
{
    uint64_t now = event_loop_now(group->core->loop);

    if (retry_at > now && retry_at - now <= PSG_RETRY_MAX) {
        group->failing = 1;
        group->failures = 1; /* how many there were is not known any more */
        group->failed_at = now;
        group->next_start = retry_at;
    }
    group->retry_at = retry_at;
}
