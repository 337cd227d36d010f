/* SPDX-License-Identifier: Apache-2.0 */

/* Talks to the watchdog. The order of what comes at first is: CONFIG, an ADOPT
 * for each living process, ADOPTED; later anything. Called by the loop. */
#include "watchdog_link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_pool.h"
#include "event_hooks.h"
#include "app_preloader.h"
#include "app_restore.h"
#include "watcher_process.h"

enum {
    SEND_WAIT_MS = 1000,
    MESSAGES_PER_TURN = 64,
    FD_COUNT = 3, /* control, output, listening */
};

struct watchdog_link_t {
    event_source_t source;
    apr_pool_t *options_pool; /* of core->options */
    char *frame;
    int is_complete, has_ended;
};

apr_status_t watchdog_link_send(core_t *core, const psg_message_t *msg)
{
    apr_status_t rv;
    char text[128];

    if (core->watchdog->has_ended) {
        return APR_EOF;
    }
    rv = psg_wire_send(CORE_FD_WATCHDOG, msg, NULL, 0, SEND_WAIT_MS);
    if (rv != APR_SUCCESS) {
        agent_log(PSG_LOG_ERROR, "PSG2150: cannot send %s to the watchdog: %s",
                  psg_wire_name(msg->number),
                  apr_strerror(rv, text, sizeof(text)));
    }
    return rv;
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        (void)close(fds[i]);
    }
}

/* The log may have been rotated or moved: fd 2 becomes what came along. */
static void take_log(const int *fds, int count)
{
    if (count > 0 && dup2(fds[0], STDERR_FILENO) < 0) {
        agent_log(PSG_LOG_ERROR, "PSG2151: cannot switch to the new log file");
    }
    close_all(fds, count);
}

static void on_config(core_t *core, const psg_msg_config_t *config)
{
    apr_pool_t *pool, *old = core->watchdog->options_pool;
    psg_options_t *options;

    if (apr_pool_create(&pool, core->pool) != APR_SUCCESS) {
        return;
    }
    if (psg_options_decode(&options, config->options.data, config->options.len,
                           pool)
        != APR_SUCCESS) {
        agent_log(PSG_LOG_ERROR, "PSG2152: the configuration from httpd cannot "
                                 "be understood; the one before stays");
        apr_pool_destroy(pool);
        return;
    }
    core->options = options;
    core->watchdog->options_pool = pool;
    core->httpd_uid = config->httpd_uid;
    core->httpd_gid = config->httpd_gid;
    agent_log_set_level(options->log_level);
    agent_log_set_bare_output(options->disable_log_prefix);
    if (old) {
        apr_pool_destroy(old);
    }
    core->configured_at = event_loop_now(core->loop);
    if (core->configured++ == 0) {
        app_restore_groups(core);
    }
    app_pool_keep_recent(core);
    event_hooks_configured(core);
}

static void signal_unknown(core_t *core, uint32_t process, uint32_t generation)
{
    psg_message_t msg = {.number = PSG_MSG_SIGNAL};

    msg.as.signal.process = process;
    msg.as.signal.process_generation = generation;
    msg.as.signal.signal = 9; /* SIGKILL: nobody will ever talk to it */
    (void)watchdog_link_send(core, &msg);
}

static void on_spawned(core_t *core, const psg_msg_spawned_t *spawned,
                       const int *fds, int count)
{
    app_process_t *proc =
        app_pool_process(core, spawned->process, spawned->process_generation);

    if (count == FD_COUNT
        && watcher_process_attach(core, spawned->process,
                                  spawned->process_generation,
                                  (int)spawned->pid, fds)) {
        return;
    }
    if (count != FD_COUNT || !proc || proc->control) {
        agent_log(PSG_LOG_WARN,
                  "PSG2153: process %u (pid %u) is not one that was asked for; "
                  "it is killed",
                  spawned->process, spawned->pid);
        close_all(fds, count);
        signal_unknown(core, spawned->process, spawned->process_generation);
        return;
    }
    proc->group->uid = spawned->uid;
    app_process_attach(proc, (int)spawned->pid, fds);
}

static void note_user(core_t *core, const psg_msg_adopt_t *adopt)
{
    app_process_t *proc =
        app_pool_process(core, adopt->process, adopt->process_generation);

    if (proc) {
        proc->group->uid = adopt->uid;
    }
}

static void on_adopt(core_t *core, const psg_msg_adopt_t *adopt, const int *fds,
                     int count)
{
    apr_status_t rv = APR_EINVAL;

    if (watcher_process_adopt(core, adopt->process,
                              adopt->process_generation)) {
        close_all(fds, count);
        return;
    }
    if (count == FD_COUNT) {
        rv =
            app_restore_process(core, adopt->process, adopt->process_generation,
                                (int)adopt->pid, fds);
    }
    if (rv == APR_SUCCESS) {
        note_user(core, adopt);
    }
    if (rv != APR_SUCCESS) {
        agent_log(PSG_LOG_WARN,
                  "PSG2154: process %u (pid %u), started by an earlier core, "
                  "is not on the scoreboard; it is killed",
                  adopt->process, adopt->pid);
        close_all(fds, count);
        signal_unknown(core, adopt->process, adopt->process_generation);
    }
}

static void on_adopted(core_t *core, const psg_msg_adopted_t *adopted)
{
    if (core->configured > 0 && !core->watchdog->is_complete) {
        agent_log(PSG_LOG_INFO,
                  "PSG2155: the core takes over %u processes of %u groups",
                  app_pool_size(core), apr_hash_count(core->apps->groups));
        (void)adopted;
        core->watchdog->is_complete = 1;
        app_restore_end(core);
    }
}

static void on_spawn_failed(core_t *core, const psg_msg_spawn_failed_t *failed)
{
    app_process_t *proc =
        app_pool_process(core, failed->process, failed->process_generation);

    const char *reason =
        apr_pstrmemdup(event_loop_scratch(core->loop), failed->reason.data,
                       failed->reason.len);

    if (proc) {
        app_process_lost(proc, reason);
    }
    else {
        (void)watcher_process_ended(core, failed->process,
                                    failed->process_generation, reason);
    }
}

static void on_forkable(core_t *core, const psg_msg_forkable_t *forkable,
                        const int *fds, int count)
{
    const app_process_t *proc =
        app_pool_process(core, forkable->process, forkable->process_generation);

    if (proc) {
        app_preloader_fork(proc, fds, count);
    }
}

static void on_exited(core_t *core, const psg_msg_exited_t *exited)
{
    app_process_t *proc =
        app_pool_process(core, exited->process, exited->process_generation);

    if (proc) {
        app_process_exited(proc, (int)exited->status);
    }
    else {
        (void)watcher_process_ended(core, exited->process,
                                    exited->process_generation, "it ended");
    }
}

static void leave(core_t *core)
{
    event_source_unwatch(&core->watchdog->source);
    core->watchdog->has_ended = 1;
}

static void on_end(core_t *core, const psg_msg_end_t *msg)
{
    agent_log(PSG_LOG_INFO,
              "PSG2157: the agent ends: %.*s; apps are told to stop",
              (int)msg->reason.len, msg->reason.data);
    leave(core);
    core->stopping = 1;
    app_pool_stop(core, "the agent ends");
}

static void handle(core_t *core, const psg_message_t *msg, const int *fds,
                   int count)
{
    switch (msg->number) {
    case PSG_MSG_CONFIG:
        take_log(fds, count);
        on_config(core, &msg->as.config);
        return;
    case PSG_MSG_SPAWNED:
        on_spawned(core, &msg->as.spawned, fds, count);
        return;
    case PSG_MSG_ADOPT:
        on_adopt(core, &msg->as.adopt, fds, count);
        return;
    case PSG_MSG_ADOPTED:
        on_adopted(core, &msg->as.adopted);
        break;
    case PSG_MSG_FORKABLE:
        on_forkable(core, &msg->as.forkable, fds, count);
        break;
    case PSG_MSG_SPAWN_FAILED:
        on_spawn_failed(core, &msg->as.spawn_failed);
        break;
    case PSG_MSG_EXITED:
        on_exited(core, &msg->as.exited);
        break;
    case PSG_MSG_END:
        on_end(core, &msg->as.end);
        break;
    default:
        agent_log(PSG_LOG_WARN, "PSG2156: %s is not for the core; ignored",
                  psg_wire_name(msg->number));
        break;
    }
    close_all(fds, count);
}

static void on_readable(void *baton)
{
    core_t *core = baton;
    psg_message_t msg;
    int fds[PSG_FRAME_MAX_FDS], count;

    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        apr_status_t rv = psg_wire_recv(CORE_FD_WATCHDOG, &msg,
                                        core->watchdog->frame, fds, &count);

        if (APR_STATUS_IS_EAGAIN(rv)) {
            return;
        }
        if (rv == APR_EINVAL) {
            agent_log(PSG_LOG_ERROR,
                      "PSG2158: a message of the watchdog is no message");
            close_all(fds, count);
            continue;
        }
        if (rv != APR_SUCCESS) {
            leave(core); /* the apps belong to the next watchdog's core */
            return;
        }
        handle(core, &msg, fds, count);
        if (core->watchdog->has_ended) {
            return;
        }
    }
}

apr_status_t watchdog_link_create(core_t *core)
{
    watchdog_link_t *link = apr_pcalloc(core->pool, sizeof(*link));
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(CORE_FD_WATCHDOG, SOL_SOCKET, SO_PEERCRED, &peer, &len)
        < 0) {
        return errno;
    }
    core->can_switch_user = peer.uid == 0;
    link->frame = apr_palloc(core->pool, PSG_FRAME_MAX);
    core->watchdog = link;
    return event_source_watch(&link->source, core->loop, CORE_FD_WATCHDOG,
                              on_readable, core);
}

int watchdog_link_is_complete(const core_t *core)
{
    return core->watchdog->is_complete;
}

int watchdog_link_has_ended(const core_t *core)
{
    return core->watchdog->has_ended;
}
