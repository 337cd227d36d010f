/* SPDX-License-Identifier: Apache-2.0 */

/* Translates the head of an app's answer into what httpd sends. Called by
 * response_relay.c. */
#include <string.h>
#include <strings.h>

#include "response_header.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include "config.h"
#include "out_of_band.h"
#include "sticky.h"

enum {
    EARLY_HINTS = 103
};

typedef enum {
    PASS,
    DROP,
    CONTENT_TYPE,
    CONTENT_LENGTH,
} treatment_e;

#define NAME_IS(header, text)               \
    ((header)->name_len == sizeof(text) - 1 \
     && strncasecmp((header)->name, text, sizeof(text) - 1) == 0)

/* httpd writes Date and Server itself; Status is CGI's way of saying what the
 * status line says. */
static treatment_e treat(const psg_header_t *header)
{
    if (NAME_IS(header, "Content-Type")) {
        return CONTENT_TYPE;
    }
    if (NAME_IS(header, "Content-Length")) {
        return CONTENT_LENGTH;
    }
    if (NAME_IS(header, "Date") || NAME_IS(header, "Server")
        || NAME_IS(header, "Status")) {
        return DROP;
    }
    return PASS;
}

/* httpd knows the usual reasons and makes no copy of them. */
static void apply_status(request_rec *r, const psg_response_head_t *head)
{
    const char *usual = ap_get_status_line_ex(r->pool, head->status);

    /* An app that answers an ErrorDocument in the usual way describes the
     * error, it does not undo it. */
    if (r->prev && ap_is_HTTP_ERROR(r->status) && head->status == HTTP_OK) {
        return;
    }
    r->status = head->status;
    r->status_line = usual;
    if (head->reason[0] != '\0'
        && (strlen(usual) < 4 || strcmp(usual + 4, head->reason) != 0)) {
        r->status_line =
            apr_psprintf(r->pool, "%d %s", head->status, head->reason);
    }
}

static void add_powered_by(request_rec *r)
{
    apr_table_mergen(r->headers_out, "X-Powered-By",
                     psg_global_options()->show_version_in_header
                         ? "mod_passenger/" PSG_VERSION
                         : "mod_passenger");
}

void psg_response_header_apply(request_rec *r, const psg_response_head_t *head)
{
    apply_status(r, head);
    for (unsigned i = 0; i < head->header_count; i++) {
        const psg_header_t *header = &head->headers[i];

        switch (treat(header)) {
        case CONTENT_TYPE:
            ap_set_content_type(r, header->value);
            break;
        case CONTENT_LENGTH:
            apr_table_setn(r->headers_out, "Content-Length", header->value);
            r->clength = (apr_off_t)head->content_length;
            break;
        case PASS:
            if (!psg_out_of_band_note(r, header)) {
                apr_table_addn(r->headers_out, header->name, header->value);
            }
            break;
        case DROP:
            break;
        }
    }
    psg_sticky_set_cookie(r, r->headers_out);
    add_powered_by(r);
}

void psg_response_header_keep_for_error(request_rec *r,
                                        const psg_response_head_t *head)
{
    for (unsigned i = 0; i < head->header_count; i++) {
        const psg_header_t *header = &head->headers[i];

        if (NAME_IS(header, "WWW-Authenticate")
            || NAME_IS(header, "Retry-After")
            || NAME_IS(header, "Set-Cookie")) {
            apr_table_addn(r->err_headers_out, header->name, header->value);
        }
    }
    psg_sticky_set_cookie(r, r->err_headers_out);
}

void psg_response_header_interim(request_rec *r,
                                 const psg_response_head_t *head)
{
    apr_table_t *headers_out = r->headers_out;
    const char *status_line = r->status_line;
    int status = r->status;

    if (head->status != EARLY_HINTS || r->main) {
        return;
    }
    r->headers_out = apr_table_make(r->pool, (int)head->header_count);
    for (unsigned i = 0; i < head->header_count; i++) {
        apr_table_addn(r->headers_out, head->headers[i].name,
                       head->headers[i].value);
    }
    r->status = EARLY_HINTS;
    r->status_line = "103 Early Hints";
    ap_send_interim_response(r, 1);
    r->headers_out = headers_out;
    r->status_line = status_line;
    r->status = status;
}
