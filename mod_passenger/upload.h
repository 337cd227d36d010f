/* SPDX-License-Identifier: Apache-2.0 */

/* A request's body that is passed on to the app as the visitor sends it, since
 * PassengerBufferUpload is off. Nothing of it is kept, so a request of which
 * something was taken from here cannot be sent again. */
#ifndef PSG_UPLOAD_H
#define PSG_UPLOAD_H

#include <sys/uio.h>

#include "body_reader.h"

typedef struct {
    psg_body_reader_t reader;
    apr_off_t length; /* announced; -1: unknown, so it is sent in chunks */
    int has_moved;    /* something was read that is kept nowhere */
    int is_starved;   /* nothing can be sent until the visitor has sent more */
    int refusal; /* 0, or the body cannot be had: what the handler returns */
    /* Inside. */
    uint64_t starved_since;
} psg_upload_t;

/* Begins one, of what has come so far and what is to come; NULL if the app is
 * to get it whole: it is complete, or its length is not known and the app needs
 * that (can_chunk is 0). Lives as long as the request. */
psg_upload_t *psg_upload_begin(const psg_body_reader_t *reader, int can_chunk);

/* What came with the head, framed as the rest will be; NULL if nothing did. At
 * most PSG_BODY_BUCKETS buckets. To be called once, before anything else. */
apr_bucket_brigade *psg_upload_start(psg_upload_t *upload);

/* What can be sent now: reads it if there is nothing, but never waits. Fills at
 * most PSG_BODY_BUCKETS of vec and returns how many; 0 if there is nothing:
 * then it is complete, starved, or refused. */
int psg_upload_next(psg_upload_t *upload, struct iovec *vec);

/* How soon to look again, where nobody says that more has come (HTTP/2). */
int psg_upload_tick_ms(const psg_upload_t *upload);

/* n bytes of that were sent. */
void psg_upload_sent(psg_upload_t *upload, size_t n);

/* Whether all of it was sent. */
int psg_upload_is_complete(const psg_upload_t *upload);

/* The app gets no more of it. What is left unread closes the visitor's connection
 * after the answer: httpd would wait for it before the answer is sent. Not to be
 * called while the answer comes, since an answer on a connection that is to be
 * closed has no other end. */
void psg_upload_end(psg_upload_t *upload);

#endif
