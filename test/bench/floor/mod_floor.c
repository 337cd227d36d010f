/* SPDX-License-Identifier: Apache-2.0 */

/* The benchmark's floor: the routes of its apps, answered by a handler inside
 * httpd. What a module that asks another process costs is compared with this. */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <util_filter.h>

#include <string.h>

#include <apr_strings.h>

extern __attribute__((visibility("default"))) module floor_module;

enum {
    ANSWER_MAX = 8 << 20
};

static char answer[ANSWER_MAX];

/* The body's length as text, after reading it. */
static const char *read_body(request_rec *r)
{
    char buf[65536];
    long total = 0, got;

    if (ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK) == OK
        && ap_should_client_block(r)) {
        while ((got = ap_get_client_block(r, buf, sizeof(buf))) > 0) {
            total += got;
        }
    }
    return apr_psprintf(r->pool, "%ld\n", total);
}

static int floor_handler(request_rec *r)
{
    apr_bucket_brigade *bb;
    const char *body = answer;
    apr_size_t len;

    if (strcmp(r->handler, "floor") != 0) {
        return DECLINED;
    }
    if (strcmp(r->uri, "/hello") == 0) {
        body = "hello world\n";
        len = strlen(body);
    }
    else if (strcmp(r->uri, "/post") == 0) {
        body = read_body(r);
        len = strlen(body);
    }
    else {
        len = strcmp(r->uri, "/8m") == 0 ? ANSWER_MAX : 65536;
    }
    ap_set_content_type(r, "text/plain");
    ap_set_content_length(r, (apr_off_t)len);
    bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    APR_BRIGADE_INSERT_TAIL(
        bb, apr_bucket_immortal_create(body, len, bb->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(bb->bucket_alloc));
    ap_pass_brigade(r->output_filters, bb);
    return OK;
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    memset(answer, 'x', sizeof(answer));
    ap_hook_handler(floor_handler, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA floor_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks};
