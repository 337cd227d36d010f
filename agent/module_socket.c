/* SPDX-License-Identifier: Apache-2.0 */

/* Serves the module's agent_client.c: one connection for each child of httpd,
 * known by its credentials and its row on the scoreboard. Called by the loop. */
#include "module_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_limits.h"
#include "app_pool.h"
#include "app_rest.h"
#include "child_watch.h"
#include "listener.h"
#include "scoreboard_writer.h"
#include "wire.h"

enum {
    SECOND = 1000000,
    CONNECTIONS_MAX = 2 * PSG_MAX_CHILDREN,
    MESSAGES_PER_TURN = 32,
    /* A process that cannot be reached so often within so long is replaced. */
    SUSPECT_COUNT = 3,
    SUSPECT_TIME = 10 * SECOND,
};

struct module_socket_t {
    listener_t listener;
    uint32_t connections;
    char *frame;
};

typedef struct {
    core_t *core;
    apr_pool_t *pool;
    event_source_t source;
    int fd;
    int pid;
    uint32_t row;   /* PSG_NONE before HELLO */
    uint64_t since; /* when it came */
} connection_t;

static void close_connection(connection_t *connection)
{
    event_source_unwatch(&connection->source);
    (void)close(connection->fd);
    connection->core->module->connections--;
    apr_pool_destroy(connection->pool);
}

static int on_hello(connection_t *connection, const psg_msg_hello_t *hello)
{
    const psg_scoreboard_t *sb = connection->core->sb;
    const psg_child_t *child;

    if (hello->version != PSG_WIRE_VERSION || hello->row >= PSG_MAX_CHILDREN) {
        return 0;
    }
    child = &sb->children[hello->row];
    if (child->pid != connection->pid
        || child->generation != hello->row_generation) {
        return 0;
    }
    connection->row = hello->row;
    child_watch_add(connection->core, hello->row);
    return 1;
}

/* Whether the child has the configuration we have. A new child may come a
 * little before it: that goes through the watchdog. */
static int is_current(const connection_t *connection)
{
    return connection->since + SECOND >= connection->core->configured_at;
}

static int on_group(connection_t *connection, const psg_msg_group_t *msg)
{
    core_t *core = connection->core;
    psg_refusal_e refusal;
    app_group_t *group;

    if (msg->slot / PSG_SLOTS_PER_CHILD != connection->row) {
        return 0; /* not one of its own */
    }
    if (app_pool_find(core, msg, is_current(connection), &group, &refusal)
        == APR_SUCCESS) {
        scoreboard_slot_answer(core->writer, msg->slot, msg->ticket,
                               group->index, group->generation);
    }
    else {
        scoreboard_slot_refuse(core->writer, msg->slot, msg->ticket, refusal);
    }
    return 1;
}

static void on_waiters(core_t *core, const psg_msg_waiters_t *msg)
{
    app_group_t *group =
        app_pool_group(core, msg->group, msg->group_generation);

    if (group) {
        app_group_look(group);
    }
}

static void on_warm(core_t *core, const psg_msg_warm_t *msg)
{
    app_group_t *group =
        app_pool_group(core, msg->group, msg->group_generation);

    if (group) {
        app_group_pre_start(group);
    }
}

static void on_drained(core_t *core, const psg_msg_drained_t *msg)
{
    app_process_t *proc =
        app_pool_process(core, msg->process, msg->process_generation);

    if (proc) {
        app_process_check_drained(proc);
    }
}

static void on_resting(core_t *core, const psg_msg_resting_t *msg)
{
    app_process_t *proc =
        app_pool_process(core, msg->process, msg->process_generation);

    if (proc) {
        app_rest_begin(proc);
    }
}

static void on_exhausted(core_t *core, const psg_msg_exhausted_t *msg)
{
    app_process_t *proc =
        app_pool_process(core, msg->process, msg->process_generation);

    if (proc) {
        app_limits_check_requests(proc);
    }
}

/* One failure means little: perhaps the process just died, which its EXITED
 * will tell. One that stays and cannot be reached is of no use. */
static void on_suspect(core_t *core, const psg_msg_suspect_t *msg)
{
    app_process_t *proc =
        app_pool_process(core, msg->process, msg->process_generation);
    uint64_t now = event_loop_now(core->loop);

    if (!proc || proc->state != PSG_PROCESS_READY) {
        return;
    }
    if (now - proc->suspect_since > SUSPECT_TIME) {
        proc->suspect_since = now;
        proc->suspected = 0;
    }
    if (++proc->suspected >= SUSPECT_COUNT) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2060: app '%s': process %d cannot be reached (%.*s); it "
                  "is replaced",
                  proc->group->spec->root, proc->pid,
                  msg->reason.len > 200 ? 200 : (int)msg->reason.len,
                  msg->reason.data);
        app_process_drain(proc, "it cannot be reached");
    }
}

/* 0: the peer is not what it should be. */
static int handle(connection_t *connection, const psg_message_t *msg)
{
    core_t *core = connection->core;

    if (msg->number == PSG_MSG_HELLO) {
        return connection->row == PSG_NONE
               && on_hello(connection, &msg->as.hello);
    }
    if (connection->row == PSG_NONE) {
        return 0;
    }
    switch (msg->number) {
    case PSG_MSG_GROUP:
        return on_group(connection, &msg->as.group);
    case PSG_MSG_WAITERS:
        on_waiters(core, &msg->as.waiters);
        return 1;
    case PSG_MSG_WARM:
        on_warm(core, &msg->as.warm);
        return 1;
    case PSG_MSG_DRAINED:
        on_drained(core, &msg->as.drained);
        return 1;
    case PSG_MSG_RESTING:
        on_resting(core, &msg->as.resting);
        return 1;
    case PSG_MSG_EXHAUSTED:
        on_exhausted(core, &msg->as.exhausted);
        return 1;
    case PSG_MSG_SUSPECT:
        on_suspect(core, &msg->as.suspect);
        return 1;
    default:
        return 0;
    }
}

static void close_fds(const int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        (void)close(fds[i]);
    }
}

/* The end of the connection is not the end of the child: child_watch knows. */
static void on_readable(void *baton)
{
    connection_t *connection = baton;
    psg_message_t msg;
    int fds[PSG_FRAME_MAX_FDS], count;

    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        apr_status_t rv = psg_wire_recv(
            connection->fd, &msg, connection->core->module->frame, fds, &count);

        if (APR_STATUS_IS_EAGAIN(rv)) {
            return;
        }
        close_fds(fds, count); /* a child has none to give */
        if (rv == APR_SUCCESS && handle(connection, &msg)) {
            continue;
        }
        if (!APR_STATUS_IS_EOF(rv)) {
            /* A child that died while there was no core says hello, too. */
            int is_late = rv == APR_SUCCESS && msg.number == PSG_MSG_HELLO;

            agent_log(is_late ? PSG_LOG_INFO : PSG_LOG_WARN,
                      "PSG2061: httpd's process %d sent what it may not (%s); "
                      "its connection is closed",
                      connection->pid,
                      rv == APR_SUCCESS ? psg_wire_name(msg.number)
                                        : "no message");
        }
        close_connection(connection);
        return;
    }
}

/* Only httpd's children and root may talk to us. */
static int peer_is_allowed(const core_t *core, int fd, int *pid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
        return 0;
    }
    *pid = peer.pid;
    return peer.uid == core->httpd_uid || peer.uid == 0;
}

static apr_status_t add_connection(core_t *core, int fd, int pid)
{
    connection_t *connection;
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, core->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    connection = apr_pcalloc(pool, sizeof(*connection));
    connection->core = core;
    connection->pool = pool;
    connection->fd = fd;
    connection->pid = pid;
    connection->row = PSG_NONE;
    connection->since = event_loop_now(core->loop);
    rv = event_source_watch(&connection->source, core->loop, fd, on_readable,
                            connection);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    core->module->connections++;
    return APR_SUCCESS;
}

static void welcome(void *baton, int fd)
{
    core_t *core = baton;
    int pid = 0;

    if (!peer_is_allowed(core, fd, &pid)) {
        agent_log(PSG_LOG_WARN,
                  "PSG2062: process %d is not httpd's; it is turned away", pid);
        (void)close(fd);
    }
    else if (core->module->connections >= CONNECTIONS_MAX
             || add_connection(core, fd, pid) != APR_SUCCESS) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2063: no room for one more connection of httpd");
        (void)close(fd);
    }
}

apr_status_t module_socket_create(core_t *core)
{
    core->module = apr_pcalloc(core->pool, sizeof(*core->module));
    core->module->frame = apr_palloc(core->pool, PSG_FRAME_MAX);
    return listener_start(&core->module->listener, core->loop, CORE_FD_MODULE,
                          "httpd", welcome, core);
}
