/* SPDX-License-Identifier: Apache-2.0 */

/* Finds the apps of PassengerPreStart's URLs as httpd would for a request, and
 * has the agent start them. Called by mod_passenger.c in every new child. */
#include "pre_start.h"

#include <signal.h>
#include <string.h>

#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <apr_uri.h>
#include <ap_mpm.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include "agent_client.h"
#include "config.h"
#include "request_map.h"

APLOG_USE_MODULE(passenger);

enum {
    SECOND = 1000000,
    PATIENCE = 10 * SECOND, /* for the agent, over all URLs */
    STEP = SECOND / 4,      /* how often the end of the child is looked for */
};

/* One child's work. */
typedef struct {
    server_rec *main_server;
    apr_pool_t *pool; /* with an allocator of its own: for one thread */
    apr_thread_t *thread;
    uint64_t deadline;
    int is_over; /* atomic; 1 = the child ends */
} pre_start_t;

/* Whether this child is the first of its configuration that comes here. */
static int claim(void)
{
    uint64_t *done = &psg_child->sb->header.pre_started;
    uint64_t before = __atomic_load_n(done, __ATOMIC_RELAXED);
    int generation = 0;

    ap_mpm_query(AP_MPMQ_GENERATION, &generation);
    /* Not 0, which means that nobody came so far. */
    return before < (uint64_t)generation + 1
           && __atomic_compare_exchange_n(done, &before,
                                          (uint64_t)generation + 1, 0,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Whether s serves that port; *has_address: and has the host as an address. */
static int serves_port(const server_rec *s, const apr_uri_t *uri,
                       int *has_address)
{
    const server_addr_rec *address;
    int serves = 0;

    *has_address = 0;
    for (address = s->addrs; address; address = address->next) {
        if (address->host_port == uri->port || address->host_port == 0) {
            serves = 1;
            *has_address |= !strcasecmp(address->virthost, uri->hostname);
        }
    }
    return serves;
}

static int list_has(const apr_array_header_t *names, const char *host)
{
    for (int i = 0; names && i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);

        if (name && !ap_strcasecmp_match(host, name)) {
            return 1;
        }
    }
    return 0;
}

/* The server that would serve the URL: by its name, else the first of its port,
 * else the main server. Names are not looked up in the DNS, which may not know
 * them yet, or be slow. */
static server_rec *find_server(server_rec *main_server, const apr_uri_t *uri)
{
    server_rec *first = NULL;
    int has_address;

    for (server_rec *s = main_server; s; s = s->next) {
        if (!s->is_virtual || !serves_port(s, uri, &has_address)) {
            continue;
        }
        if (has_address
            || (s->server_hostname
                && !strcasecmp(s->server_hostname, uri->hostname))
            || list_has(s->names, uri->hostname)
            || list_has(s->wild_names, uri->hostname)) {
            return s;
        }
        first = first ? first : s;
    }
    return first ? first : main_server;
}

/* A connection that nobody is at the other end of: enough for hooks that map a
 * request, which read addresses and their own configuration. */
static conn_rec *make_connection(pre_start_t *work, server_rec *s,
                                 const apr_uri_t *uri, apr_pool_t *pool)
{
    conn_rec *c = apr_pcalloc(pool, sizeof(*c));
    char *loopback = apr_pstrdup(pool, "127.0.0.1");

    if (apr_sockaddr_info_get(&c->local_addr, loopback, APR_INET, uri->port, 0,
                              pool)
            != APR_SUCCESS
        || apr_sockaddr_info_get(&c->client_addr, loopback, APR_INET, 0, 0,
                                 pool)
               != APR_SUCCESS) {
        return NULL;
    }
    c->pool = pool;
    c->base_server = s;
    c->local_ip = c->client_ip = loopback;
    c->conn_config = ap_create_conn_config(pool);
    c->notes = apr_table_make(pool, 1);
    c->bucket_alloc = apr_bucket_alloc_create(pool);
    c->keepalive = AP_CONN_CLOSE;
    c->current_thread = work->thread;
    return c;
}

static request_rec *make_request(conn_rec *c, const apr_uri_t *uri)
{
    request_rec *r = ap_create_request(c);
    const char *path = uri->path && uri->path[0] ? uri->path : "/";

    r->request_time = apr_time_now();
    r->method = "GET";
    r->method_number = M_GET;
    r->protocol = apr_pstrdup(r->pool, "HTTP/1.1");
    r->proto_num = HTTP_VERSION(1, 1);
    r->hostname = uri->hostname;
    apr_table_setn(r->headers_in, "Host", uri->hostinfo);
    path =
        apr_pstrcat(r->pool, path, uri->query ? "?" : NULL, uri->query, NULL);
    r->the_request = apr_psprintf(r->pool, "GET %s HTTP/1.1", path);
    ap_parse_uri(r, path);
    return r;
}

/* What httpd does with a request before it asks who may see it: access is for
 * visitors. Returns NULL or why no app was found. */
static const char *map_request(request_rec *r)
{
    int status = ap_unescape_url(r->uri);

    if (status == OK) {
        ap_getparents(r->uri);
        status = ap_location_walk(r);
    }
    if (status == OK) {
        status = ap_if_walk(r);
    }
    if (status == OK) {
        status = ap_run_translate_name(r);
    }
    if (status == OK) {
        r->per_dir_config = r->server->lookup_defaults;
        status = ap_run_map_to_storage(r);
    }
    if (status == OK) {
        status = ap_location_walk(r);
    }
    if (status == OK) {
        status = ap_if_walk(r);
    }
    if (status != OK) {
        return apr_psprintf(r->pool, "httpd itself answers it, with status %d",
                            status);
    }
    if (psg_map_choose(r) != OK) {
        return r->finfo.filetype == APR_REG
                   ? "it is the URL of a file, not of an app"
                   : "there is no app at this URL";
    }
    return strcmp(r->handler, PSG_HANDLER) == 0
               ? NULL
               : "the app there cannot be looked for";
}

/* Asks the agent for the group as often as the deadline allows. */
static apr_status_t warm(const pre_start_t *work, request_rec *r, uint32_t slot)
{
    const psg_request_t *request = psg_request_get(r);
    apr_status_t status = APR_TIMEUP;
    uint32_t group, generation;
    uint64_t now;

    while (APR_STATUS_IS_TIMEUP(status) && (now = psg_now()) < work->deadline
           && !__atomic_load_n(&work->is_over, __ATOMIC_RELAXED)) {
        status = psg_agent_find_group(r, request, slot, now + STEP, &group,
                                      &generation);
    }
    if (status == APR_SUCCESS) {
        psg_agent_tell_warm(group, generation);
    }
    return status;
}

static void start_app(const pre_start_t *work, request_rec *r, const char *url)
{
    uint32_t slot = psg_slot_claim(psg_child->slots);
    apr_status_t status = APR_ENOSPC;

    if (slot != PSG_NONE) {
        status = warm(work, r, slot);
        psg_slot_free(psg_child->slots, slot);
    }
    if (status == APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, r->server,
                     "PSG0041: PassengerPreStart '%s': app '%s' is to start",
                     url, psg_request_get(r)->app.root);
    }
    else {
        ap_log_error(APLOG_MARK, APLOG_ERR, status, r->server,
                     "PSG0042: PassengerPreStart '%s': the agent does not take "
                     "on app '%s', which starts at its first request; see the "
                     "agent's lines in this log",
                     url, psg_request_get(r)->app.root);
    }
}

int psg_pre_start_parse(apr_uri_t *uri, const char *url, apr_pool_t *pool)
{
    return apr_uri_parse(pool, url, uri) == APR_SUCCESS && uri->hostname
           && uri->hostname[0] && uri->scheme
           && (!strcasecmp(uri->scheme, "http")
               || !strcasecmp(uri->scheme, "https"));
}

static const char *start_url(pre_start_t *work, const char *url,
                             apr_pool_t *pool)
{
    server_rec *s;
    const char *why;
    apr_uri_t uri;
    conn_rec *c;
    request_rec *r;

    if (!psg_pre_start_parse(&uri, url, pool)) {
        return "it is no URL that begins with http:// or https:// and a host";
    }
    if (!uri.port_str) {
        uri.port = apr_uri_port_of_scheme(uri.scheme);
    }
    s = find_server(work->main_server, &uri);
    c = make_connection(work, s, &uri, pool);
    if (!c) {
        return "there is no memory";
    }
    r = make_request(c, &uri);
    why = map_request(r);
    if (why) {
        return apr_psprintf(pool, "%s (in the server '%s')", why,
                            s->server_hostname ? s->server_hostname : "");
    }
    start_app(work, r, url);
    return NULL;
}

static void start_all(pre_start_t *work)
{
    const apr_array_header_t *urls = psg_global_options()->pre_start;

    work->deadline = psg_now() + PATIENCE;
    for (int i = 0;
         i < urls->nelts && !__atomic_load_n(&work->is_over, __ATOMIC_RELAXED);
         i++) {
        const char *url = APR_ARRAY_IDX(urls, i, const char *);
        const char *why;
        apr_pool_t *pool;

        if (apr_pool_create(&pool, work->pool) != APR_SUCCESS) {
            return;
        }
        why = start_url(work, url, pool);
        if (why) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, work->main_server,
                         "PSG0040: PassengerPreStart '%s' starts no app: %s; "
                         "correct the URL",
                         url, why);
        }
        apr_pool_destroy(pool);
    }
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    start_all(data);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

/* Before anything of the child is torn down. */
static apr_status_t await_thread(void *data)
{
    pre_start_t *work = data;
    apr_status_t result;

    __atomic_store_n(&work->is_over, 1, __ATOMIC_RELAXED);
    return apr_thread_join(&result, work->thread);
}

/* Signals are the MPM's business, and meant for its own threads. */
static apr_status_t start_thread(pre_start_t *work)
{
    sigset_t all, before;
    apr_status_t status;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = apr_thread_create(&work->thread, NULL, run, work, work->pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == APR_SUCCESS) {
        apr_pool_pre_cleanup_register(psg_child->pool, work, await_thread);
    }
    return status;
}

static pre_start_t *make_work(server_rec *main_server)
{
    apr_allocator_t *allocator;
    apr_pool_t *pool;
    pre_start_t *work;

    if (apr_allocator_create(&allocator) != APR_SUCCESS) {
        return NULL;
    }
    if (apr_pool_create_ex(&pool, psg_child->pool, NULL, allocator)
        != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return NULL;
    }
    apr_allocator_owner_set(allocator, pool);
    work = apr_pcalloc(pool, sizeof(*work));
    work->main_server = main_server;
    work->pool = pool;
    return work;
}

void psg_pre_start(server_rec *main_server)
{
    const apr_array_header_t *urls = psg_global_options()->pre_start;
    int threaded = AP_MPMQ_NOT_SUPPORTED;
    pre_start_t *work;

    if (!urls || urls->nelts == 0 || !claim()) {
        return;
    }
    work = make_work(main_server);
    if (!work) {
        return;
    }
    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    if (threaded == AP_MPMQ_NOT_SUPPORTED
        || start_thread(work) != APR_SUCCESS) {
        start_all(work);
    }
}
