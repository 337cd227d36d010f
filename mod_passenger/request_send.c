/* SPDX-License-Identifier: Apache-2.0 */

/* Sends a request to an app process piece by piece. Called by app_exchange.c,
 * and by response_relay.c for what did not fit at once. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "request_send.h"

/* sendfile() has no flag against waiting, so the socket gets it meanwhile. */
static void set_nonblocking(psg_request_send_t *send, int on)
{
    int flags = fcntl(send->connection->fd, F_GETFL);

    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    fcntl(send->connection->fd, F_SETFL, flags);
    send->is_nonblocking = on;
}

apr_status_t psg_request_send_begin(psg_request_send_t *send,
                                    psg_app_connection_t *connection,
                                    const psg_request_head_t *head,
                                    const psg_request_body_t *body)
{
    int count = PSG_BODY_BUCKETS;
    apr_status_t status = APR_SUCCESS;

    memset(send, 0, sizeof(*send));
    send->connection = connection;
    send->vec[0].iov_base = head->data;
    send->vec[0].iov_len = head->len;
    send->count = 1;
    if (body->memory) {
        status = apr_brigade_to_iovec(body->memory, send->vec + 1, &count);
        send->count = 1 + count;
    }
    send->file = body->rest.file ? &body->rest : NULL;
    send->upload = body->upload;
    return status;
}

static void note_failure(psg_request_send_t *send)
{
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        send->is_broken = 1;
    }
}

/* Returns how many bytes of vec were sent, or -1. */
static ssize_t send_pieces(psg_request_send_t *send, struct iovec *vec,
                           int count)
{
    struct msghdr message = {.msg_iov = vec, .msg_iovlen = (size_t)count};
    ssize_t n =
        sendmsg(send->connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0) {
        note_failure(send);
    }
    else {
        send->sent += (uint64_t)n;
    }
    return n;
}

/* Returns whether all of vec is sent. */
static int send_vec(psg_request_send_t *send)
{
    ssize_t n;

    if (send->first == send->count) {
        return 1;
    }
    n = send_pieces(send, send->vec + send->first, send->count - send->first);
    if (n < 0) {
        return 0;
    }
    while (send->first < send->count
           && (size_t)n >= send->vec[send->first].iov_len) {
        n -= (ssize_t)send->vec[send->first].iov_len;
        send->first++;
    }
    if (send->first < send->count) {
        struct iovec *part = &send->vec[send->first];

        part->iov_base = (char *)part->iov_base + n;
        part->iov_len -= (size_t)n;
        return 0;
    }
    return 1;
}

/* Returns whether all of the file is sent. */
static int send_file(psg_request_send_t *send)
{
    ssize_t n;

    if (!send->file || send->file_at == send->file->length) {
        return 1;
    }
    if (!send->is_nonblocking) {
        set_nonblocking(send, 1);
    }
    n = sendfile(send->connection->fd, send->file->fd, &send->file_at,
                 (size_t)(send->file->length - send->file_at));
    if (n < 0) {
        note_failure(send);
        return 0;
    }
    if (n == 0) {
        /* The file is shorter than what was written to it. */
        send->is_broken = 1;
        return 0;
    }
    send->sent += (uint64_t)n;
    return send->file_at == send->file->length;
}

/* Returns whether all of the upload is sent. */
static int send_upload(psg_request_send_t *send)
{
    struct iovec vec[PSG_BODY_BUCKETS];
    int count;

    if (!send->upload) {
        return 1;
    }
    while ((count = psg_upload_next(send->upload, vec)) > 0) {
        ssize_t n = send_pieces(send, vec, count);

        if (n < 0) {
            return 0;
        }
        psg_upload_sent(send->upload, (size_t)n);
    }
    return psg_upload_is_complete(send->upload);
}

void psg_request_send_some(psg_request_send_t *send)
{
    if (send->is_complete || send->is_broken) {
        return;
    }
    send->is_complete = send_vec(send) && send_file(send) && send_upload(send);
    if (send->is_complete && send->is_nonblocking) {
        set_nonblocking(send, 0);
    }
}

psg_send_state_e psg_request_send_state(const psg_request_send_t *send)
{
    const psg_upload_t *upload = send->upload;

    if (send->is_complete || send->is_broken) {
        return PSG_SEND_OVER;
    }
    if (upload && upload->refusal) {
        return PSG_SEND_CUT;
    }
    return upload && upload->is_starved ? PSG_SEND_VISITOR : PSG_SEND_APP;
}
