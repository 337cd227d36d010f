/* SPDX-License-Identifier: Apache-2.0 */

/* The body of an answer between app and visitor: filled as fast as the app
 * gives it, first memory, then an unnamed file; emptied as the visitor takes it. */
#ifndef PSG_RESPONSE_BUFFER_H
#define PSG_RESPONSE_BUFFER_H

#include <httpd.h>
#include <apr_buckets.h>

#include "spool.h"

typedef struct {
    request_rec *r;
    apr_bucket_brigade *pending; /* in order; at most one file, at the end */
    apr_bucket_brigade *piece;   /* on its way to the filters */
    /* The block that is being received into: a bucket that owns it, and how
     * much of it is taken. Buckets of `pending` share it. */
    apr_bucket *block;
    char *data;
    size_t size, used;
    size_t memory;      /* bytes of blocks that pending refers to */
    int is_spooling;    /* data goes to the file, until pending is empty */
    int is_full;        /* and nothing more may come until then */
    int is_file_broken; /* the file could not be made or written */
    int is_headed;      /* httpd has sent the head or was given it to send */
    int is_discarding;  /* the body is not wanted */
    int is_collecting;  /* (set by the caller) all of it comes before any of it
                           is given to the visitor, unless it gets full */
    int has_news;       /* there is something the visitor has not been given */
    psg_spool_t spool;
} psg_response_buffer_t;

void psg_response_buffer_begin(psg_response_buffer_t *buffer, request_rec *r);

/* Where the next bytes are received: *room bytes there. */
char *psg_response_buffer_room(psg_response_buffer_t *buffer, size_t *room);

/* As much room as a head may need, behind the `used` bytes that are moved into
 * it, since a head must be in one piece. */
char *psg_response_buffer_widen(psg_response_buffer_t *buffer, size_t used,
                                size_t *room);

/* Takes run, `len` bytes of the body inside that room. */
void psg_response_buffer_keep(psg_response_buffer_t *buffer, const char *run,
                              size_t len);
/* Afterwards: n bytes of that room were filled. */
void psg_response_buffer_filled(psg_response_buffer_t *buffer, size_t n);

/* Whether the app must wait until the visitor has taken something. */
int psg_response_buffer_is_full(const psg_response_buffer_t *buffer);

/* Whether there is something to be given to the visitor now. */
int psg_response_buffer_has_news(const psg_response_buffer_t *buffer);

/* Whether the answer is collected and the visitor has got nothing of it yet. */
int psg_response_buffer_is_collected(const psg_response_buffer_t *buffer);

/* Gives at most max bytes to the visitor, now. */
apr_status_t psg_response_buffer_pass(psg_response_buffer_t *buffer,
                                      size_t max);

/* Gives all the rest and its end to httpd. If the answer is broken, the visitor
 * sees that it is. */
apr_status_t psg_response_buffer_finish(psg_response_buffer_t *buffer,
                                        int is_broken);

/* Throws everything away. */
void psg_response_buffer_drop(psg_response_buffer_t *buffer);

#endif
