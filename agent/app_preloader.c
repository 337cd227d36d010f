/* SPDX-License-Identifier: Apache-2.0 */

/* When an app has a preloader, which one forks, and what happens when it fails:
 * it is replaced, and after two failures in a row processes are started
 * directly for a while, so that no preloader keeps an app down. */
#include "app_preloader.h"

#include <signal.h>
#include <string.h>

#include "agent_log.h"
#include "app_pool.h"
#include "scoreboard_writer.h"
#include "spawn_report.h"
#include "start_queue.h"

enum {
    SECOND = 1000000,
    FAILURES_IN_A_ROW = 2,
    /* How long processes are started directly after that. */
    DIRECT_TIME = 60 * SECOND,
};

static int is_word(const app_group_t *group, const char *word)
{
    return strcmp(group->spec->options->spawn_method, word) == 0;
}

/* Whether it is configured that the group has a preloader. */
static int is_smart(const app_group_t *group)
{
    const psg_app_type_t *type = group->spec->type;
    psg_preload_e preload = type ? type->preload : PSG_PRELOAD_NEVER;

    return (is_word(group, "auto") && preload == PSG_PRELOAD_ALWAYS)
           || (is_word(group, "smart") && preload != PSG_PRELOAD_NEVER);
}

static void warn_once(app_group_t *group)
{
    if (is_word(group, "smart") && !is_smart(group) && !group->was_warned) {
        group->was_warned = 1;
        agent_log(PSG_LOG_WARN,
                  "PSG2160: app '%s': its processes are started directly: "
                  "PassengerSpawnMethod smart is not possible for %s",
                  group->spec->root,
                  group->spec->type ? group->spec->type->name
                                    : "start commands");
    }
}

static int is_useful(const app_process_t *proc)
{
    return proc->state == PSG_PROCESS_SPAWNING
           || proc->state == PSG_PROCESS_READY;
}

/* One that became old while it loaded goes on until it has forked one process:
 * restarts in quick succession would else keep an app from getting ready. */
static int has_served_its_time(const app_process_t *preloader)
{
    return preloader->state == PSG_PROCESS_READY && preloader->last_fork != 0
           && preloader->epoch != preloader->group->epoch;
}

/* It could not load the app and is about to end: then those who wait are told
 * why. One that not even SIGKILL ends is not waited for. */
static int is_giving_up(const app_process_t *preloader)
{
    return preloader->state == PSG_PROCESS_STOPPING && !preloader->was_ready
           && !preloader->unwanted && preloader->kills < 2;
}

/* Not with always_restart.txt: each process has the newest code then. */
static int is_in_use(const app_group_t *group)
{
    return event_loop_now(group->core->loop) >= group->direct_until
           && !group->always_restart && is_smart(group);
}

int app_preloader_is_awaited(const app_group_t *group)
{
    const app_process_t *preloader = group->preloader;

    return preloader && is_in_use(group)
           && (preloader->state == PSG_PROCESS_SPAWNING
               || is_giving_up(preloader));
}

apr_status_t app_preloader_start_process(app_group_t *group)
{
    app_process_t *preloader = group->preloader;

    if (!is_in_use(group)) {
        warn_once(group);
        return app_process_start(group);
    }
    if (!preloader || preloader->state != PSG_PROCESS_READY
        || has_served_its_time(preloader)) {
        return app_process_start_as(group, PSG_KIND_PRELOADER, NULL);
    }
    preloader->last_fork = event_loop_now(group->core->loop);
    return app_process_start_as(group, PSG_KIND_APP, preloader);
}

static app_process_t *preloader_of(const app_process_t *proc)
{
    return proc->is_forked ? app_pool_process(proc->core, proc->preloader,
                                              proc->preloader_generation)
                           : NULL;
}

void app_preloader_fork(const app_process_t *proc, const int *fds, int count)
{
    app_process_t *preloader = preloader_of(proc);

    if (preloader && preloader->state == PSG_PROCESS_READY && preloader->control
        && proc->state == PSG_PROCESS_SPAWNING) {
        /* If it cannot be told, the watchdog says soon that nothing came. */
        (void)handshake_say_fork(preloader->control, fds, count);
    }
}

/* For other reasons than that the app cannot be loaded. */
static void note_failure(app_group_t *group)
{
    if (++group->preload_failures < FAILURES_IN_A_ROW) {
        return;
    }
    group->direct_until = event_loop_now(group->core->loop) + DIRECT_TIME;
    agent_log(PSG_LOG_ERROR,
              "PSG2161: app '%s': its preloader failed %d times in a row; its "
              "processes are started directly for %d seconds; if it goes on, "
              "set PassengerSpawnMethod direct",
              group->spec->root, group->preload_failures, DIRECT_TIME / SECOND);
}

/* It forks nothing any more; what it has forked stays. */
static void retire(app_process_t *preloader, const char *why)
{
    if (preloader->group->preloader == preloader) {
        preloader->group->preloader = NULL;
    }
    if (is_useful(preloader)) {
        app_process_stop(preloader, why);
    }
}

int app_preloader_is_to_blame(const app_process_t *proc)
{
    app_process_t *preloader = preloader_of(proc);
    app_group_t *group = proc->group;

    if (!proc->is_forked) {
        return 0;
    }
    if (proc->pid != 0) {
        /* It was born: its failure is the app's, until this happens often. */
        note_failure(group);
        return 0;
    }
    agent_log(PSG_LOG_WARN,
              "PSG2162: app '%s': no process was forked (%s); the next one is "
              "made by a new preloader",
              group->spec->root,
              proc->failure.summary ? proc->failure.summary : "no reason");
    if (preloader && preloader == group->preloader) {
        note_failure(group);
        retire(preloader, "it did not fork");
        proc->core->starter->signal(proc->core, preloader, SIGKILL);
    }
    return 1;
}

void app_preloader_process_ready(const app_process_t *proc)
{
    if (proc->is_forked) {
        proc->group->preload_failures = 0;
    }
}

void app_preloader_add(app_process_t *proc)
{
    app_group_t *group = proc->group;

    apr_hash_set(proc->core->apps->preloaders, &proc->index,
                 sizeof(proc->index), proc);
    scoreboard_process_set_kind(proc->core->writer, proc->index,
                                PSG_KIND_PRELOADER);
    /* A new core may adopt several. */
    if (proc->state == PSG_PROCESS_UNUSED
        || (is_useful(proc)
            && (!group->preloader || proc->epoch == group->epoch))) {
        group->preloader = proc;
    }
    if (proc->state == PSG_PROCESS_READY) {
        proc->last_fork = event_loop_now(proc->core->loop);
    }
}

void app_preloader_ready(app_process_t *proc)
{
    uint64_t took = proc->ready_since - proc->started;

    agent_log(PSG_LOG_NOTICE,
              "PSG2163: app '%s': preloader %d is ready after %d.%02d s",
              proc->group->spec->root, proc->pid, (int)(took / SECOND),
              (int)(took % SECOND / (SECOND / 100)));
    app_group_look(proc->group);
    start_queue_serve(proc->core);
}

void app_preloader_ended(app_process_t *proc)
{
    app_group_t *group = proc->group;
    const char *step = proc->failure.step;

    apr_hash_set(proc->core->apps->preloaders, &proc->index,
                 sizeof(proc->index), NULL);
    if (group->preloader == proc) {
        group->preloader = NULL;
    }
    if (proc->unwanted) {
        return;
    }
    if (!step || strcmp(step, "load") != 0) {
        note_failure(group);
    }
    if (!proc->was_ready) {
        app_group_start_failed(group, proc);
        return;
    }
    agent_log(
        PSG_LOG_WARN,
        "PSG2164: app '%s': preloader %d ended by itself (%s); a new one "
        "is started when a process is needed",
        group->spec->root, proc->pid,
        spawn_report_how_it_ended(proc, event_loop_scratch(proc->core->loop)));
}

uint32_t app_preloader_count(const app_group_t *group)
{
    uint32_t count = 0;

    for (int state = 0; state < PSG_PROCESS_STATE_COUNT; state++) {
        count += group->preloaders[state];
    }
    return count;
}

void app_preloader_end(app_group_t *group, const char *why)
{
    apr_pool_t *scratch = event_loop_scratch(group->core->loop);

    for (apr_hash_index_t *i =
             apr_hash_first(scratch, group->core->apps->preloaders);
         i; i = apr_hash_next(i)) {
        app_process_t *preloader = apr_hash_this_val(i);

        if (preloader->group == group) {
            retire(preloader, why);
        }
    }
}

/* Whether it was the group's preloader until a new one was ready. */
static int is_replaced(const app_process_t *preloader)
{
    const app_process_t *present = preloader->group->preloader;

    return present && present != preloader
           && present->state == PSG_PROCESS_READY;
}

static int is_idle_for_long(const app_process_t *preloader, uint64_t now)
{
    uint64_t limit =
        (uint64_t)preloader->group->spec->options->max_preloader_idle_time
        * SECOND;
    uint64_t since = preloader->last_fork > preloader->ready_since
                         ? preloader->last_fork
                         : preloader->ready_since;

    return limit > 0 && preloader->state == PSG_PROCESS_READY
           && now >= since + limit;
}

void app_preloader_tidy(core_t *core, uint64_t now)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->preloaders);
         i; i = apr_hash_next(i)) {
        app_process_t *preloader = apr_hash_this_val(i);

        if (is_replaced(preloader)) {
            retire(preloader, "there is a new preloader");
        }
        else if (preloader->group->always_restart) {
            retire(preloader, "always_restart.txt is there");
        }
        else if (is_idle_for_long(preloader, now)) {
            retire(preloader, "it forked nothing for long");
        }
    }
}

void app_preloader_check_memory(app_process_t *preloader, int used, int limit)
{
    if (preloader->state != PSG_PROCESS_READY) {
        return;
    }
    if (preloader->loaded_size == 0) {
        preloader->loaded_size = used;
    }
    if (limit > 0 && used > limit && preloader->loaded_size <= limit) {
        retire(preloader, "it takes more memory than PassengerMemoryLimit "
                          "allows");
    }
}

void app_preloader_restarted(app_group_t *group)
{
    app_process_t *preloader = group->preloader;

    if (preloader && preloader->state == PSG_PROCESS_READY) {
        preloader->last_fork = event_loop_now(group->core->loop);
    }
    group->preload_failures = 0;
    group->direct_until = 0;
}
