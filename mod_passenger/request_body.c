/* SPDX-License-Identifier: Apache-2.0 */

/* Receives a request's body and keeps it. Called by handler.c before it asks for
 * a process. */
#include <errno.h>
#include <string.h>

#include "request_body.h"

#include <http_log.h>
#include <http_protocol.h>

#include "config.h"

APLOG_USE_MODULE(passenger);

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

/* httpd takes chunks apart, and nothing else: the app would take what is still
 * compressed for the body (RFC 9112, 6.1). */
static int has_unknown_coding(const request_rec *r)
{
    const char *codings = apr_table_get(r->headers_in, "Transfer-Encoding");

    return codings && ap_cstr_casecmp(codings, "chunked") != 0;
}

static int refuse_coding(request_rec *r)
{
    ap_log_rerror(
        APLOG_MARK, APLOG_INFO, 0, r,
        "PSG0125: the body of a request to '%s' has a transfer coding "
        "other than chunked; the visitor gets a 501",
        r->uri);
    return HTTP_NOT_IMPLEMENTED;
}

static apr_status_t spool_fresh(psg_request_body_t *body,
                                psg_body_reader_t *reader)
{
    psg_spool_t *rest = &body->rest;
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
    reader->length = 0;
    reader->buckets = 0;
    return status;
}

/* Gives what has come a place once there is enough of it. */
static apr_status_t store(psg_request_body_t *body, psg_body_reader_t *reader)
{
    apr_status_t status;

    if (reader->length < PSG_BODY_MEMORY
        && !(reader->at_end && reader->length > 0)) {
        return APR_SUCCESS;
    }
    status = psg_body_reader_join(reader, PSG_BODY_BUCKETS);
    if (status != APR_SUCCESS) {
        return status;
    }
    if (body->memory) {
        return spool_fresh(body, reader);
    }
    body->memory = psg_body_reader_take(reader);
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

static int read_whole(psg_request_body_t *body, psg_body_reader_t *reader)
{
    apr_status_t status = store(body, reader);

    while (status == APR_SUCCESS && !reader->at_end) {
        status = psg_body_reader_read(reader, APR_BLOCK_READ);
        if (status != APR_SUCCESS) {
            return psg_body_reader_refuse(reader->r, status);
        }
        status = store(body, reader);
    }
    if (status != APR_SUCCESS) {
        return refuse_storing(reader->r, status);
    }
    body->length = reader->total;
    /* After an internal redirect another handler may have had the body. */
    body->present = !reader->r->prev || body->length > 0;
    return OK;
}

/* What has come with the head, without waiting for more. */
static int read_start(psg_body_reader_t *reader)
{
    apr_status_t status = APR_SUCCESS;

    while (status == APR_SUCCESS && !reader->at_end
           && reader->length < PSG_BODY_MEMORY) {
        status = psg_body_reader_read(reader, APR_NONBLOCK_READ);
    }
    return status == APR_SUCCESS || APR_STATUS_IS_EAGAIN(status)
               ? OK
               : psg_body_reader_refuse(reader->r, status);
}

/* Whether its processes speak HTTP, which knows bodies without a length. */
static int speaks_http(const psg_request_t *request)
{
    const psg_app_type_t *type = request->app.type;

    return request->options->app_start_command
           || (type && strcmp(type->name, "node") == 0);
}

int psg_request_body_read(psg_request_body_t *body, request_rec *r,
                          const psg_request_t *request)
{
    psg_body_reader_t reader;
    int status = OK;

    if (!may_have_body(r)) {
        return OK;
    }
    if (has_unknown_coding(r)) {
        return refuse_coding(r);
    }
    psg_body_reader_begin(&reader, r);
    if (!request->options->buffer_upload) {
        status = read_start(&reader);
        body->upload = status == OK
                           ? psg_upload_begin(&reader, speaks_http(request))
                           : NULL;
    }
    if (!body->upload) {
        return status == OK ? read_whole(body, &reader) : status;
    }
    body->present = 1;
    body->length = body->upload->length;
    body->memory = psg_upload_start(body->upload);
    return body->upload->refusal;
}
