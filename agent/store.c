/* SPDX-License-Identifier: Apache-2.0 */

/* Records with descriptors in a socket nobody reads: put, renewed, dropped.
 * Called by the watchdog when processes start and end, and by takeover.c. */
#include "store.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent_log.h"
#include "stall_alarm.h"

enum {
    /* Bytes of kernel memory for PSG_MAX_PROCESSES records, some KiB each. A
     * plain user gets less from the kernel: room for some hundred. */
    ROOM = 64 << 20,
    /* A record without BYTES, and more. */
    RECORD_SIZE = 256
};

static int is_socket(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

void store_open(store_t *store, int in, int out)
{
    const int room = ROOM;

    store->in = store->out = -1;
    store->warned = 0;
    if (!is_socket(in) || !is_socket(out)) {
        return;
    }
    store->in = in;
    store->out = out;
    if (setsockopt(out, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0) {
        setsockopt(out, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    }
}

static apr_status_t put(store_t *store, psg_message_t *msg, const int *fds,
                        int fd_count)
{
    msg->as.kept.stamp = psg_now();
    return psg_wire_send(store->out, msg, fds, fd_count, 0);
}

static void warn(store_t *store, apr_status_t rv)
{
    char text[128];

    if (!store->warned) {
        agent_log(
            PSG_LOG_WARN,
            "PSG2250: cannot keep the descriptors of more processes for the "
            "case that the agent dies: %s; further ones would end with it; "
            "raise net.core.wmem_max and the limit of open files (ulimit -n)",
            apr_strerror(rv, text, sizeof(text)));
    }
    store->warned = 1;
}

static apr_status_t put_child(store_t *store, uint32_t process,
                              app_child_t *child)
{
    apr_status_t rv;
    psg_message_t msg = {.number = PSG_MSG_KEPT};
    int fds[CHILD_FD_COUNT + 1], i;

    for (i = 0; i < CHILD_FD_COUNT; i++) {
        fds[i] = child->fds[i];
    }
    fds[CHILD_FD_COUNT] = child->pidfd;
    msg.as.kept.process = process;
    msg.as.kept.process_generation = child->generation;
    msg.as.kept.pid = (uint32_t)child->pid;
    msg.as.kept.kind = child->kind;
    msg.as.kept.uid = child->uid;
    rv = put(store, &msg, fds, CHILD_FD_COUNT + 1);
    child->stored = rv == APR_SUCCESS;
    return rv;
}

static apr_status_t put_socket(store_t *store, int agent_socket)
{
    psg_message_t msg = {.number = PSG_MSG_KEPT};

    msg.as.kept.process = PSG_NONE;
    return put(store, &msg, &agent_socket, 1);
}

void store_put(store_t *store, uint32_t process, app_child_t *child)
{
    apr_status_t rv =
        store->out < 0 ? APR_SUCCESS : put_child(store, process, child);

    if (rv != APR_SUCCESS) {
        warn(store, rv);
    }
}

void store_put_socket(store_t *store, int agent_socket)
{
    apr_status_t rv =
        store->out < 0 ? APR_SUCCESS : put_socket(store, agent_socket);

    if (rv != APR_SUCCESS) {
        warn(store, rv);
    }
}

apr_status_t store_peek(const store_t *store, store_record_t *record, char *buf)
{
    apr_status_t rv = APR_EAGAIN;

    record->fd_count = 0;
    if (store->in >= 0) {
        rv = psg_wire_peek(store->in, &record->msg, buf, record->fds,
                           &record->fd_count);
    }
    /* The other end is ours too, so its end cannot come. */
    return APR_STATUS_IS_EAGAIN(rv) || rv == APR_SUCCESS ? rv : APR_EINVAL;
}

/* Whoever does not ask for descriptors does not get them: they are closed. */
void store_drop(const store_t *store)
{
    char byte;

    stall_alarm_set();
    while (recv(store->in, &byte, 1, MSG_DONTWAIT) < 0 && errno == EINTR) {
    }
    stall_alarm_clear();
}

/* The oldest record without its descriptors; 0 if there is none. */
static int look(const store_t *store, psg_message_t *msg)
{
    char buf[RECORD_SIZE];
    ssize_t len = recv(store->in, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
    size_t used;

    if (len < 0) {
        return 0;
    }
    if (psg_wire_decode(msg, &used, buf, (size_t)len) != APR_SUCCESS
        || msg->number != PSG_MSG_KEPT) {
        msg->number = PSG_MSG_KEPT;
        msg->as.kept.stamp = 0;
        msg->as.kept.process = PSG_MAX_PROCESSES; /* of nobody */
    }
    return 1;
}

/* First the new record, then the old one goes. Only if there is no room for
 * both, it is the other way round. */
static void renew(store_t *store, app_child_t *child, const psg_msg_kept_t *old,
                  int agent_socket)
{
    apr_status_t rv = child ? put_child(store, old->process, child)
                            : put_socket(store, agent_socket);

    store_drop(store);
    if (rv != APR_SUCCESS) {
        rv = child ? put_child(store, old->process, child)
                   : put_socket(store, agent_socket);
    }
    if (rv != APR_SUCCESS) {
        warn(store, rv);
    }
}

void store_sweep(store_t *store, child_table_t *children, int agent_socket)
{
    uint64_t start = psg_now();
    psg_message_t msg;

    while (store->in >= 0 && look(store, &msg) && msg.as.kept.stamp < start) {
        const psg_msg_kept_t *kept = &msg.as.kept;
        app_child_t *child = child_table_find(children, kept->process);

        if (kept->process == PSG_NONE
            || (child && child->generation == kept->process_generation
                && !child->exited)) {
            renew(store, child, kept, agent_socket);
        }
        else {
            store_drop(store);
        }
    }
}

void store_clear(const store_t *store)
{
    psg_message_t msg;

    while (store->in >= 0 && look(store, &msg)) {
        store_drop(store);
    }
}
