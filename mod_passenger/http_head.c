/* SPDX-License-Identifier: Apache-2.0 */

/* A request's head as HTTP/1.1 (loaders/PROTOCOL, section 5), for programs that
 * bring their own server. */
#include <string.h>

#include "request_head.h"

#include <apr_lib.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include "request_target.h"

#define PUT(head, LITERAL) \
    psg_request_head_put(head, LITERAL, sizeof(LITERAL) - 1)

/* Escapes what would end the request line early. */
static void put_escaped(psg_request_head_t *head, const char *text, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte > 0x20 && byte != 0x7f) {
            psg_request_head_put(head, text + i, 1);
        }
        else {
            char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};

            psg_request_head_put(head, escape, sizeof(escape));
        }
    }
}

/* A user's name may hold anything. */
static void put_clean(psg_request_head_t *head, const char *text)
{
    for (; *text; text++) {
        char byte = apr_iscntrl(*text) ? ' ' : *text;

        psg_request_head_put(head, &byte, 1);
    }
}

static void put_request_line(psg_request_head_t *head, request_rec *r,
                             const psg_request_t *request)
{
    psg_request_target_t target;

    psg_request_target_find(&target, r, request->app.base_uri);
    psg_request_head_put(head, r->method, strlen(r->method));
    PUT(head, " ");
    put_escaped(head, target.path, target.path_len);
    if (target.query) {
        PUT(head, "?");
        put_escaped(head, target.query, strlen(target.query));
    }
    PUT(head, " HTTP/1.1\r\n");
}

/* HTTP/1.0 visitors need not say which host they mean. */
static void put_server_name(psg_request_head_t *head, request_rec *r)
{
    const char *name = ap_get_server_name_for_url(r);
    unsigned port = ap_get_server_port(r);

    psg_request_head_put(head, name, strlen(name));
    if (!ap_is_default_port(port, r)) {
        PUT(head, ":");
        psg_request_head_put_number(head, port);
    }
}

static void put_host(psg_request_head_t *head, request_rec *r, const char *host)
{
    if (host) {
        put_clean(head, host);
    }
    else {
        put_server_name(head, r);
    }
    PUT(head, "\r\n");
}

static void put_client(psg_request_head_t *head, request_rec *r)
{
    const char *host = apr_table_get(r->headers_in, "Host");
    int is_tls = psg_request_is_tls(r);

    if (!host) {
        PUT(head, "Host: ");
        put_host(head, r, NULL);
    }
    PUT(head, "X-Forwarded-For: ");
    put_clean(head, r->useragent_ip);
    if (is_tls) {
        PUT(head, "\r\nX-Forwarded-Proto: https\r\nX-Passenger-Https: on");
    }
    else {
        PUT(head, "\r\nX-Forwarded-Proto: http");
    }
    PUT(head, "\r\nX-Forwarded-Host: ");
    put_host(head, r, host);
    PUT(head, "X-Passenger-Client: ");
    put_clean(head, r->useragent_ip);
    PUT(head, " ");
    psg_request_head_put_number(head, r->useragent_addr->port);
    PUT(head, "\r\n");
    if (r->user) {
        PUT(head, "X-Passenger-User: ");
        put_clean(head, r->user);
        PUT(head, "\r\n");
    }
}

void psg_http_head_put(psg_request_head_t *head, request_rec *r,
                       const psg_request_t *request,
                       const psg_request_body_t *body)
{
    put_request_line(head, r, request);
    psg_request_fields_put(head, r, PSG_FORMAT_HTTP);
    put_client(head, r);
    if (body->present && body->length < 0) {
        PUT(head, "Transfer-Encoding: chunked\r\n");
    }
    else if (body->present) {
        PUT(head, "Content-Length: ");
        psg_request_head_put_number(head, (uint64_t)body->length);
        PUT(head, "\r\n");
    }
    PUT(head, "\r\n");
}
