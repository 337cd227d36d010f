/* SPDX-License-Identifier: Apache-2.0 */

/* Sticky sessions: a visitor's cookie says which process he had. Called by
 * handler.c before a process is chosen, by response_header.c afterwards. */
#include "sticky.h"

#include <string.h>

#include <apr_strings.h>

#include "request_head.h"
#include "sticky_cookie.h"

enum {
    IDS_MAX = 8, /* of one request; more cookies are passed over */
};

static const char default_attributes[] = "SameSite=Lax; HttpOnly";

typedef struct {
    const char *name;
    uint32_t ids[IDS_MAX];
    unsigned count;
} seen_t;

static int take_header(void *data, const char *name, const char *value)
{
    seen_t *seen = data;

    (void)name;
    seen->count = psg_sticky_cookie_ids(value, seen->name, seen->ids,
                                        seen->count, IDS_MAX);
    return 1;
}

void psg_sticky_wish(request_rec *r, uint32_t slot, uint32_t group)
{
    psg_request_t *request = psg_request_get(r);
    seen_t seen = {.name = request->options->sticky_sessions_cookie_name};

    apr_table_do(take_header, &seen, r->headers_in, "Cookie", NULL);
    psg_slot_wish(psg_child->sb, slot, group, seen.ids, seen.count);
    request->sticky_wish = psg_child->sb->slots[slot].wish;
}

void psg_sticky_note(request_rec *r, const psg_process_t *process)
{
    psg_request_t *request = psg_request_get(r);

    if (request->options->sticky_sessions) {
        request->sticky_id = process->sticky_id;
    }
}

/* Where the visitor is to send the cookie. */
static const char *path_of(request_rec *r, const psg_request_t *request)
{
    const char *path = ap_escape_uri(r->pool, request->app.base_uri);

    return *path && !strchr(path, ';') ? path : "/";
}

void psg_sticky_set_cookie(request_rec *r, apr_table_t *headers)
{
    const psg_request_t *request = psg_request_get(r);
    const char *attributes, *secure = "";

    if (!request || request->sticky_id == 0
        || request->sticky_id == request->sticky_wish) {
        return;
    }
    attributes = request->options->sticky_sessions_cookie_attributes;
    if (!attributes) {
        attributes = default_attributes;
        /* Without TLS no browser would send it back. */
        secure = psg_request_is_tls(r) ? "; Secure" : "";
    }
    apr_table_addn(headers, "Set-Cookie",
                   apr_psprintf(r->pool, "%s=%u; Path=%s; %s%s",
                                request->options->sticky_sessions_cookie_name,
                                request->sticky_id, path_of(r, request),
                                attributes, secure));
}
