/* SPDX-License-Identifier: Apache-2.0 */

/* One request and its answer with the process that the slot holds, and what may
 * be done about it when that goes wrong. */
#ifndef PSG_APP_EXCHANGE_H
#define PSG_APP_EXCHANGE_H

#include "mod_passenger.h"
#include "request_body.h"
#include "response_relay.h"

typedef enum {
    PSG_EXCHANGE_DONE,       /* the answer can be finished */
    PSG_EXCHANGE_BROKEN,     /* the same, but it is broken */
    PSG_EXCHANGE_UNSENT,     /* the process got nothing: take another */
    PSG_EXCHANGE_UNANSWERED, /* it got the request and is gone; it may be sent
                                 again, once */
    PSG_EXCHANGE_BAD,        /* no answer, or none that makes sense */
    PSG_EXCHANGE_SILENT,     /* no answer in time */
    PSG_EXCHANGE_NO_ROOM,    /* no descriptor or memory for a connection */
    PSG_EXCHANGE_TOO_LARGE,  /* the head of the request */
    PSG_EXCHANGE_CUT,        /* the rest of the upload cannot be had */
    PSG_EXCHANGE_CLIENT_GONE,
} psg_exchange_e;

typedef struct {
    request_rec *r;
    const psg_request_t *request;
    const psg_request_body_t *body;
    /* Of the process, as the slot had it. */
    uint32_t index, generation;
    psg_process_t process;
    psg_app_connection_t connection;
    psg_request_head_t head;
    psg_request_send_t send;
    psg_response_relay_t relay;
    /* What went wrong, for the log. */
    const char *problem;
    apr_status_t error;
} psg_exchange_t;

/* Sends the request of exchange->r to the process of `slot` and reads the answer.
 * The connection is kept or closed afterwards; the process is not left. After
 * DONE and BROKEN psg_exchange_finish() must follow. */
psg_exchange_e psg_exchange_run(psg_exchange_t *exchange, request_rec *r,
                                const psg_request_t *request,
                                const psg_request_body_t *body, uint32_t slot);

/* Gives the visitor what he has not got yet. */
apr_status_t psg_exchange_finish(psg_exchange_t *exchange, int is_broken);

#endif
