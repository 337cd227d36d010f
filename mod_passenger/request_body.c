/* SPDX-License-Identifier: Apache-2.0 */

/* Reads a request's body through httpd's input filters, which know chunks,
 * limits and timeouts. Called by handler.c before it asks for a process. */
#include <errno.h>

#include "request_body.h"

#include "config.h"

#include <http_log.h>
#include <http_protocol.h>
#include <util_filter.h>

#include "mod_passenger.h"

APLOG_USE_MODULE(passenger);

/* So many buckets are looked through again when they become one, which keeps
 * the price of a body in chunks of one byte low. */
enum {
    FRESH_BUCKETS = 512
};

/* A body being read: `fresh` is what has no place yet. */
typedef struct {
    request_rec *r;
    psg_request_body_t *body;
    apr_bucket_brigade *fresh;
    apr_size_t fresh_length;
    int fresh_buckets;
    int at_end;
} body_reader_t;

/* Subrequests have no body, nor has the GET that httpd makes of any request to
 * fetch an error document: its headers are still those of the first request. */
static int may_have_body(request_rec *r)
{
    if (r->main || (r->prev && r->method_number == M_GET)) {
        return 0;
    }
    return ap_request_has_body(r)
           || apr_table_get(r->headers_in, "Content-Length") != NULL;
}

/* Many small buckets become one: a visitor may send a body in chunks of one
 * byte, and what is sent to the app in one call has a limit of pieces. */
static apr_status_t compact(apr_bucket_brigade *brigade, apr_size_t length)
{
    char *buffer = apr_bucket_alloc(length, brigade->bucket_alloc);
    apr_status_t status = apr_brigade_flatten(brigade, buffer, &length);
    apr_bucket *bucket;

    if (status != APR_SUCCESS) {
        apr_bucket_free(buffer);
        return status;
    }
    apr_brigade_cleanup(brigade);
    bucket = apr_bucket_heap_create(buffer, length, apr_bucket_free,
                                    brigade->bucket_alloc);
    APR_BRIGADE_INSERT_TAIL(brigade, bucket);
    return APR_SUCCESS;
}

static apr_status_t spool_fresh(body_reader_t *reader)
{
    psg_spool_t *rest = &reader->body->rest;
    struct iovec vec[PSG_BODY_BUCKETS];
    int count = PSG_BODY_BUCKETS;
    apr_status_t status = APR_SUCCESS;

    if (!rest->file) {
        status = psg_spool_open(rest, psg_global_options()->data_buffer_dir,
                                reader->r->pool);
    }
    if (status == APR_SUCCESS) {
        status = apr_brigade_to_iovec(reader->fresh, vec, &count);
    }
    if (status == APR_SUCCESS) {
        status = psg_spool_append(rest, vec, count);
    }
    apr_brigade_cleanup(reader->fresh);
    reader->fresh_length = 0;
    reader->fresh_buckets = 0;
    return status;
}

/* Gives what has come a place once there is enough of it. */
static apr_status_t store(body_reader_t *reader)
{
    psg_request_body_t *body = reader->body;
    int is_enough = reader->fresh_length >= PSG_BODY_MEMORY
                    || (reader->at_end && reader->fresh_length > 0);
    apr_status_t status = APR_SUCCESS;

    if (reader->fresh_buckets
        > (is_enough ? PSG_BODY_BUCKETS : FRESH_BUCKETS)) {
        status = compact(reader->fresh, reader->fresh_length);
        reader->fresh_buckets = 1;
    }
    if (status != APR_SUCCESS || !is_enough) {
        return status;
    }
    if (body->memory) {
        return spool_fresh(reader);
    }
    body->memory = reader->fresh;
    reader->fresh = apr_brigade_create(reader->r->pool,
                                       reader->r->connection->bucket_alloc);
    reader->fresh_length = 0;
    reader->fresh_buckets = 0;
    return APR_SUCCESS;
}

/* Moves the data of one read into `fresh`; filters may reuse their memory, so
 * every bucket is made to last. */
static apr_status_t take(body_reader_t *reader, apr_bucket_brigade *read)
{
    while (!APR_BRIGADE_EMPTY(read)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(read);
        const char *data;
        apr_size_t length;
        apr_status_t status;

        if (APR_BUCKET_IS_EOS(bucket)) {
            reader->at_end = 1;
            apr_brigade_cleanup(read);
            break;
        }
        if (APR_BUCKET_IS_METADATA(bucket)) {
            apr_bucket_delete(bucket);
            continue;
        }
        status = apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ);
        if (status == APR_SUCCESS) {
            status = apr_bucket_setaside(bucket, reader->r->pool);
        }
        if (status != APR_SUCCESS && status != APR_ENOTIMPL) {
            return status;
        }
        if (length == 0) {
            apr_bucket_delete(bucket);
            continue;
        }
        APR_BUCKET_REMOVE(bucket);
        APR_BRIGADE_INSERT_TAIL(reader->fresh, bucket);
        reader->fresh_length += length;
        reader->fresh_buckets++;
        reader->body->length += (apr_off_t)length;
    }
    return APR_SUCCESS;
}

/* No room for the file is the server's trouble, not the visitor's. */
static int refuse_storing(request_rec *r, apr_status_t status)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, status, r,
                  "PSG0120: the body of a request to '%s' could not be kept in "
                  "a temporary file; see whether the folder for such files "
                  "(TMPDIR) is full",
                  r->uri);
    return status == ENOSPC || status == EDQUOT ? HTTP_INSUFFICIENT_STORAGE
                                                : HTTP_INTERNAL_SERVER_ERROR;
}

static int refuse_reading(request_rec *r, apr_status_t status)
{
    /* A filter that answered the request itself has said why. */
    if (status == AP_FILTER_ERROR) {
        return AP_FILTER_ERROR;
    }
    ap_log_rerror(APLOG_MARK, APLOG_INFO, status, r,
                  "PSG0121: the body of a request to '%s' could not be read",
                  r->uri);
    return ap_map_http_request_error(status, HTTP_BAD_REQUEST);
}

int psg_request_body_read(psg_request_body_t *body, request_rec *r)
{
    apr_bucket_alloc_t *allocator = r->connection->bucket_alloc;
    body_reader_t reader = {.r = r, .body = body};
    apr_bucket_brigade *read;

    if (!may_have_body(r)) {
        return OK;
    }
    reader.fresh = apr_brigade_create(r->pool, allocator);
    read = apr_brigade_create(r->pool, allocator);
    while (!reader.at_end) {
        apr_status_t status =
            ap_get_brigade(r->input_filters, read, AP_MODE_READBYTES,
                           APR_BLOCK_READ, PSG_BODY_MEMORY);

        if (status == APR_SUCCESS) {
            status = take(&reader, read);
        }
        if (status != APR_SUCCESS) {
            return refuse_reading(r, status);
        }
        status = store(&reader);
        if (status != APR_SUCCESS) {
            return refuse_storing(r, status);
        }
    }
    /* After an internal redirect another handler may have had the body. */
    body->present = !r->prev || body->length > 0;
    return OK;
}
