/* SPDX-License-Identifier: Apache-2.0 */

/* Decides which requests an app answers: those for which core's directory walk
 * found no regular file. Hooks, called by httpd; see register_hooks(). */

#include "request_map.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>

#include "app_files.h"
#include "app_lookup.h"
#include "error_page.h"
#include "htaccess.h"
#include "set_env.h"

APLOG_USE_MODULE(passenger);

/* r->handler of requests that belong to an app we cannot look for. It is a
 * handler and not an error of its own phase, so that SetHandler, a redirect or
 * access control still win. */
#define PROBLEM_HANDLER "passenger-problem"

/* What request_config points to. */
typedef struct {
    psg_request_t request; /* first: others see only this */
    const char *problem;
    int folder_hidden;
} mapping_t;

static mapping_t *mapping_of(request_rec *r)
{
    return ap_get_module_config(r->request_config, &passenger_module);
}

static int has_path_info(const request_rec *r)
{
    return r->path_info && r->path_info[0];
}

/* Can this request be an app's? What is mapped to no file (a proxied request)
 * or has a handler already (ScriptAlias) cannot. Nor can CONNECT: to a visitor
 * a good answer to it has no body but is a tunnel (RFC 9110, section 9.3.6), so
 * that he would read an app's words as another answer. */
static int is_eligible(const request_rec *r, const psg_options_t *options)
{
    if (!options->enabled || r->proxyreq || r->handler
        || r->method_number == M_CONNECT) {
        return 0;
    }
    if (!r->filename || r->filename[0] != '/') {
        return 0;
    }
    return r->finfo.filetype != APR_REG || has_path_info(r);
}

/* As whom the app runs, as far as can be known here. */
static apr_uid_t user_of(const psg_app_t *app, const psg_options_t *options,
                         apr_pool_t *pool)
{
    apr_uid_t uid;
    apr_gid_t gid;

    if (options->user
        && apr_uid_get(&uid, &gid, options->user, pool) == APR_SUCCESS) {
        return uid;
    }
    return app->owner;
}

/* NULL, or why .htaccess keeps us from serving. */
static const char *check_htaccess(request_rec *r, const psg_app_t *app)
{
    const psg_dir_config_t *config = psg_request_config(r);

    return config->htaccess ? psg_htaccess_check(
               config, user_of(app, &config->options, r->pool), r->pool)
                            : NULL;
}

static int refuse_file(request_rec *r)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "PSG0028: '%s' belongs to an app and is not served "
                  "(PassengerProtectAppFiles)",
                  r->filename);
    return HTTP_FORBIDDEN;
}

/* What the .htaccess of old Ruby on Rails apps leads to, be it there or not. */
static int is_dispatcher(const request_rec *r)
{
    const char *name = apr_filepath_name_get(r->filename);

    return strcmp(name, "dispatch.cgi") == 0
           || strcmp(name, "dispatch.fcgi") == 0;
}

/* Guides for shared hosts have a rule in .htaccess that leads every URI to the
 * startup file; that file is for us to start, and its URI nobody's. */
static int was_led_to_start(request_rec *r, const psg_options_t *options)
{
    const char *problem;
    psg_app_t app;

    return r->prev && r->filename && options->enabled
           && (r->finfo.filetype == APR_REG || is_dispatcher(r))
           && psg_app_lookup(&app, &problem, r, options) == APR_SUCCESS
           && (is_dispatcher(r) || psg_app_file_is_startup(r, &app));
}

/* The request becomes what the visitor asked for. */
static void undo_rewriting(request_rec *r)
{
    const request_rec *first = r->prev;

    while (first->prev) {
        first = first->prev;
    }
    r->uri = apr_pstrdup(r->pool, first->uri);
    r->unparsed_uri = first->unparsed_uri;
    r->parsed_uri = first->parsed_uri;
    r->finfo.filetype = APR_NOFILE;
}

int psg_map_choose(request_rec *r)
{
    const psg_options_t *options = psg_htaccess_apply(r, psg_request_config(r));
    const char *problem = NULL;
    mapping_t *mapping;
    psg_app_t app;
    apr_status_t status;

    if (was_led_to_start(r, options)) {
        undo_rewriting(r);
    }
    if (r->finfo.filetype == APR_REG && options->enabled
        && options->protect_app_files && r->filename
        && psg_app_file_is_private(r, options)) {
        return refuse_file(r);
    }
    if (!is_eligible(r, options)) {
        return DECLINED;
    }
    status = psg_app_lookup(&app, &problem, r, options);
    if (APR_STATUS_IS_ENOENT(status)) {
        return DECLINED;
    }
    if (status == APR_SUCCESS) {
        problem = check_htaccess(r, &app);
    }
    mapping = apr_pcalloc(r->pool, sizeof(*mapping));
    mapping->request.options = options;
    mapping->request.env = psg_set_env_of(r);
    mapping->problem = problem;
    if (!problem) {
        mapping->request.app = app;
    }
    ap_set_module_config(r->request_config, &passenger_module, mapping);
    r->handler = problem ? PROBLEM_HANDLER : PSG_HANDLER;
    /* OK ends the phase: nobody guesses a type or searches variants. */
    return OK;
}

/* The mapping, if nobody took the request from us since. */
static mapping_t *mapping_if_ours(request_rec *r)
{
    if (!r->handler
        || (strcmp(r->handler, PSG_HANDLER)
            && strcmp(r->handler, PROBLEM_HANDLER))) {
        return NULL;
    }
    return mapping_of(r);
}

/* What a cached page of this URI has behind the URI, or NULL. The folder it
 * would be in exists: core cuts the path behind the first missing name. */
static const char *page_suffix(const request_rec *r)
{
    size_t len = strlen(r->uri);

    if (has_path_info(r) || len == 0) {
        return NULL;
    }
    if (r->finfo.filetype == APR_DIR) {
        return r->uri[len - 1] == '/' ? "index.html" : ".html";
    }
    return r->finfo.filetype == APR_NOFILE ? ".html" : NULL;
}

/* Is there a page? The one stat that a dynamic GET costs. */
static int page_exists(request_rec *r, const char *suffix)
{
    size_t len = strlen(r->filename);
    apr_finfo_t info;

    while (len > 1 && r->filename[len - 1] == '/') {
        len--;
    }
    return apr_stat(&info,
                    apr_psprintf(r->pool, "%.*s%s%s", (int)len, r->filename,
                                 suffix[0] == '.' ? "" : "/", suffix),
                    APR_FINFO_TYPE, r->pool)
               == APR_SUCCESS
           && info.filetype == APR_REG;
}

/* Serves x.html for /x and folder/index.html for /folder/. The page goes through
 * all phases as a request of its own; one that the client may not see, or that
 * is not a plain file there, is as good as none. */
static int serve_page(request_rec *r)
{
    const char *suffix = page_suffix(r);
    request_rec *page;
    const char *uri;

    if (!suffix || !page_exists(r, suffix)) {
        return 0;
    }
    uri = apr_pstrcat(r->pool, ap_escape_uri(r->pool, r->uri), suffix,
                      r->args ? "?" : NULL, r->args, NULL);
    page = ap_sub_req_lookup_uri(uri, r, r->output_filters);
    if (page->status != HTTP_OK || page->finfo.filetype != APR_REG
        || has_path_info(page)) {
        ap_destroy_sub_req(page);
        return 0;
    }
    ap_internal_fast_redirect(page, r);
    return 1;
}

int psg_map_hide_folder(request_rec *r)
{
    mapping_t *mapping = mapping_if_ours(r);

    if (!mapping) {
        return DECLINED;
    }
    if (r->method_number == M_GET && serve_page(r)) {
        return OK;
    }
    if (r->finfo.filetype == APR_DIR) {
        mapping->folder_hidden = 1;
        r->finfo.filetype = APR_NOFILE;
    }
    return DECLINED;
}

int psg_map_show_folder(request_rec *r)
{
    mapping_t *mapping = mapping_of(r);

    if (mapping && mapping->folder_hidden) {
        mapping->folder_hidden = 0;
        r->finfo.filetype = APR_DIR;
    }
    return DECLINED;
}

int psg_map_refuse(request_rec *r)
{
    mapping_t *mapping;
    char id[PSG_ERROR_ID_SIZE];

    if (!r->handler || strcmp(r->handler, PROBLEM_HANDLER)) {
        return DECLINED;
    }
    mapping = mapping_of(r);
    if (!mapping || !mapping->problem) {
        return DECLINED; /* somebody's SetHandler */
    }
    psg_error_id_make(id);
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "PSG0030: no app can be served here: %s; error id %s",
                  mapping->problem, id);
    /* The server's options: what a .htaccess says may be the problem. */
    return psg_error_page_explain(r, &psg_request_config(r)->options,
                                  mapping->problem, id);
}
