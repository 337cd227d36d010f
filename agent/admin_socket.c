/* SPDX-License-Identifier: Apache-2.0 */

/* The connections of the admin socket: who it is, a line, its answer. Called by
 * the loop; what lines say is admin_request's, what follows admin_command's. */
#include "admin_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_ring.h>

#include "admin_command.h"
#include "agent_log.h"
#include "listener.h"
#include "stall_alarm.h"

enum {
    SECOND = 1000000,
    /* Of them some are kept for administrators, and nobody gets all others. */
    CONNECTIONS_MAX = 64,
    CONNECTIONS_OF_USERS = 48,
    CONNECTIONS_OF_ONE_USER = 8,
    /* A peer that says nothing, or does not read, for so long is dropped. */
    PATIENCE = 10 * SECOND,
    /* The loop does not tell when a socket takes more, so that is tried. */
    WRITE_AGAIN = SECOND / 100,
    /* Between two lines of a connection, so that nobody has the core for
     * himself. */
    PAUSE = SECOND / 20,
};

typedef struct connection_t {
    APR_RING_ENTRY(connection_t) link;
    core_t *core;
    apr_pool_t *pool;
    event_source_t source;
    event_timer_t deadline;
    event_timer_t go_on; /* writing, or with the next line */
    int fd;
    uid_t uid;
    size_t len; /* of what is in `line` */
    char *answer;
    size_t answer_len, sent;
    char line[ADMIN_LINE_MAX + 1];
} connection_t;

struct admin_socket_t {
    listener_t listener;
    APR_RING_HEAD(connections_t, connection_t) connections;
};

static void on_readable(void *baton);

static void close_connection(connection_t *connection)
{
    event_timer_clear(&connection->deadline);
    event_timer_clear(&connection->go_on);
    event_source_unwatch(&connection->source);
    stall_alarm_close(connection->fd);
    free(connection->answer);
    APR_RING_REMOVE(connection, link);
    apr_pool_destroy(connection->pool);
}

static void on_deadline(void *baton)
{
    close_connection(baton);
}

static void extend(connection_t *connection)
{
    event_loop_t *loop = connection->core->loop;

    event_timer_set(&connection->deadline, loop,
                    event_loop_now(loop) + PATIENCE, on_deadline, connection);
}

static int is_admin(const core_t *core, uid_t uid)
{
    return admin_request_is_of_admin(uid, core->can_switch_user, geteuid());
}

static int handle_line(connection_t *connection);

/* The next line can come; perhaps it is here. */
static void on_end_of_pause(void *baton)
{
    connection_t *connection = baton;

    if (!handle_line(connection)
        && event_source_watch(&connection->source, connection->core->loop,
                              connection->fd, on_readable, connection)
               != APR_SUCCESS) {
        close_connection(connection);
    }
}

static void answered(connection_t *connection)
{
    event_loop_t *loop = connection->core->loop;

    free(connection->answer);
    connection->answer = NULL;
    extend(connection);
    event_timer_set(&connection->go_on, loop, event_loop_now(loop) + PAUSE,
                    on_end_of_pause, connection);
}

/* Sends what the peer takes now, and tries again until it has all. */
static void send_some(void *baton)
{
    connection_t *connection = baton;
    event_loop_t *loop = connection->core->loop;
    ssize_t sent = send(connection->fd, connection->answer + connection->sent,
                        connection->answer_len - connection->sent,
                        MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        close_connection(connection);
        return;
    }
    if (sent > 0) {
        connection->sent += (size_t)sent;
        extend(connection);
    }
    if (connection->sent == connection->answer_len) {
        answered(connection);
        return;
    }
    event_timer_set(&connection->go_on, loop,
                    event_loop_now(loop) + WRITE_AGAIN, send_some, connection);
}

/* Nothing is read until the answer is gone. Takes over the answer. */
static void answer(connection_t *connection, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

    json_decref(object);
    if (!text) {
        close_connection(connection);
        return;
    }
    event_source_unwatch(&connection->source);
    connection->answer = text;
    connection->answer_len = strlen(text) + 1;
    text[connection->answer_len - 1] = '\n';
    connection->sent = 0;
    send_some(connection);
}

static json_t *run_line(const connection_t *connection, size_t len)
{
    core_t *core = connection->core;
    admin_request_t request;
    const char *problem;

    if (admin_request_parse(&request, &problem, connection->line, len,
                            event_loop_scratch(core->loop))
        != APR_SUCCESS) {
        return admin_command_refuse("bad_request", problem);
    }
    return admin_command_run(core, &request, connection->uid);
}

/* Handles the first line there is, if there is one; 0 if not. connection may be
 * gone afterwards. */
static int handle_line(connection_t *connection)
{
    char *end = memchr(connection->line, '\n', connection->len);
    size_t taken;
    json_t *object;

    if (!end) {
        return 0;
    }
    object = run_line(connection, (size_t)(end - connection->line));
    taken = (size_t)(end - connection->line) + 1;
    connection->len -= taken;
    memmove(connection->line, connection->line + taken, connection->len);
    answer(connection, object);
    return 1;
}

static void on_readable(void *baton)
{
    connection_t *connection = baton;
    size_t room = sizeof(connection->line) - connection->len;
    ssize_t got;

    if (room == 0) {
        agent_log(PSG_LOG_WARN,
                  "PSG2080: uid %lu sent a line of more than %d bytes to the "
                  "admin socket; its connection is closed",
                  (unsigned long)connection->uid, ADMIN_LINE_MAX);
        close_connection(connection);
        return;
    }
    stall_alarm_set();
    got = recv(connection->fd, connection->line + connection->len, room,
               MSG_DONTWAIT);
    stall_alarm_clear();
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close_connection(connection);
        return;
    }
    connection->len += got > 0 ? (size_t)got : 0;
    (void)handle_line(connection);
}

/* Whether one more connection of that user is allowed. */
static int has_room(const core_t *core, uid_t uid)
{
    const connection_t *other = NULL;
    int all = 0, of_users = 0, of_this = 0;

    APR_RING_FOREACH(other, &core->admin->connections, connection_t, link)
    {
        all++;
        of_users += !is_admin(core, other->uid);
        of_this += other->uid == uid;
    }
    return all < CONNECTIONS_MAX
           && (is_admin(core, uid)
               || (of_users < CONNECTIONS_OF_USERS
                   && of_this < CONNECTIONS_OF_ONE_USER));
}

static apr_status_t add_connection(core_t *core, int fd, uid_t uid)
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
    connection->uid = uid;
    rv = event_source_watch(&connection->source, core->loop, fd, on_readable,
                            connection);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    APR_RING_INSERT_TAIL(&core->admin->connections, connection, connection_t,
                         link);
    extend(connection);
    return APR_SUCCESS;
}

/* Who is turned away sees the end of the connection; not logged, since anybody
 * can cause it as often as he likes. */
static void welcome(void *baton, int fd)
{
    core_t *core = baton;
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0
        || !has_room(core, peer.uid)
        || add_connection(core, fd, peer.uid) != APR_SUCCESS) {
        (void)close(fd);
    }
}

void admin_socket_create(core_t *core)
{
    core->admin = apr_pcalloc(core->pool, sizeof(*core->admin));
    APR_RING_INIT(&core->admin->connections, connection_t, link);
    if (listener_start(&core->admin->listener, core->loop, CORE_FD_ADMIN,
                       "tools", welcome, core)
        != APR_SUCCESS) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2081: there is no admin socket: passenger-agent's "
                  "commands will not work until httpd is started again");
    }
}
