/* SPDX-License-Identifier: Apache-2.0 */

/* Takes a request's body from httpd. Called by request_body.c for a whole body
 * and by upload.c for one that is passed on as it comes. */
#include "body_reader.h"

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

void psg_body_reader_begin(psg_body_reader_t *reader, request_rec *r)
{
    *reader = (psg_body_reader_t){.r = r};
    reader->fresh = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    reader->incoming = apr_brigade_create(r->pool, r->connection->bucket_alloc);
}

/* Many small buckets become one: a visitor may send a body in chunks of one
 * byte, and what is sent to the app in one call has a limit of pieces. */
apr_status_t psg_body_reader_join(psg_body_reader_t *reader, int max)
{
    apr_bucket_brigade *fresh = reader->fresh;
    apr_size_t length = reader->length;
    apr_status_t status;
    char *buffer;

    if (reader->buckets <= max) {
        return APR_SUCCESS;
    }
    buffer = apr_bucket_alloc(length, fresh->bucket_alloc);
    status = apr_brigade_flatten(fresh, buffer, &length);
    if (status != APR_SUCCESS) {
        apr_bucket_free(buffer);
        return status;
    }
    apr_brigade_cleanup(fresh);
    APR_BRIGADE_INSERT_TAIL(fresh, apr_bucket_heap_create(buffer, length,
                                                          apr_bucket_free,
                                                          fresh->bucket_alloc));
    reader->buckets = 1;
    return APR_SUCCESS;
}

/* Moves a bucket to `fresh`; filters may reuse their memory, so it is made to
 * last. */
static apr_status_t keep(psg_body_reader_t *reader, apr_bucket *bucket)
{
    const char *data;
    apr_size_t length;
    apr_status_t status =
        apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ);

    if (status == APR_SUCCESS) {
        status = apr_bucket_setaside(bucket, reader->r->pool);
    }
    if (status != APR_SUCCESS && status != APR_ENOTIMPL) {
        return status;
    }
    if (length == 0) {
        apr_bucket_delete(bucket);
        return APR_SUCCESS;
    }
    APR_BUCKET_REMOVE(bucket);
    APR_BRIGADE_INSERT_TAIL(reader->fresh, bucket);
    reader->length += length;
    reader->total += (apr_off_t)length;
    reader->buckets++;
    return APR_SUCCESS;
}

static apr_status_t keep_all(psg_body_reader_t *reader)
{
    apr_bucket_brigade *incoming = reader->incoming;
    apr_status_t status = APR_SUCCESS;

    while (status == APR_SUCCESS && !APR_BRIGADE_EMPTY(incoming)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(incoming);

        if (APR_BUCKET_IS_EOS(bucket)) {
            reader->at_end = 1;
            apr_brigade_cleanup(incoming);
        }
        else if (APR_BUCKET_IS_METADATA(bucket)) {
            apr_bucket_delete(bucket);
        }
        else {
            status = keep(reader, bucket);
        }
    }
    return status;
}

apr_status_t psg_body_reader_read(psg_body_reader_t *reader,
                                  apr_read_type_e block)
{
    apr_off_t before = reader->total;
    apr_status_t status =
        ap_get_brigade(reader->r->input_filters, reader->incoming,
                       AP_MODE_READBYTES, block, PSG_BODY_MEMORY);

    if (status == APR_SUCCESS) {
        status = keep_all(reader);
    }
    if (status == APR_SUCCESS) {
        status = psg_body_reader_join(reader, FRESH_BUCKETS);
    }
    if (status == APR_SUCCESS && block == APR_NONBLOCK_READ && !reader->at_end
        && reader->total == before) {
        return APR_EAGAIN;
    }
    return status;
}

apr_bucket_brigade *psg_body_reader_take(psg_body_reader_t *reader)
{
    apr_bucket_brigade *taken = reader->fresh;

    reader->fresh = apr_brigade_create(reader->r->pool, taken->bucket_alloc);
    reader->length = 0;
    reader->buckets = 0;
    return taken;
}

int psg_body_reader_refuse(request_rec *r, apr_status_t status)
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
