/* SPDX-License-Identifier: Apache-2.0 */

/* Writes the page about an app that does not start. Called by handler.c. */
#include <string.h>

#include "error_page.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>

#include "custom_page.h"

static const char page_start[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<title>The application could not be started</title>\n"
    "<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:3em auto;"
    "padding:0 1em}pre{background:#f4f4f4;padding:1em;overflow:auto;"
    "white-space:pre-wrap}</style></head>\n"
    "<body><h1>The application could not be started</h1>\n";

static const char page_why[] =
    "<p>This is shown because PassengerAppEnv is development, or "
    "PassengerFriendlyErrorPages is on.</p>\n";

/* What the app printed may hold any bytes; what is not text becomes '?'. */
static const char *clean(apr_pool_t *pool, const char *text, size_t len)
{
    char *copy = apr_pstrmemdup(pool, text, len);

    for (size_t i = 0; i < len; i++) {
        if (apr_iscntrl(copy[i]) && copy[i] != '\n' && copy[i] != '\t') {
            copy[i] = '?';
        }
    }
    return ap_escape_html(pool, copy);
}

static void write_details(request_rec *r, const psg_request_t *request,
                          const psg_spawn_error_t *error)
{
    size_t len = error->detail_len < sizeof(error->detail)
                     ? error->detail_len
                     : sizeof(error->detail);

    ap_rvputs(r, "<p>",
              clean(r->pool, error->summary,
                    strnlen(error->summary, sizeof(error->summary))),
              "</p>\n<p>Application: <code>",
              ap_escape_html(r->pool, request->app.root), "</code></p>\n<pre>",
              clean(r->pool, error->detail, len), "</pre>\n", page_why, NULL);
}

static int is_friendly(const psg_options_t *options)
{
    if (strcmp(options->friendly_error_pages, "auto") != 0) {
        return strcmp(options->friendly_error_pages, "on") == 0;
    }
    return strcmp(options->app_env, "development") == 0;
}

static void set_head(request_rec *r, int status)
{
    r->status = status;
    r->status_line = NULL;
    ap_set_content_type(r, "text/html; charset=utf-8");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
}

static void write_apology(request_rec *r)
{
    ap_rputs("<p>Please try again later. If you look after this server, you "
             "find the reason in its log.</p>\n",
             r);
}

static void write_end(request_rec *r, const char *id)
{
    ap_rvputs(r, "<p>Error id: <code>",
              clean(r->pool, id, strnlen(id, PSG_ERROR_ID_SIZE)),
              "</code></p>\n</body></html>\n", NULL);
}

int psg_error_page_explain(request_rec *r, const psg_options_t *options,
                           const char *problem, const char *id)
{
    set_head(r, HTTP_INTERNAL_SERVER_ERROR);
    ap_rputs(page_start, r);
    if (is_friendly(options)) {
        ap_rvputs(r, "<p>No app can be served here: ",
                  clean(r->pool, problem, strlen(problem)), "</p>\n", page_why,
                  NULL);
    }
    else {
        write_apology(r);
    }
    write_end(r, id);
    return OK;
}

int psg_error_page_send(request_rec *r, const psg_request_t *request,
                        int status, const psg_spawn_error_t *error)
{
    const char *page;
    size_t len;

    set_head(r, status);
    if (r->header_only) {
        return OK;
    }
    page = is_friendly(request->options)
               ? NULL
               : psg_custom_page_read(r, request, &len);
    if (page) {
        ap_rwrite(page, (int)len, r);
        return OK;
    }
    ap_rputs(page_start, r);
    if (is_friendly(request->options)) {
        write_details(r, request, error);
    }
    else {
        write_apology(r);
    }
    write_end(r, error->id);
    return OK;
}
