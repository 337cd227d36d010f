/* SPDX-License-Identifier: Apache-2.0 */

/* This child's connection to the core: one socket, shared by all threads, made
 * again whenever the core is a new one. Called by handler.c. */

#include "agent_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <http_log.h>

#include "app_identity.h"
#include "lookup_cache.h"
#include "set_env.h"
#include "wire.h"

APLOG_USE_MODULE(passenger);

enum {
    REMEMBERED = 4096, /* groups of one child */
    TICK = 250000,     /* microseconds between two looks after the connection */
};

/* What a group is remembered as. */
typedef struct {
    uint32_t group, generation;
} place_t;

static struct {
    psg_httpd_child_t *child;
    psg_lookup_cache_t *groups;
    struct sockaddr_un address;
    uid_t agent; /* owner of the instance dir */
    uint64_t last_ticket;

    apr_thread_mutex_t *mutex; /* guards what follows */
    int fd;                    /* -1: not connected */
    uint32_t connections;      /* how many there have been, this one included */
} client;

static void disconnect(void)
{
    if (client.fd >= 0) {
        close(client.fd);
    }
    client.fd = -1;
}

/* Nobody else can make a socket in the instance dir; this is a second wall. */
static int peer_is_agent(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0
           && (peer.uid == 0 || peer.uid == geteuid()
               || peer.uid == client.agent);
}

static apr_status_t introduce(void)
{
    const psg_child_t *row = &client.child->sb->children[client.child->row];
    psg_message_t msg = {
        .number = PSG_MSG_HELLO,
        .as.hello = {.version = PSG_WIRE_VERSION,
                     .row = client.child->row,
                     .row_generation = row->generation},
    };

    return psg_wire_send(client.fd, &msg, NULL, 0, 0);
}

/* With the mutex held. Never waits: the socket is local, and its queue is held
 * by the watchdog, so it is there while the core is being restarted. */
static apr_status_t connect_to_core(void)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    apr_status_t status;

    if (fd < 0) {
        return errno;
    }
    if (connect(fd, (struct sockaddr *)&client.address, sizeof(client.address))
        != 0) {
        status = errno;
        close(fd);
        return status;
    }
    if (!peer_is_agent(fd)) {
        close(fd);
        return APR_EACCES;
    }
    client.fd = fd;
    client.connections++;
    status = introduce();
    if (status != APR_SUCCESS) {
        disconnect();
    }
    return status;
}

/* With the mutex held: a connection to a living core, if there can be one. The
 * core sends nothing, so whatever is there to read is the end. */
static apr_status_t ensure_connected(void)
{
    char byte;

    if (client.fd >= 0 && recv(client.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0
        && (errno == EAGAIN || errno == EINTR)) {
        return APR_SUCCESS;
    }
    disconnect();
    return connect_to_core();
}

apr_status_t psg_agent_client_init(psg_httpd_child_t *child)
{
    const char *path =
        apr_pstrcat(child->pool, child->instance_dir, "/agent.sock", NULL);
    struct stat info;
    apr_status_t status;

    client.child = child;
    client.fd = -1;
    client.last_ticket = psg_now();
    client.address.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(client.address.sun_path)) {
        return APR_ENAMETOOLONG;
    }
    apr_cpystrn(client.address.sun_path, path, sizeof(client.address.sun_path));
    client.agent = stat(child->instance_dir, &info) == 0 ? info.st_uid : 0;
    status = apr_thread_mutex_create(&client.mutex, APR_THREAD_MUTEX_DEFAULT,
                                     child->pool);
    if (status == APR_SUCCESS) {
        status =
            psg_lookup_cache_create(&client.groups, REMEMBERED, child->pool);
    }
    if (status == APR_SUCCESS) {
        psg_agent_check(); /* now, so that the core notices this child's end */
    }
    return status;
}

void psg_agent_check(void)
{
    apr_thread_mutex_lock(client.mutex);
    ensure_connected();
    apr_thread_mutex_unlock(client.mutex);
}

static psg_bytes_t bytes_of(const char *text)
{
    psg_bytes_t bytes = {text ? text : "", text ? strlen(text) : 0};

    return bytes;
}

/* A message without an answer. */
static void tell(const psg_message_t *msg)
{
    apr_status_t status;

    apr_thread_mutex_lock(client.mutex);
    status = ensure_connected();
    if (status == APR_SUCCESS) {
        status = psg_wire_send(client.fd, msg, NULL, 0, 0);
    }
    if (status != APR_SUCCESS && !APR_STATUS_IS_EAGAIN(status)) {
        disconnect();
    }
    apr_thread_mutex_unlock(client.mutex);
}

void psg_agent_tell_waiters(uint32_t group, uint32_t generation)
{
    tell(&(psg_message_t){.number = PSG_MSG_WAITERS,
                          .as.waiters = {group, generation}});
}

void psg_agent_tell_warm(uint32_t group, uint32_t generation)
{
    tell(&(psg_message_t){.number = PSG_MSG_WARM,
                          .as.warm = {group, generation}});
}

void psg_agent_tell_drained(uint32_t process, uint32_t generation)
{
    tell(&(psg_message_t){.number = PSG_MSG_DRAINED,
                          .as.drained = {process, generation}});
}

void psg_agent_tell_resting(uint32_t process, uint32_t generation)
{
    tell(&(psg_message_t){.number = PSG_MSG_RESTING,
                          .as.resting = {process, generation}});
}

void psg_agent_tell_exhausted(uint32_t process, uint32_t generation)
{
    tell(&(psg_message_t){.number = PSG_MSG_EXHAUSTED,
                          .as.exhausted = {process, generation}});
}

void psg_agent_tell_suspect(uint32_t process, uint32_t generation,
                            const char *reason)
{
    tell(&(psg_message_t){
        .number = PSG_MSG_SUSPECT,
        .as.suspect = {process, generation, bytes_of(reason)}});
}

/* The question; its options are encoded into buf. Returns 0 if they do not fit. */
static int make_question(psg_message_t *msg, const psg_request_t *req,
                         char *buf, size_t size, apr_pool_t *pool)
{
    const psg_app_t *app = &req->app;
    psg_msg_group_t *group = &msg->as.group;
    psg_options_t options = *req->options;

    options.set = psg_app_identity_rows(&options);
    psg_set_env_add(&options, req->env, pool);
    msg->number = PSG_MSG_GROUP;
    group->owner = app->owner;
    group->owner_gid = app->owner_gid;
    group->app_root = bytes_of(app->root);
    group->app_type = bytes_of(app->type ? app->type->name : NULL);
    group->startup_file = bytes_of(app->startup_file);
    group->base_uri = bytes_of(app->base_uri);
    group->options.data = buf;
    group->options.len =
        psg_options_encode(&options, 1u << PSG_SCOPE_APP, buf, size);
    return group->options.len > 0;
}

/* Sends the question, unless this connection has it already; *sent is the
 * number of the connection that has it. Fails silently: the next tick tries
 * again. */
static void send_question(const psg_message_t *msg, uint32_t *sent)
{
    apr_status_t status;

    apr_thread_mutex_lock(client.mutex);
    status = ensure_connected();
    if (status == APR_SUCCESS && *sent != client.connections) {
        status = psg_wire_send(client.fd, msg, NULL, 0, 0);
        if (status == APR_SUCCESS) {
            *sent = client.connections;
        }
        else if (!APR_STATUS_IS_EAGAIN(status)) {
            disconnect();
        }
    }
    apr_thread_mutex_unlock(client.mutex);
}

/* Waits for the answer to a question of `slot`. One that does not come in time
 * is withdrawn by psg_slot_free(), or replaced by the slot's next question. */
static apr_status_t await_answer(place_t *place, const psg_message_t *msg,
                                 uint32_t slot, uint64_t deadline)
{
    psg_scoreboard_t *sb = client.child->sb;
    const psg_slot_t *answer = &sb->slots[slot];
    uint32_t sent = 0;
    uint64_t now;

    while ((now = psg_now()) < deadline) {
        uint64_t left = deadline - now;

        send_question(msg, &sent);
        switch (psg_slot_wait_answer(sb, slot, left < TICK ? left : TICK)) {
        case PSG_SLOT_ANSWERED:
            place->group = answer->group;
            place->generation = answer->group_generation;
            return place->group < PSG_MAX_GROUPS ? APR_SUCCESS : APR_EINVAL;
        case PSG_SLOT_REFUSED:
            return APR_EINVAL;
        default:
            break;
        }
    }
    return APR_TIMEUP;
}

static apr_status_t ask(place_t *place, const psg_request_t *req, uint32_t slot,
                        uint64_t deadline, apr_pool_t *pool)
{
    char options[PSG_GROUP_OPTIONS_SIZE];
    psg_message_t msg;

    if (!make_question(&msg, req, options, sizeof(options), pool)) {
        return APR_ENOSPC;
    }
    msg.as.group.slot = slot;
    msg.as.group.ticket =
        __atomic_add_fetch(&client.last_ticket, 1, __ATOMIC_RELAXED);
    psg_slot_ask(client.child->sb, slot, msg.as.group.ticket);
    return await_answer(place, &msg, slot, deadline);
}

apr_status_t psg_agent_find_group(request_rec *r, const psg_request_t *req,
                                  uint32_t slot, uint64_t deadline,
                                  uint32_t *group, uint32_t *generation)
{
    char identity[PSG_GROUP_OPTIONS_SIZE];
    size_t len = psg_app_identity(identity, sizeof(identity), req);
    apr_status_t status = APR_SUCCESS;
    place_t place;

    if (!len
        || !psg_lookup_cache_get(client.groups, identity, len, &place,
                                 sizeof(place))) {
        status = len ? ask(&place, req, slot, deadline, r->pool) : APR_ENOSPC;
        if (status == APR_SUCCESS) {
            psg_lookup_cache_put(client.groups, identity, len, &place,
                                 sizeof(place));
        }
    }
    if (status == APR_ENOSPC) {
        ap_log_rerror(
            APLOG_MARK, APLOG_ERR, 0, r,
            "PSG0035: the options of the app '%s' are longer than %d bytes; "
            "look for a long value in its configuration or .htaccess",
            req->app.root, PSG_GROUP_OPTIONS_SIZE);
    }
    if (status == APR_SUCCESS) {
        *group = place.group;
        *generation = place.generation;
    }
    return status;
}

void psg_agent_forget_group(uint32_t group, uint32_t generation)
{
    const place_t place = {.group = group, .generation = generation};

    psg_lookup_cache_forget(client.groups, &place, sizeof(place));
}
