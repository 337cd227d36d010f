/* SPDX-License-Identifier: Apache-2.0 */

/* The body of a request, read whole before a process of the app is taken, so
 * that slow visitors hold none: its beginning in memory, the rest in a file. If
 * PassengerBufferUpload is off, the rest is passed on as it comes. */
#ifndef PSG_REQUEST_BODY_H
#define PSG_REQUEST_BODY_H

#include "mod_passenger.h"
#include "spool.h"
#include "upload.h"

typedef struct {
    int present;      /* there is one, perhaps empty */
    apr_off_t length; /* -1: not known before the end of the upload */
    /* NULL or the first bytes: at most PSG_BODY_BUCKETS buckets that can be
     * read without waiting and any number of times. */
    apr_bucket_brigade *memory;
    psg_spool_t rest;
    psg_upload_t *upload; /* NULL: all of it is there */
} psg_request_body_t;

/* Returns OK, or the HTTP status (or AP_FILTER_ERROR) the handler returns. */
int psg_request_body_read(psg_request_body_t *body, request_rec *r,
                          const psg_request_t *request);

#endif
