/* SPDX-License-Identifier: Apache-2.0 */

/* Reads a request's body piece by piece through httpd's input filters, which
 * know chunks, limits and timeouts. */
#ifndef PSG_BODY_READER_H
#define PSG_BODY_READER_H

#include <httpd.h>
#include <apr_buckets.h>

enum {
    PSG_BODY_MEMORY = 64 * 1024, /* read at once */
    PSG_BODY_BUCKETS = 32        /* sent in one call */
};

typedef struct {
    request_rec *r;
    /* What came and was not taken yet: buckets that can be read without waiting
     * and any number of times; how many, and of how many bytes. */
    apr_bucket_brigade *fresh;
    int buckets;
    apr_size_t length;
    apr_off_t total; /* bytes that came so far */
    int at_end;
    apr_bucket_brigade *incoming; /* (inside) */
} psg_body_reader_t;

void psg_body_reader_begin(psg_body_reader_t *reader, request_rec *r);

/* Adds at most PSG_BODY_MEMORY bytes to `fresh`, or sets at_end, or both. With
 * APR_NONBLOCK_READ APR_EAGAIN if the visitor has sent no more. */
apr_status_t psg_body_reader_read(psg_body_reader_t *reader,
                                  apr_read_type_e block);

/* Makes one bucket of those in `fresh` if they are more than max. */
apr_status_t psg_body_reader_join(psg_body_reader_t *reader, int max);

/* `fresh`, which is the caller's from now on; the reader has an empty one. */
apr_bucket_brigade *psg_body_reader_take(psg_body_reader_t *reader);

/* After psg_body_reader_read() failed: logs it, and returns the HTTP status (or
 * AP_FILTER_ERROR) the handler returns. */
int psg_body_reader_refuse(request_rec *r, apr_status_t status);

#endif
