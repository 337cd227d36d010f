/* SPDX-License-Identifier: Apache-2.0 */

/* Sends a request to an app process, never waiting: head and small body in one
 * call, the rest of a large body from its file, or as the visitor sends it. */
#ifndef PSG_REQUEST_SEND_H
#define PSG_REQUEST_SEND_H

#include "app_connection.h"
#include "request_body.h"
#include "request_head.h"

typedef struct {
    psg_app_connection_t *connection;
    struct iovec vec[PSG_BODY_BUCKETS + 1];
    int first, count; /* of vec: [first, count) is not sent yet */
    const psg_spool_t *file;
    off_t file_at;
    psg_upload_t *upload;
    uint64_t sent;   /* bytes so far */
    int is_complete; /* everything was sent */
    int is_broken;   /* the app takes no more; it may have answered */
    int is_nonblocking;
} psg_request_send_t;

apr_status_t psg_request_send_begin(psg_request_send_t *send,
                                    psg_app_connection_t *connection,
                                    const psg_request_head_t *head,
                                    const psg_request_body_t *body);

/* Sends what the socket takes now; sets is_complete or is_broken if so. */
void psg_request_send_some(psg_request_send_t *send);

typedef enum {
    PSG_SEND_OVER,    /* complete, or broken */
    PSG_SEND_APP,     /* it goes on when the app takes more */
    PSG_SEND_VISITOR, /* it goes on when the visitor has sent more */
    PSG_SEND_CUT      /* the visitor, or httpd, lets no more of it come */
} psg_send_state_e;

psg_send_state_e psg_request_send_state(const psg_request_send_t *send);

#endif
