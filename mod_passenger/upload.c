/* SPDX-License-Identifier: Apache-2.0 */

/* Passes a request's body on as it comes. Called by request_body.c to begin, by
 * request_send.c for each piece. */
#include <string.h>

#include "upload.h"

#include <http_log.h>
#include <http_protocol.h>

#include <apr_strings.h>

#include "mod_passenger.h"

APLOG_USE_MODULE(passenger);

enum {
    CHUNK_HEAD_LEN = 20, /* 16 digits, CR, LF, NUL */
    FRAME_BUCKETS = 3,   /* a chunk's head, its end, the last chunk */
    /* While a body flows its speed depends on it; one that stands still must not
     * keep a CPU busy. */
    QUICK_TICK_MS = 5,
    SLOW_TICK_MS = 100,
    SLOW_AFTER_USEC = 1000000,
};

static const char last_chunk[] = "0\r\n\r\n";

/* What httpd's own filter found in the header and has checked. If there are other
 * ones, which may change the body, nobody knows its length. */
static apr_off_t announced_length(const request_rec *r)
{
    const char *text = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t length;

    if (!text || r->input_filters != r->proto_input_filters
        || apr_table_get(r->headers_in, "Transfer-Encoding")
        || apr_strtoff(&length, text, NULL, 10) != APR_SUCCESS) {
        return -1;
    }
    return length;
}

static int is_read(const psg_upload_t *upload)
{
    return upload->reader.at_end
           || (upload->length >= 0 && upload->reader.total == upload->length);
}

psg_upload_t *psg_upload_begin(const psg_body_reader_t *reader, int can_chunk)
{
    apr_off_t length = announced_length(reader->r);
    psg_upload_t *upload;

    if (reader->at_end || (length < 0 && !can_chunk)
        || (length >= 0 && reader->total >= length)) {
        return NULL;
    }
    upload = apr_pcalloc(reader->r->pool, sizeof(*upload));
    upload->reader = *reader;
    upload->length = length;
    return upload;
}

static void put_first(apr_bucket_brigade *brigade, const char *text)
{
    apr_bucket *bucket =
        apr_bucket_heap_create(text, strlen(text), NULL, brigade->bucket_alloc);

    APR_BRIGADE_INSERT_HEAD(brigade, bucket);
}

static void put_last(apr_bucket_brigade *brigade, const char *text)
{
    apr_bucket *bucket =
        apr_bucket_immortal_create(text, strlen(text), brigade->bucket_alloc);

    APR_BRIGADE_INSERT_TAIL(brigade, bucket);
}

/* Makes what has come ready to be sent. */
static apr_status_t frame(psg_upload_t *upload)
{
    psg_body_reader_t *reader = &upload->reader;
    apr_status_t status =
        psg_body_reader_join(reader, PSG_BODY_BUCKETS - FRAME_BUCKETS);
    char head[CHUNK_HEAD_LEN];

    if (status != APR_SUCCESS || upload->length >= 0) {
        return status;
    }
    if (reader->length > 0) {
        apr_snprintf(head, sizeof(head), "%" APR_UINT64_T_HEX_FMT "\r\n",
                     (apr_uint64_t)reader->length);
        put_first(reader->fresh, head);
        put_last(reader->fresh, "\r\n");
    }
    if (reader->at_end) {
        put_last(reader->fresh, last_chunk);
    }
    return APR_SUCCESS;
}

static void refuse(psg_upload_t *upload, apr_status_t status)
{
    upload->refusal = psg_body_reader_refuse(upload->reader.r, status);
}

apr_bucket_brigade *psg_upload_start(psg_upload_t *upload)
{
    apr_status_t status;

    if (upload->reader.length == 0) {
        return NULL;
    }
    status = frame(upload);
    if (status != APR_SUCCESS) {
        refuse(upload, status);
        return NULL;
    }
    return psg_body_reader_take(&upload->reader);
}

/* Nothing but what was announced may follow the head of the request. */
static int is_wrong_length(psg_upload_t *upload)
{
    const psg_body_reader_t *reader = &upload->reader;

    if (upload->length < 0
        || (reader->total <= upload->length
            && (!reader->at_end || reader->total == upload->length))) {
        return 0;
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, reader->r,
                  "PSG0123: the body of a request to '%s' has another length "
                  "than its header says; see the input filters, or set "
                  "PassengerBufferUpload on",
                  reader->r->uri);
    upload->refusal = HTTP_BAD_REQUEST;
    return 1;
}

/* "Expect: 100-continue": the visitor sends nothing before he is told to. httpd
 * does that only for those who wait. */
static void ask_for_body(request_rec *r)
{
    const char *status_line = r->status_line;
    int status = r->status;

    r->status = HTTP_CONTINUE;
    r->status_line = "100 Continue";
    ap_send_interim_response(r, 0);
    r->status = status;
    r->status_line = status_line;
}

static void starve(psg_upload_t *upload)
{
    request_rec *r = upload->reader.r;
    uint64_t now = psg_now();

    if (r->expecting_100 && !r->sent_bodyct) {
        ask_for_body(r);
    }
    if (!upload->is_starved) {
        upload->is_starved = 1;
        upload->starved_since = now;
    }
    if (now - upload->starved_since > (uint64_t)r->server->timeout) {
        refuse(upload, APR_TIMEUP);
    }
}

static void read_more(psg_upload_t *upload)
{
    apr_status_t status =
        psg_body_reader_read(&upload->reader, APR_NONBLOCK_READ);

    if (APR_STATUS_IS_EAGAIN(status)) {
        starve(upload);
        return;
    }
    upload->is_starved = 0;
    upload->has_moved = 1;
    if (status == APR_SUCCESS && is_wrong_length(upload)) {
        return;
    }
    if (status == APR_SUCCESS) {
        status = frame(upload);
    }
    if (status != APR_SUCCESS) {
        refuse(upload, status);
    }
}

int psg_upload_next(psg_upload_t *upload, struct iovec *vec)
{
    const apr_bucket_brigade *fresh = upload->reader.fresh;
    int count = 0;

    if (!upload->refusal && APR_BRIGADE_EMPTY(fresh) && !is_read(upload)) {
        read_more(upload);
    }
    for (apr_bucket *bucket = APR_BRIGADE_FIRST(fresh);
         !upload->refusal && bucket != APR_BRIGADE_SENTINEL(fresh);
         bucket = APR_BUCKET_NEXT(bucket)) {
        const char *data;

        if (apr_bucket_read(bucket, &data, &vec[count].iov_len, APR_BLOCK_READ)
            != APR_SUCCESS) {
            break;
        }
        vec[count++].iov_base = (char *)data;
    }
    return count;
}

int psg_upload_tick_ms(const psg_upload_t *upload)
{
    return psg_now() - upload->starved_since < SLOW_AFTER_USEC ? QUICK_TICK_MS
                                                               : SLOW_TICK_MS;
}

void psg_upload_sent(psg_upload_t *upload, size_t n)
{
    psg_body_reader_t *reader = &upload->reader;

    while (n > 0) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(reader->fresh);

        if (bucket->length > n) {
            apr_bucket_split(bucket, n);
        }
        n -= bucket->length;
        apr_bucket_delete(bucket);
    }
    if (APR_BRIGADE_EMPTY(reader->fresh)) {
        reader->length = 0;
        reader->buckets = 0;
    }
}

int psg_upload_is_complete(const psg_upload_t *upload)
{
    return is_read(upload) && APR_BRIGADE_EMPTY(upload->reader.fresh);
}

void psg_upload_end(psg_upload_t *upload)
{
    if (!is_read(upload)) {
        upload->reader.r->connection->keepalive = AP_CONN_CLOSE;
    }
}
