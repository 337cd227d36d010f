/* SPDX-License-Identifier: Apache-2.0 */

/* Sends a request to an app process over an idle or a new connection, and has
 * the answer read. Called by handler.c while its slot holds the process. */
#include <errno.h>
#include <string.h>

#include "app_exchange.h"

#include <http_log.h>

#include "agent_client.h"
#include "sticky.h"

APLOG_USE_MODULE(passenger);

/* RFC 9110, section 9.2.2: what may be done twice. */
static int is_idempotent(const request_rec *r)
{
    switch (r->method_number) {
    case M_GET: /* and HEAD */
    case M_OPTIONS:
    case M_TRACE:
    case M_PUT:
    case M_DELETE:
        return 1;
    default:
        return 0;
    }
}

/* Copies what is known of the process, so that it cannot change under us. */
static int load_process(psg_exchange_t *exchange, uint32_t slot)
{
    const psg_slot_t *held = &psg_child->sb->slots[slot];

    exchange->index = held->process;
    exchange->generation = held->process_generation;
    if (exchange->index >= PSG_MAX_PROCESSES) {
        return 0;
    }
    exchange->process = psg_child->sb->processes[exchange->index];
    return exchange->process.generation == exchange->generation;
}

static psg_exchange_e give_up(psg_exchange_t *exchange, psg_exchange_e how,
                              const char *problem, apr_status_t error)
{
    exchange->problem = problem;
    exchange->error = error;
    return how;
}

/* The core is told, since it can find out what is wrong with the process,
 * unless it is this child that can open no more connections. */
static psg_exchange_e no_connection(psg_exchange_t *exchange,
                                    apr_status_t error)
{
    char reason[120];

    if (error == EMFILE || error == ENFILE || error == ENOBUFS
        || error == ENOMEM) {
        return give_up(exchange, PSG_EXCHANGE_NO_ROOM,
                       "this httpd process can open no more connections",
                       error);
    }
    psg_agent_tell_suspect(exchange->index, exchange->generation,
                           apr_strerror(error, reason, sizeof(reason)));
    return give_up(exchange, PSG_EXCHANGE_UNSENT,
                   "its process could not be reached", error);
}

/* Whether some of the body is kept nowhere any more. */
static int has_moved(const psg_request_body_t *body)
{
    return body->upload && body->upload->has_moved;
}

/* The connection ended before a byte of answer. Did the app see the request? */
static psg_exchange_e judge_silence(psg_exchange_t *exchange)
{
    apr_status_t error = exchange->relay.error;

    if (exchange->send.sent == 0) {
        return give_up(exchange, PSG_EXCHANGE_UNSENT,
                       "its process took no request", error);
    }
    /* A Unix socket says ECONNRESET if something was left unread at the other
     * end. Without a body that is the head, and with half of it no loader calls
     * its app; another program might act on the first line. So it is when a
     * process died with the request in its backlog. */
    if (error == ECONNRESET && exchange->process.port == 0
        && exchange->body->length == 0
        && (exchange->process.keep_alive || is_idempotent(exchange->r))) {
        return give_up(exchange, PSG_EXCHANGE_UNSENT,
                       "its process read no request", error);
    }
    if (is_idempotent(exchange->r) && !has_moved(exchange->body)) {
        return give_up(exchange, PSG_EXCHANGE_UNANSWERED,
                       "its process ended without an answer", error);
    }
    return give_up(exchange, PSG_EXCHANGE_BAD,
                   "its process ended, or closed the connection, without an "
                   "answer",
                   error);
}

/* Whether the visitor has got some of the answer, or soon would have. */
static int is_begun(const psg_response_relay_t *relay)
{
    return relay->has_head && !psg_response_buffer_is_collected(&relay->buffer);
}

static psg_exchange_e judge(psg_exchange_t *exchange, psg_relay_e result)
{
    const psg_response_relay_t *relay = &exchange->relay;

    switch (result) {
    case PSG_RELAY_COMPLETE:
        return PSG_EXCHANGE_DONE;
    case PSG_RELAY_BROKEN:
        return give_up(exchange,
                       is_begun(relay) ? PSG_EXCHANGE_BROKEN : PSG_EXCHANGE_BAD,
                       relay->problem, relay->error);
    case PSG_RELAY_NOTHING:
        return judge_silence(exchange);
    case PSG_RELAY_SILENT:
        return give_up(exchange,
                       is_begun(relay) ? PSG_EXCHANGE_BROKEN
                                       : PSG_EXCHANGE_SILENT,
                       relay->problem, APR_TIMEUP);
    case PSG_RELAY_CLIENT_GONE:
        return PSG_EXCHANGE_CLIENT_GONE;
    case PSG_RELAY_CUT:
        return PSG_EXCHANGE_CUT;
    case PSG_RELAY_BAD_HEAD:
    case PSG_RELAY_GO_ON:
        break;
    }
    return give_up(exchange, PSG_EXCHANGE_BAD, relay->problem, relay->error);
}

/* Sends and receives over the connection there is. */
static psg_exchange_e converse(psg_exchange_t *exchange)
{
    psg_app_connection_t *connection = &exchange->connection;
    psg_request_send_t *send = &exchange->send;
    psg_response_relay_t *relay = &exchange->relay;
    apr_status_t status = psg_request_send_begin(
        send, connection, &exchange->head, exchange->body);
    psg_exchange_e result;

    if (status != APR_SUCCESS) {
        psg_app_connection_close(connection);
        return give_up(exchange, PSG_EXCHANGE_BAD,
                       "the body of the request could not be read again",
                       status);
    }
    psg_request_send_some(send);
    psg_response_relay_begin(relay, exchange->r, connection, send);
    relay->buffer.is_collecting = exchange->request->options->buffer_response;
    if (send->is_broken && send->sent == 0) {
        relay->error = EPIPE;
        result = judge_silence(exchange);
    }
    else {
        result = judge(exchange, psg_response_relay_run(relay));
    }
    if (result == PSG_EXCHANGE_DONE && relay->is_reusable) {
        psg_app_connection_keep(connection);
    }
    else {
        psg_app_connection_close(connection);
    }
    if (result != PSG_EXCHANGE_DONE && result != PSG_EXCHANGE_BROKEN) {
        psg_response_buffer_drop(&relay->buffer);
    }
    return result;
}

/* An app that closes idle connections at will may do so just when a request is
 * on its way: what must not be done twice takes a new connection. */
static int may_reuse(const psg_exchange_t *exchange)
{
    return exchange->process.keep_alive || is_idempotent(exchange->r);
}

static psg_exchange_e try_new(psg_exchange_t *exchange)
{
    apr_status_t status =
        psg_app_connection_open(&exchange->connection, exchange->index,
                                exchange->generation, &exchange->process);

    return status == APR_SUCCESS ? converse(exchange)
                                 : no_connection(exchange, status);
}

/* An idle connection that was closed says nothing about a process that closes
 * them at will, so a new one is tried; of another it says that it is gone. */
static psg_exchange_e try_connections(psg_exchange_t *exchange)
{
    if (may_reuse(exchange)
        && psg_app_connection_take(&exchange->connection, exchange->index,
                                   exchange->generation, &exchange->process)) {
        psg_exchange_e result = converse(exchange);

        if (exchange->process.keep_alive
            || (result != PSG_EXCHANGE_UNSENT
                && result != PSG_EXCHANGE_UNANSWERED)) {
            return result;
        }
    }
    return try_new(exchange);
}

static void log_surplus(const psg_exchange_t *exchange)
{
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, exchange->r,
                  "PSG0112: app '%s' (pid %d) sent more than its answer to "
                  "'%s', which was thrown away; see the length it announces",
                  exchange->request->app.root, (int)exchange->process.pid,
                  exchange->r->uri);
}

psg_exchange_e psg_exchange_run(psg_exchange_t *exchange, request_rec *r,
                                const psg_request_t *request,
                                const psg_request_body_t *body, uint32_t slot)
{
    psg_exchange_e result;

    exchange->r = r;
    exchange->request = request;
    exchange->body = body;
    exchange->problem = NULL;
    exchange->error = APR_SUCCESS;
    if (!load_process(exchange, slot)) {
        return give_up(exchange, PSG_EXCHANGE_UNSENT,
                       "its process ended meanwhile", APR_SUCCESS);
    }
    if (body->length < 0 && exchange->process.format != PSG_FORMAT_HTTP) {
        return give_up(exchange, PSG_EXCHANGE_BAD,
                       "its process takes no body of unknown length",
                       APR_SUCCESS);
    }
    psg_sticky_note(r, &exchange->process);
    if (psg_request_head_build(&exchange->head, r, request,
                               (psg_format_e)exchange->process.format, body)
        != APR_SUCCESS) {
        psg_request_head_free(&exchange->head);
        return PSG_EXCHANGE_TOO_LARGE;
    }
    result = try_connections(exchange);
    psg_request_head_free(&exchange->head);
    if (body->upload) {
        psg_upload_end(body->upload);
    }
    if (result == PSG_EXCHANGE_DONE && exchange->relay.has_surplus) {
        log_surplus(exchange);
    }
    return result;
}

apr_status_t psg_exchange_finish(psg_exchange_t *exchange, int is_broken)
{
    return psg_response_buffer_finish(&exchange->relay.buffer, is_broken);
}
