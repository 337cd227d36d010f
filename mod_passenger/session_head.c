/* SPDX-License-Identifier: Apache-2.0 */

/* A request's head as names and values (loaders/PROTOCOL, section 4), which a
 * loader turns into its language's environment without parsing. */
#include <string.h>
#include <strings.h>

#include "request_head.h"

#include <http_core.h>
#include <http_request.h>
#include <apr_strings.h>

#include "request_target.h"

enum {
    LENGTH_BYTES = 4
};

/* What the server says itself, whether it says it for this request or not: a
 * variable set in httpd never takes such a name (nor HTTP_...), so that what
 * an app reads there is always what httpd found out. */
static const char *const reserved[] = {
    "REQUEST_METHOD", "REQUEST_URI",     "SCRIPT_NAME", "PATH_INFO",
    "QUERY_STRING",   "SERVER_NAME",     "SERVER_PORT", "SERVER_PROTOCOL",
    "REMOTE_ADDR",    "SERVER_SOFTWARE", "REMOTE_PORT", "DOCUMENT_ROOT",
    "HTTPS",          "REMOTE_USER",     "AUTH_TYPE",   "CONTENT_LENGTH",
    "CONTENT_TYPE",
};

/* NAME is a literal; its terminating NUL goes along. */
#define PUT_NAME(head, NAME) psg_request_head_put(head, NAME, sizeof(NAME))

static void put_end(psg_request_head_t *head)
{
    psg_request_head_put(head, "", 1);
}

static void put_text(psg_request_head_t *head, const char *value)
{
    if (value) {
        psg_request_head_put(head, value, strlen(value) + 1);
    }
    else {
        put_end(head);
    }
}

static void put_target(psg_request_head_t *head, request_rec *r,
                       const psg_request_t *request)
{
    const psg_app_type_t *type = request->app.type;
    psg_request_target_t target;

    psg_request_target_find(&target, r, request->app.base_uri);
    PUT_NAME(head, "REQUEST_URI");
    psg_request_head_put(head, target.path, target.path_len);
    if (target.query) {
        psg_request_head_put(head, "?", 1);
        psg_request_head_put(head, target.query, strlen(target.query));
    }
    put_end(head);
    PUT_NAME(head, "SCRIPT_NAME");
    put_text(head, request->app.base_uri);
    PUT_NAME(head, "PATH_INFO");
    if (type && type->decoded_path_info) {
        put_text(head, target.decoded_path_info);
    }
    else {
        psg_request_head_put(head, target.path_info, target.path_info_len);
        put_end(head);
    }
    PUT_NAME(head, "QUERY_STRING");
    put_text(head, target.query);
}

static void put_server(psg_request_head_t *head, request_rec *r)
{
    PUT_NAME(head, "SERVER_NAME");
    put_text(head, ap_get_server_name_for_url(r));
    PUT_NAME(head, "SERVER_PORT");
    psg_request_head_put_number(head, ap_get_server_port(r));
    put_end(head);
    PUT_NAME(head, "SERVER_PROTOCOL");
    put_text(head, r->protocol);
    PUT_NAME(head, "SERVER_SOFTWARE");
    put_text(head, ap_get_server_banner());
    PUT_NAME(head, "DOCUMENT_ROOT");
    put_text(head, ap_document_root(r));
    if (psg_request_is_tls(r)) {
        PUT_NAME(head, "HTTPS");
        put_text(head, "on");
    }
}

static void put_client(psg_request_head_t *head, request_rec *r)
{
    PUT_NAME(head, "REMOTE_ADDR");
    put_text(head, r->useragent_ip);
    PUT_NAME(head, "REMOTE_PORT");
    psg_request_head_put_number(head, r->useragent_addr->port);
    put_end(head);
    if (r->user) {
        PUT_NAME(head, "REMOTE_USER");
        put_text(head, r->user);
    }
    if (r->ap_auth_type) {
        PUT_NAME(head, "AUTH_TYPE");
        put_text(head, r->ap_auth_type);
    }
}

static void put_body(psg_request_head_t *head, request_rec *r,
                     const psg_request_body_t *body)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");

    if (body->present) {
        PUT_NAME(head, "CONTENT_LENGTH");
        psg_request_head_put_number(head, (uint64_t)body->length);
        put_end(head);
    }
    /* The headers of an error document's request are those of the failed one. */
    if (type && (body->present || !r->prev)) {
        PUT_NAME(head, "CONTENT_TYPE");
        put_text(head, type);
    }
}

static int is_reserved(const char *name)
{
    if (strncasecmp(name, "HTTP_", 5) == 0) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strcasecmp(name, reserved[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Tables may hold a name twice; the first one is what httpd itself would see. */
static int is_repeated(const apr_table_entry_t *entries, int i)
{
    for (int j = 0; j < i; j++) {
        if (entries[j].key && entries[j].key_checksum == entries[i].key_checksum
            && strcasecmp(entries[j].key, entries[i].key) == 0) {
            return 1;
        }
    }
    return 0;
}

static void put_variables(psg_request_head_t *head, request_rec *r)
{
    const apr_array_header_t *all = apr_table_elts(r->subprocess_env);
    const apr_table_entry_t *entries = (const apr_table_entry_t *)all->elts;

    for (int i = 0; i < all->nelts; i++) {
        const char *name = entries[i].key;

        if (!name || !name[0] || is_reserved(name) || is_repeated(entries, i)) {
            continue;
        }
        psg_request_head_put(head, name, strlen(name) + 1);
        put_text(head, entries[i].val);
    }
}

void psg_session_head_put(psg_request_head_t *head, request_rec *r,
                          const psg_request_t *request,
                          const psg_request_body_t *body)
{
    size_t len;

    psg_request_head_room(head, LENGTH_BYTES);
    PUT_NAME(head, "REQUEST_METHOD");
    put_text(head, r->method);
    put_target(head, r, request);
    put_server(head, r);
    put_client(head, r);
    put_body(head, r, body);
    psg_request_fields_put(head, r, PSG_FORMAT_SESSION);
    put_variables(head, r);
    if (head->too_large) {
        return;
    }
    len = head->len - LENGTH_BYTES;
    head->data[0] = (char)(len >> 24);
    head->data[1] = (char)(len >> 16);
    head->data[2] = (char)(len >> 8);
    head->data[3] = (char)len;
}
