/* SPDX-License-Identifier: Apache-2.0 */

/* Reads one answer of an app process as fast as it comes, whatever the visitor
 * does, and gives him what is there whenever the app pauses. */
#ifndef PSG_RESPONSE_RELAY_H
#define PSG_RESPONSE_RELAY_H

#include "client_watch.h"
#include "request_send.h"
#include "response_buffer.h"
#include "response_head.h"

typedef enum {
    PSG_RELAY_GO_ON,    /* (inside) */
    PSG_RELAY_COMPLETE, /* all of the answer is in `buffer` or passed on */
    PSG_RELAY_NOTHING,  /* the connection ended without a byte of answer */
    PSG_RELAY_BAD_HEAD, /* it ended in the head, or that is not HTTP */
    PSG_RELAY_BROKEN,   /* the body ended early or is wrong */
    PSG_RELAY_SILENT,   /* the app said nothing for too long */
    PSG_RELAY_CUT,      /* the rest of the upload cannot be had */
    PSG_RELAY_CLIENT_GONE,
} psg_relay_e;

typedef struct {
    request_rec *r;
    psg_app_connection_t *connection;
    psg_request_send_t *send; /* perhaps incomplete: it goes on meanwhile */
    psg_client_t client;
    psg_response_buffer_t buffer;
    int has_head, is_reusable, has_surplus;
    int override;        /* the status that httpd is to answer itself, or 0 */
    const char *problem; /* what was wrong with the answer */
    apr_status_t error;  /* of the connection */
    /* Inside. */
    char *head_at; /* the head so far */
    size_t head_len, head_room;
    unsigned interim_count;
    psg_body_e body;
    uint64_t left;
    psg_chunked_t chunked;
    uint64_t quiet_since, stuck_since; /* 0: neither app nor visitor is */
    uint64_t not_before;               /* see pass_blindly() */
} psg_response_relay_t;

void psg_response_relay_begin(psg_response_relay_t *relay, request_rec *r,
                              psg_app_connection_t *connection,
                              psg_request_send_t *send);
psg_relay_e psg_response_relay_run(psg_response_relay_t *relay);

#endif
