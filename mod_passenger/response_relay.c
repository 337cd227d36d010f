/* SPDX-License-Identifier: Apache-2.0 */

/* Reads an app's answer: a loop of receiving, taking in, and, when there is
 * nothing to receive, giving to the visitor or waiting. Called by
 * app_exchange.c with the request sent, or most of it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "response_relay.h"

#include <apr_strings.h>

#include "response_header.h"

enum {
    /* An app that writes its answer in several calls has not paused yet. */
    PAUSE_MS = 1,
    TICK_MS = 1000, /* how soon a visitor's leaving is noticed */
    BLIND_TICK_MS = 50,
    BLIND_WAIT_USEC = 5000,
    BLIND_REST = 8,
    INTERIM_MAX = 16, /* more 1xx answers than that are an attack or a loop */
};

/* What wait_for() saw. */
enum {
    APP_READY = 1,
    CLIENT_LEFT = 2
};

static const uint64_t silence_max_usec = 3600 * 1000000ull;

void psg_response_relay_begin(psg_response_relay_t *relay, request_rec *r,
                              psg_app_connection_t *connection,
                              psg_request_send_t *send)
{
    memset(relay, 0, sizeof(*relay));
    relay->r = r;
    relay->connection = connection;
    relay->send = send;
    psg_client_watch(&relay->client, r->connection);
    psg_response_buffer_begin(&relay->buffer, r);
}

static psg_relay_e fail(psg_response_relay_t *relay, psg_relay_e how,
                        const char *problem)
{
    relay->problem = problem;
    relay->is_reusable = 0;
    return how;
}

static psg_relay_e complete(psg_response_relay_t *relay, size_t surplus)
{
    relay->has_surplus = surplus > 0;
    if (surplus > 0 || !relay->send->is_complete) {
        relay->is_reusable = 0;
    }
    return PSG_RELAY_COMPLETE;
}

static psg_relay_e take_chunks(psg_response_relay_t *relay, const char *at,
                               size_t n)
{
    while (n > 0) {
        const char *run;
        size_t len, used;
        apr_status_t status =
            psg_chunked_decode(&relay->chunked, at, n, &run, &len, &used);

        if (status != APR_SUCCESS && status != APR_EOF) {
            return fail(relay, PSG_RELAY_BROKEN, "its chunks are malformed");
        }
        psg_response_buffer_keep(&relay->buffer, run, len);
        at += used;
        n -= used;
        if (status == APR_EOF) {
            return complete(relay, n);
        }
    }
    return PSG_RELAY_GO_ON;
}

/* Takes n bytes of the body. Called with none right after the head. */
static psg_relay_e take_body(psg_response_relay_t *relay, const char *at,
                             size_t n)
{
    size_t len = n;

    switch (relay->body) {
    case PSG_BODY_NONE:
        return complete(relay, n);
    case PSG_BODY_LENGTH:
        if (len > relay->left) {
            len = (size_t)relay->left;
        }
        psg_response_buffer_keep(&relay->buffer, at, len);
        relay->left -= len;
        return relay->left == 0 ? complete(relay, n - len) : PSG_RELAY_GO_ON;
    case PSG_BODY_CHUNKED:
        return take_chunks(relay, at, n);
    case PSG_BODY_CLOSE:
        psg_response_buffer_keep(&relay->buffer, at, n);
        return PSG_RELAY_GO_ON;
    }
    return fail(relay, PSG_RELAY_BROKEN, "its length is unknown");
}

/* Parses the head if all of it is there. Names and values are needed as long as
 * the request, the received block only until it is sent: so it is copied. */
static apr_status_t parse_head(psg_response_relay_t *relay,
                               psg_response_head_t *head)
{
    int is_head = strcmp(relay->r->method, "HEAD") == 0;
    const char *end = memmem(relay->head_at, relay->head_len, "\r\n\r\n", 4);
    size_t len;
    char *copy;
    apr_status_t status;

    if (!end) {
        /* Nonsense is refused before it ends. */
        return psg_response_head_parse(head, relay->head_at, relay->head_len,
                                       is_head);
    }
    len = (size_t)(end - relay->head_at) + 4;
    if (len > PSG_HEAD_MAX) {
        head->error = "it is longer than 64 KiB";
        return APR_EINVAL;
    }
    copy = apr_pmemdup(relay->r->pool, relay->head_at, len);
    status = psg_response_head_parse(head, copy, len, is_head);
    if (status == APR_EAGAIN) {
        head->error = "it ends in the middle";
        status = APR_EINVAL;
    }
    return status;
}

/* A head is in one piece, so a long one needs a larger block. */
static psg_relay_e await_more_head(psg_response_relay_t *relay)
{
    if (relay->head_len >= PSG_HEAD_MAX) {
        return fail(relay, PSG_RELAY_BAD_HEAD, "it is longer than 64 KiB");
    }
    if (relay->head_len == relay->head_room) {
        relay->head_at = psg_response_buffer_widen(
            &relay->buffer, relay->head_len, &relay->head_room);
    }
    return PSG_RELAY_GO_ON;
}

/* Forgets an interim answer at the beginning of what was received. */
static psg_relay_e skip_interim(psg_response_relay_t *relay,
                                const psg_response_head_t *head)
{
    if (++relay->interim_count > INTERIM_MAX) {
        return fail(relay, PSG_RELAY_BAD_HEAD, "too many interim answers");
    }
    if (relay->client.fd < 0 || psg_client_ready(&relay->client)) {
        psg_response_header_interim(relay->r, head);
    }
    psg_response_buffer_filled(&relay->buffer, head->head_len);
    relay->head_at += head->head_len;
    relay->head_len -= head->head_len;
    relay->head_room -= head->head_len;
    return PSG_RELAY_GO_ON;
}

/* PassengerErrorOverride: the answer is read to its end and thrown away. */
static void override_error(psg_response_relay_t *relay,
                           const psg_response_head_t *head)
{
    relay->override = head->status;
    relay->buffer.is_discarding = 1;
    psg_response_header_keep_for_error(relay->r, head);
}

static int is_overridden(const psg_response_relay_t *relay, int status)
{
    const psg_request_t *request = psg_request_get(relay->r);

    return status >= 400 && request && request->options->error_override;
}

static psg_relay_e take_final_head(psg_response_relay_t *relay,
                                   const psg_response_head_t *head)
{
    psg_relay_e result;

    relay->has_head = 1;
    relay->body = head->body;
    relay->left = head->content_length;
    relay->is_reusable = !head->close && head->body != PSG_BODY_CLOSE;
    psg_chunked_init(&relay->chunked);
    if (is_overridden(relay, head->status)) {
        override_error(relay, head);
    }
    else {
        relay->buffer.has_news = 1;
        psg_response_header_apply(relay->r, head);
    }
    result = take_body(relay, relay->head_at + head->head_len,
                       relay->head_len - head->head_len);
    psg_response_buffer_filled(&relay->buffer, relay->head_len);
    return result;
}

static psg_relay_e take_head(psg_response_relay_t *relay, size_t n)
{
    psg_response_head_t head;
    psg_relay_e result = PSG_RELAY_GO_ON;

    relay->head_len += n;
    while (relay->head_len > 0 && result == PSG_RELAY_GO_ON) {
        apr_status_t status;

        head.error = NULL;
        status = parse_head(relay, &head);
        if (status == APR_EAGAIN) {
            return await_more_head(relay);
        }
        if (status != APR_SUCCESS) {
            return fail(relay, PSG_RELAY_BAD_HEAD, head.error);
        }
        if (head.status >= 200) {
            return take_final_head(relay, &head);
        }
        result = skip_interim(relay, &head);
    }
    return result == PSG_RELAY_GO_ON ? await_more_head(relay) : result;
}

static psg_relay_e take(psg_response_relay_t *relay, const char *at, size_t n)
{
    psg_relay_e result;

    if (!relay->has_head) {
        return take_head(relay, n);
    }
    result = take_body(relay, at, n);
    psg_response_buffer_filled(&relay->buffer, n);
    return result;
}

/* The app closed the connection, or `error` did. */
static psg_relay_e take_end(psg_response_relay_t *relay, apr_status_t error)
{
    relay->error = error;
    relay->is_reusable = 0;
    if (!relay->has_head) {
        return relay->head_len == 0 && relay->interim_count == 0
                   ? PSG_RELAY_NOTHING
                   : fail(relay, PSG_RELAY_BAD_HEAD, "it ends in the middle");
    }
    if (relay->body == PSG_BODY_CLOSE && error == APR_SUCCESS) {
        return PSG_RELAY_COMPLETE;
    }
    return fail(relay, PSG_RELAY_BROKEN, "it ends too early");
}

static int may_pass(const psg_response_relay_t *relay)
{
    if (!psg_response_buffer_has_news(&relay->buffer)) {
        return 0;
    }
    return relay->client.fd < 0 ? psg_now() >= relay->not_before
                                : psg_client_ready(&relay->client);
}

/* Over HTTP/2 nobody says whether the visitor can take more, and giving waits
 * when the stream's buffer is full. Who made us wait once is left alone for a
 * multiple of that time, in which the app is read. */
static apr_status_t pass_blindly(psg_response_relay_t *relay)
{
    uint64_t start = psg_now();
    apr_status_t status =
        psg_response_buffer_pass(&relay->buffer, PSG_CLIENT_PIECE);
    uint64_t end = psg_now();

    if (end - start > BLIND_WAIT_USEC) {
        relay->not_before = end + (end - start) * BLIND_REST;
    }
    return status;
}

static psg_relay_e pass(psg_response_relay_t *relay)
{
    apr_status_t status;

    relay->stuck_since = 0;
    status = relay->client.fd < 0
                 ? pass_blindly(relay)
                 : psg_response_buffer_pass(&relay->buffer, PSG_CLIENT_PIECE);
    return status == APR_SUCCESS ? PSG_RELAY_GO_ON : PSG_RELAY_CLIENT_GONE;
}

/* Takes note of how long who has kept us waiting. */
static psg_relay_e check_patience(psg_response_relay_t *relay, int is_app_asked)
{
    uint64_t now = psg_now();
    uint64_t timeout = (uint64_t)relay->r->server->timeout;
    int has_news = psg_response_buffer_has_news(&relay->buffer);

    /* An app may be silent as long as the visitor keeps it waiting. */
    is_app_asked &= psg_request_send_state(relay->send) != PSG_SEND_VISITOR;
    if (!is_app_asked || relay->quiet_since == 0) {
        relay->quiet_since = is_app_asked ? now : 0;
    }
    if (!has_news || relay->stuck_since == 0) {
        relay->stuck_since = has_news ? now : 0;
    }
    if (relay->quiet_since && now - relay->quiet_since > silence_max_usec) {
        return fail(relay, PSG_RELAY_SILENT, "nothing for an hour");
    }
    if (relay->client.connection->aborted
        || (relay->stuck_since && relay->client.fd >= 0
            && now - relay->stuck_since > timeout)) {
        return PSG_RELAY_CLIENT_GONE;
    }
    return PSG_RELAY_GO_ON;
}

/* Waits for app and visitor; sends more of the request when the app takes it.
 * Returns what of APP_READY and CLIENT_LEFT is so. */
static int wait_for(psg_response_relay_t *relay, int is_app_asked,
                    int is_client_asked, int ms)
{
    psg_send_state_e sending = psg_request_send_state(relay->send);
    int is_starved = sending == PSG_SEND_VISITOR;
    struct pollfd look[2] = {
        {.fd = is_app_asked ? relay->connection->fd : -1, .events = POLLIN},
        {.fd = is_client_asked || is_starved ? relay->client.fd : -1,
         .events = is_client_asked ? POLLRDHUP : 0},
    };

    look[0].events |= sending == PSG_SEND_APP ? POLLOUT : 0;
    look[1].events |= is_starved ? POLLIN : 0;
    if (psg_response_buffer_has_news(&relay->buffer)) {
        look[1].events |= POLLOUT;
    }
    (void)poll(look, 2, ms); /* if it fails, nothing was seen */
    if (is_starved || look[0].revents & POLLOUT) {
        psg_request_send_some(relay->send);
    }
    return (look[0].revents ? APP_READY : 0)
           | (is_client_asked && psg_client_gone_events(look[1].revents)
                  ? CLIENT_LEFT
                  : 0);
}

/* Nothing can be received, or (is_app_asked is 0) nothing must be. */
static psg_relay_e pause_for(psg_response_relay_t *relay, int is_app_asked)
{
    int ms = TICK_MS;
    psg_relay_e result;

    if (relay->client.fd < 0 && psg_response_buffer_has_news(&relay->buffer)) {
        ms = BLIND_TICK_MS;
    }
    if (relay->client.fd < 0
        && psg_request_send_state(relay->send) == PSG_SEND_VISITOR) {
        ms = psg_upload_tick_ms(relay->send->upload);
    }
    if (is_app_asked && wait_for(relay, 1, 0, PAUSE_MS)) {
        return PSG_RELAY_GO_ON;
    }
    if (may_pass(relay)) {
        return pass(relay);
    }
    result = check_patience(relay, is_app_asked);
    if (result == PSG_RELAY_GO_ON
        && wait_for(relay, is_app_asked, 1, ms) & CLIENT_LEFT) {
        return PSG_RELAY_CLIENT_GONE;
    }
    return result;
}

/* A second without the first byte of an answer. */
static psg_relay_e tick(psg_response_relay_t *relay)
{
    psg_relay_e result = check_patience(relay, 1);

    if (result == PSG_RELAY_GO_ON && psg_client_gone(&relay->client)) {
        return PSG_RELAY_CLIENT_GONE;
    }
    return result;
}

static char *receive_room(psg_response_relay_t *relay, size_t *room)
{
    if (relay->has_head) {
        return psg_response_buffer_room(&relay->buffer, room);
    }
    if (!relay->head_at) {
        relay->head_at =
            psg_response_buffer_room(&relay->buffer, &relay->head_room);
    }
    *room = relay->head_room - relay->head_len;
    return relay->head_at + relay->head_len;
}

/* Until the first byte comes the call waits in the kernel: then most answers
 * cost one call. */
static psg_relay_e step(psg_response_relay_t *relay)
{
    int may_wait =
        !relay->head_at || (!relay->has_head && relay->head_len == 0);
    size_t room;
    char *at;
    ssize_t n;

    if (psg_request_send_state(relay->send) != PSG_SEND_OVER) {
        may_wait = 0;
    }
    if (psg_response_buffer_is_full(&relay->buffer)) {
        return pause_for(relay, 0);
    }
    at = receive_room(relay, &room);
    n = recv(relay->connection->fd, at, room, may_wait ? 0 : MSG_DONTWAIT);
    if (n > 0) {
        relay->quiet_since = 0;
        return take(relay, at, (size_t)n);
    }
    if (n == 0) {
        return take_end(relay, APR_SUCCESS);
    }
    if (errno == EINTR) {
        return PSG_RELAY_GO_ON;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return may_wait ? tick(relay) : pause_for(relay, 1);
    }
    return take_end(relay, errno);
}

psg_relay_e psg_response_relay_run(psg_response_relay_t *relay)
{
    psg_relay_e result;

    do {
        result = psg_request_send_state(relay->send) == PSG_SEND_CUT
                     ? PSG_RELAY_CUT
                     : step(relay);
    } while (result == PSG_RELAY_GO_ON);
    return result;
}
