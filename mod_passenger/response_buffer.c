/* SPDX-License-Identifier: Apache-2.0 */

/* Holds what an app has answered and the visitor has not got yet. Called by
 * response_relay.c while the process is held, by app_exchange.c afterwards. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "response_buffer.h"

#include "config.h"

#include <http_log.h>
#include <http_protocol.h>
#include <util_filter.h>

#include "client_watch.h"
#include "mod_passenger.h"
#include "response_head.h"

APLOG_USE_MODULE(passenger);

enum {
    /* Less what the allocator adds, so that blocks are whole pages. */
    OVERHEAD = 192,
    SMALL_BLOCK = 16 * 1024 - OVERHEAD,
    LARGE_BLOCK = 64 * 1024 - OVERHEAD,
    HEAD_BLOCK = PSG_HEAD_MAX + 16 * 1024 - OVERHEAD,
    MIN_ROOM = 2048, /* less is not worth a call */
    MEMORY_MAX = 256 * 1024,
    FORGET_STEP = 64 * 1024 * 1024, /* how much of the file is kept too long */
};

/* More than this in the file, and the app has to wait for the visitor. */
static const apr_off_t file_max = (apr_off_t)1 << 30;

void psg_response_buffer_begin(psg_response_buffer_t *buffer, request_rec *r)
{
    apr_bucket_alloc_t *allocator = r->connection->bucket_alloc;

    memset(buffer, 0, sizeof(*buffer));
    buffer->r = r;
    buffer->pending = apr_brigade_create(r->pool, allocator);
    buffer->piece = apr_brigade_create(r->pool, allocator);
}

static void drop_block(psg_response_buffer_t *buffer)
{
    if (buffer->block) {
        apr_bucket_delete(buffer->block);
        buffer->block = NULL;
    }
}

static void make_block(psg_response_buffer_t *buffer, size_t size)
{
    apr_bucket_alloc_t *allocator = buffer->r->connection->bucket_alloc;

    drop_block(buffer);
    buffer->data = apr_bucket_alloc(size, allocator);
    buffer->block =
        apr_bucket_heap_create(buffer->data, size, apr_bucket_free, allocator);
    buffer->size = size;
    buffer->used = 0;
    buffer->memory += size;
}

/* Memory has to do, and the app waits when that is full. */
static void give_up_file(psg_response_buffer_t *buffer, apr_status_t status)
{
    buffer->is_spooling = 0;
    buffer->is_full = 1;
    buffer->is_file_broken = 1;
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, status, buffer->r,
                  "PSG0122: the answer to '%s' cannot be kept in a temporary "
                  "file, so the app waits for the visitor; see whether the "
                  "folder for such files (TMPDIR) is full",
                  buffer->r->uri);
}

/* From here on data goes to the file. */
static void begin_spooling(psg_response_buffer_t *buffer)
{
    apr_status_t status = APR_SUCCESS;

    if (buffer->is_file_broken) {
        buffer->is_full = 1;
        return;
    }
    if (!buffer->spool.file) {
        status = psg_spool_open(&buffer->spool,
                                psg_global_options()->data_buffer_dir,
                                buffer->r->pool);
    }
    if (status == APR_SUCCESS) {
        buffer->is_spooling = 1;
    }
    else {
        give_up_file(buffer, status);
    }
}

char *psg_response_buffer_room(psg_response_buffer_t *buffer, size_t *room)
{
    if (!buffer->block) {
        make_block(buffer, SMALL_BLOCK);
    }
    else if (buffer->size - buffer->used < MIN_ROOM) {
        if (!buffer->is_spooling && !buffer->is_full
            && buffer->memory + LARGE_BLOCK > MEMORY_MAX) {
            begin_spooling(buffer);
        }
        make_block(buffer, LARGE_BLOCK);
    }
    *room = buffer->size - buffer->used;
    return buffer->data + buffer->used;
}

char *psg_response_buffer_widen(psg_response_buffer_t *buffer, size_t used,
                                size_t *room)
{
    apr_bucket *old = buffer->block;
    const char *data = buffer->data + buffer->used;

    buffer->block = NULL;
    make_block(buffer, HEAD_BLOCK);
    memcpy(buffer->data, data, used);
    apr_bucket_delete(old);
    *room = buffer->size;
    return buffer->data;
}

static void keep_in_memory(psg_response_buffer_t *buffer, const char *run,
                           size_t len)
{
    apr_bucket *last = APR_BRIGADE_LAST(buffer->pending);
    apr_off_t start = run - buffer->data;
    apr_bucket *bucket;

    if (!APR_BRIGADE_EMPTY(buffer->pending) && last->data == buffer->block->data
        && last->start + (apr_off_t)last->length == start) {
        last->length += len;
        return;
    }
    apr_bucket_copy(buffer->block, &bucket);
    bucket->start = start;
    bucket->length = len;
    APR_BRIGADE_INSERT_TAIL(buffer->pending, bucket);
}

/* Returns 0 if the file does not take it. */
static int keep_in_file(psg_response_buffer_t *buffer, const char *run,
                        size_t len)
{
    apr_bucket *last = APR_BRIGADE_LAST(buffer->pending);
    struct iovec vec = {.iov_base = (char *)run, .iov_len = len};
    apr_off_t at = buffer->spool.length;
    apr_status_t status = psg_spool_append(&buffer->spool, &vec, 1);
    apr_bucket *bucket;

    if (status != APR_SUCCESS) {
        give_up_file(buffer, status);
        return 0;
    }
    if (!APR_BRIGADE_EMPTY(buffer->pending) && APR_BUCKET_IS_FILE(last)) {
        last->length += len;
        return 1;
    }
    bucket =
        apr_bucket_file_create(buffer->spool.file, at, len, buffer->r->pool,
                               buffer->pending->bucket_alloc);
    APR_BRIGADE_INSERT_TAIL(buffer->pending, bucket);
    return 1;
}

void psg_response_buffer_keep(psg_response_buffer_t *buffer, const char *run,
                              size_t len)
{
    if (len == 0 || buffer->is_discarding) {
        return;
    }
    buffer->has_news = 1;
    if (!buffer->is_spooling || !keep_in_file(buffer, run, len)) {
        keep_in_memory(buffer, run, len);
    }
}

void psg_response_buffer_filled(psg_response_buffer_t *buffer, size_t n)
{
    /* What is in the file need not stay in the block. */
    if (!buffer->is_spooling) {
        buffer->used += n;
    }
}

int psg_response_buffer_is_full(const psg_response_buffer_t *buffer)
{
    const apr_bucket *last = APR_BRIGADE_LAST(buffer->pending);

    if (APR_BRIGADE_EMPTY(buffer->pending)) {
        return 0;
    }
    if (buffer->is_full) {
        return 1;
    }
    return APR_BUCKET_IS_FILE(last) && (apr_off_t)last->length >= file_max;
}

int psg_response_buffer_is_collected(const psg_response_buffer_t *buffer)
{
    return buffer->is_collecting && !buffer->is_headed;
}

int psg_response_buffer_has_news(const psg_response_buffer_t *buffer)
{
    return buffer->has_news
           && (!psg_response_buffer_is_collected(buffer)
               || psg_response_buffer_is_full(buffer));
}

/* Reads from the file rather than passing it on: a filter may take a file's
 * descriptor with it, and it is still needed here. */
static apr_status_t take_from_file(psg_response_buffer_t *buffer, size_t max)
{
    apr_bucket_alloc_t *allocator = buffer->piece->bucket_alloc;
    apr_bucket *file = APR_BRIGADE_FIRST(buffer->pending);
    size_t len = file->length < max ? file->length : max;
    char *data = apr_bucket_alloc(len, allocator);
    ssize_t n;

    do {
        n = pread(buffer->spool.fd, data, len, file->start);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        apr_bucket_free(data);
        return n < 0 ? errno : APR_EOF;
    }
    APR_BRIGADE_INSERT_TAIL(
        buffer->piece,
        apr_bucket_heap_create(data, (size_t)n, apr_bucket_free, allocator));
    if ((size_t)n == file->length) {
        apr_bucket_delete(file);
    }
    else {
        if ((file->start + n) / FORGET_STEP > file->start / FORGET_STEP) {
            psg_spool_forget(&buffer->spool, file->start);
        }
        file->start += n;
        file->length -= (size_t)n;
    }
    return APR_SUCCESS;
}

static apr_status_t take_piece(psg_response_buffer_t *buffer, size_t max)
{
    size_t len = 0;

    while (len < max && !APR_BRIGADE_EMPTY(buffer->pending)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(buffer->pending);

        if (APR_BUCKET_IS_FILE(bucket)) {
            return len ? APR_SUCCESS : take_from_file(buffer, max);
        }
        if (bucket->length > max - len) {
            apr_bucket_split(bucket, max - len);
        }
        len += bucket->length;
        APR_BUCKET_REMOVE(bucket);
        APR_BRIGADE_INSERT_TAIL(buffer->piece, bucket);
    }
    return APR_SUCCESS;
}

static apr_status_t pass_piece(psg_response_buffer_t *buffer)
{
    apr_status_t status;

    buffer->is_headed = 1;
    status = ap_pass_brigade(buffer->r->output_filters, buffer->piece);
    apr_brigade_cleanup(buffer->piece);
    if (status == APR_SUCCESS && buffer->r->connection->aborted) {
        return APR_ECONNABORTED;
    }
    return status;
}

apr_status_t psg_response_buffer_pass(psg_response_buffer_t *buffer, size_t max)
{
    apr_status_t status = take_piece(buffer, max);

    if (status != APR_SUCCESS) {
        return status;
    }
    APR_BRIGADE_INSERT_TAIL(
        buffer->piece, apr_bucket_flush_create(buffer->piece->bucket_alloc));
    status = pass_piece(buffer);
    if (APR_BRIGADE_EMPTY(buffer->pending)) {
        psg_spool_clear(&buffer->spool);
        buffer->has_news = 0;
        buffer->is_spooling = 0;
        buffer->is_full = 0;
        buffer->memory = buffer->block ? buffer->size : 0;
    }
    return status;
}

/* To a visitor of HTTP/1.0 the end of the connection is the end of the body,
 * unless it is a reset. */
static void reset_at_close(request_rec *r)
{
    const struct linger reset = {.l_onoff = 1};
    psg_client_t client;

    psg_client_watch(&client, r->connection);
    if (client.fd >= 0 && r->proto_num < HTTP_VERSION(1, 1)
        && !apr_table_get(r->headers_out, "Content-Length")) {
        setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        r->connection->aborted = 1;
    }
}

/* Sends what there is and then the sign by which httpd omits the last chunk,
 * or resets the stream of HTTP/2, and closes the connection. */
static apr_status_t finish_broken(psg_response_buffer_t *buffer)
{
    apr_bucket_alloc_t *allocator = buffer->piece->bucket_alloc;
    request_rec *r = buffer->r;
    apr_status_t status;

    APR_BRIGADE_CONCAT(buffer->piece, buffer->pending);
    APR_BRIGADE_INSERT_TAIL(buffer->piece, apr_bucket_flush_create(allocator));
    status = pass_piece(buffer);
    if (status != APR_SUCCESS) {
        return status;
    }
    r->connection->keepalive = AP_CONN_CLOSE;
    reset_at_close(r);
    APR_BRIGADE_INSERT_TAIL(
        buffer->piece,
        ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, allocator));
    APR_BRIGADE_INSERT_TAIL(buffer->piece, apr_bucket_eos_create(allocator));
    return pass_piece(buffer);
}

apr_status_t psg_response_buffer_finish(psg_response_buffer_t *buffer,
                                        int is_broken)
{
    drop_block(buffer);
    if (is_broken) {
        return finish_broken(buffer);
    }
    APR_BRIGADE_CONCAT(buffer->piece, buffer->pending);
    APR_BRIGADE_INSERT_TAIL(buffer->piece,
                            apr_bucket_eos_create(buffer->piece->bucket_alloc));
    return pass_piece(buffer);
}

void psg_response_buffer_drop(psg_response_buffer_t *buffer)
{
    drop_block(buffer);
    apr_brigade_cleanup(buffer->pending);
    apr_brigade_cleanup(buffer->piece);
}
