/* SPDX-License-Identifier: Apache-2.0 */

/* Which apps are watched, and what follows from what the watchers see. Called
 * by app_group and app_pool, and by watcher_process. */
#include "restart_watch.h"

#include <string.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_limits.h"
#include "app_pool.h"
#include "app_restart.h"
#include "restart_stamp.h"
#include "scoreboard_writer.h"
#include "watcher_process.h"

enum {
    SECOND = 1000000,
    /* How long an app without processes is watched: it may be between two. */
    LINGER = 10 * SECOND,
    /* A watcher looks once a second. What comes sooner is no watcher's, or was
     * seen before what is going on began. */
    BETWEEN_RESTARTS = SECOND / 2,
};

/* Something that an old version of the app lives on in. */
static int is_running(const app_group_t *group)
{
    return group->first || group->preloader;
}

static const char *folder_of(const app_group_t *group, apr_pool_t *pool)
{
    const char *dir = group->spec->options->restart_dir;

    return dir[0] == '/' ? dir
                         : apr_pstrcat(pool, group->spec->root, "/", dir, NULL);
}

/* What the watcher cannot take now is tried again by the tick. */
static void tell(app_group_t *group)
{
    apr_pool_t *scratch = event_loop_scratch(group->core->loop);
    const psg_group_t *entry = &group->core->sb->groups[group->index];
    const char *dir = folder_of(group, scratch);
    psg_message_t msg = {.number = PSG_MSG_WATCH};

    msg.as.watch.group = group->index;
    msg.as.watch.group_generation = group->generation;
    msg.as.watch.seen = entry->restart_seen;
    msg.as.watch.always = (uint32_t)group->always_restart;
    msg.as.watch.dir.data = dir;
    msg.as.watch.dir.len = strlen(dir);
    group->restart_watch.told =
        watcher_process_send(group->restart_watch.watcher, &msg) == APR_SUCCESS;
}

static void on_started(core_t *core, watcher_t *watcher)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    for (apr_hash_index_t *i = apr_hash_first(scratch, core->apps->groups); i;
         i = apr_hash_next(i)) {
        app_group_t *group = apr_hash_this_val(i);

        if (group->restart_watch.watcher == watcher) {
            tell(group);
        }
    }
}

static void on_restart_seen(app_group_t *group,
                            const psg_msg_restart_seen_t *msg)
{
    uint64_t now = event_loop_now(group->core->loop);

    scoreboard_group_set_restart_seen(group->core->writer, group->index,
                                      msg->seen);
    if (msg->restart && is_running(group)
        && now - group->restart_watch.restarted >= BETWEEN_RESTARTS) {
        group->restart_watch.restarted = now;
        app_restart_group(group, RESTART_FILE_NAME " was touched");
    }
}

/* Processes that served already are replaced by app_limits. */
static void on_always_restart(app_group_t *group, int on)
{
    uint64_t now = event_loop_now(group->core->loop);
    app_process_t *proc;

    if (on == group->always_restart
        || now - group->restart_watch.always_changed < BETWEEN_RESTARTS) {
        return;
    }
    group->restart_watch.always_changed = now;
    group->always_restart = on;
    agent_log(PSG_LOG_NOTICE, "PSG2073: app '%s': %s", group->spec->root,
              on ? RESTART_FILE_ALWAYS_NAME
                  " is there: each process serves one request"
                 : RESTART_FILE_ALWAYS_NAME " is gone");
    for (proc = group->first; proc; proc = proc->next) {
        app_limits_apply(proc);
    }
}

static void log_unwatchable(app_group_t *group, uint32_t error)
{
    apr_pool_t *scratch = event_loop_scratch(group->core->loop);
    char text[128];

    if (group->restart_watch.complained) {
        return;
    }
    group->restart_watch.complained = 1;
    agent_log(PSG_LOG_WARN,
              "PSG2074: app '%s': its user cannot look for " RESTART_FILE_NAME
              " in folder '%s': %s; touching it will not restart the app. "
              "Correct the folder's permissions, or PassengerRestartDir",
              group->spec->root, folder_of(group, scratch),
              error < 4096
                  ? apr_strerror((apr_status_t)error, text, sizeof(text))
                  : "no reason was given");
}

/* Only about apps that are this watcher's to look at. */
static void on_message(core_t *core, watcher_t *watcher,
                       const psg_message_t *msg)
{
    uint32_t index = PSG_NONE, generation = 0;
    app_group_t *group;

    switch (msg->number) {
    case PSG_MSG_RESTART_SEEN:
        index = msg->as.restart_seen.group;
        generation = msg->as.restart_seen.group_generation;
        break;
    case PSG_MSG_ALWAYS_RESTART:
        index = msg->as.always_restart.group;
        generation = msg->as.always_restart.group_generation;
        break;
    case PSG_MSG_UNWATCHABLE:
        index = msg->as.unwatchable.group;
        generation = msg->as.unwatchable.group_generation;
        break;
    default:
        return;
    }
    group = app_pool_group(core, index, generation);
    if (!group || group->restart_watch.watcher != watcher) {
        return;
    }
    if (msg->number == PSG_MSG_RESTART_SEEN) {
        on_restart_seen(group, &msg->as.restart_seen);
    }
    else if (msg->number == PSG_MSG_ALWAYS_RESTART) {
        on_always_restart(group, msg->as.always_restart.on == 1);
    }
    else {
        log_unwatchable(group, msg->as.unwatchable.error);
    }
}

void restart_watch_create(core_t *core)
{
    watcher_process_create(core, on_started, on_message);
}

void restart_watch_update(app_group_t *group)
{
    restart_watch_t *watch = &group->restart_watch;

    if (!group->core->watchers) {
        return;
    }
    if (is_running(group) && !watch->watcher) {
        watch->watcher = watcher_process_use(group->core, group->spec);
    }
    if (watch->watcher) {
        watch->idle_since =
            is_running(group) ? 0 : event_loop_now(group->core->loop);
        if (!watch->told) {
            tell(group);
        }
    }
}

void restart_watch_end(app_group_t *group)
{
    restart_watch_t *watch = &group->restart_watch;
    psg_message_t msg = {.number = PSG_MSG_UNWATCH};

    if (!watch->watcher) {
        return;
    }
    msg.as.unwatch.group = group->index;
    msg.as.unwatch.group_generation = group->generation;
    (void)watcher_process_send(watch->watcher, &msg);
    watcher_process_release(watch->watcher);
    *watch = (restart_watch_t){.restarted = watch->restarted};
    group->always_restart = 0;
    scoreboard_group_set_restart_seen(group->core->writer, group->index,
                                      RESTART_STAMP_UNSEEN);
}

void restart_watch_tick(app_group_t *group, uint64_t now)
{
    restart_watch_t *watch = &group->restart_watch;

    if (!watch->watcher) {
        return;
    }
    if (!is_running(group) && watch->idle_since < now
        && now - watch->idle_since >= LINGER) {
        restart_watch_end(group);
    }
    else if (!watch->told) {
        tell(group);
    }
}
