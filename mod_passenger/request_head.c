/* SPDX-License-Identifier: Apache-2.0 */

/* The buffer in which a request's head is built, and the choice of its format.
 * Called by app_exchange.c. */
#include <string.h>
#include <strings.h>

#include "request_head.h"

#include <http_ssl.h>

enum {
    /* What is asked for less what the allocator adds, so that it is a whole
     * number of pages: these blocks go round in the connection's allocator. */
    FIRST_SIZE = 8192 - 192,
    NUMBER_DIGITS = 20,
};

/* Doubles the buffer until n more bytes fit. */
static int grow(psg_request_head_t *head, size_t n)
{
    size_t size = head->size ? head->size : FIRST_SIZE;
    char *data;

    if (head->too_large || n > PSG_REQUEST_HEAD_MAX - head->len) {
        head->too_large = 1;
        return 0;
    }
    while (size - head->len < n) {
        size *= 2;
    }
    data = apr_bucket_alloc(size, head->allocator);
    if (head->data) {
        memcpy(data, head->data, head->len);
        apr_bucket_free(head->data);
    }
    head->data = data;
    head->size = size;
    return 1;
}

char *psg_request_head_room(psg_request_head_t *head, size_t n)
{
    char *room;

    if (head->size - head->len < n && !grow(head, n)) {
        return NULL;
    }
    room = head->data + head->len;
    head->len += n;
    return room;
}

void psg_request_head_put(psg_request_head_t *head, const char *data, size_t n)
{
    char *room = psg_request_head_room(head, n);

    if (room) {
        memcpy(room, data, n);
    }
}

void psg_request_head_put_number(psg_request_head_t *head, uint64_t number)
{
    char digits[NUMBER_DIGITS];
    char *at = digits + NUMBER_DIGITS;

    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    psg_request_head_put(head, at, (size_t)(digits + NUMBER_DIGITS - at));
}

/* An administrator says HTTPS=on where a proxy in front does TLS. */
int psg_request_is_tls(request_rec *r)
{
    const conn_rec *connection = r->connection;
    const char *said;

    if (ap_ssl_conn_is_ssl(r->connection)
        || (connection->master && ap_ssl_conn_is_ssl(connection->master))) {
        return 1;
    }
    said = apr_table_get(r->subprocess_env, "HTTPS");
    return said && strcasecmp(said, "on") == 0;
}

apr_status_t psg_request_head_build(psg_request_head_t *head, request_rec *r,
                                    const psg_request_t *request,
                                    psg_format_e format,
                                    const psg_request_body_t *body)
{
    memset(head, 0, sizeof(*head));
    head->allocator = r->connection->bucket_alloc;
    if (format == PSG_FORMAT_HTTP) {
        psg_http_head_put(head, r, request, body);
    }
    else {
        psg_session_head_put(head, r, request, body);
    }
    return head->too_large ? APR_ENOSPC : APR_SUCCESS;
}

void psg_request_head_free(psg_request_head_t *head)
{
    if (head->data) {
        apr_bucket_free(head->data);
        head->data = NULL;
    }
}
