/* SPDX-License-Identifier: Apache-2.0 */

/* The module record, the hooks with the reason for their order, and the start
 * of an httpd child. Called by httpd alone. */

#include "mod_passenger.h"

#include <ap_mpm.h>
#include <mpm_common.h>
#include <http_log.h>
#include <http_request.h>

#include "agent_client.h"
#include "agent_daemon.h"
#include "agent_retained.h"
#include "app_lookup.h"
#include "app_sections.h"
#include "config.h"
#include "config_check.h"
#include "dump.h"
#include "handler.h"
#include "httpd_rights.h"
#include "log.h"
#include "pre_start.h"
#include "request_map.h"
#include "set_env.h"
#include "thread_policy.h"

psg_httpd_child_t *psg_child;

static server_rec *main_server; /* for the log alone */

/* What common/ says goes to httpd's error log. */
static void log_line(psg_log_level_e level, const char *text)
{
    static const int levels[] = {
        [PSG_LOG_CRIT] = APLOG_CRIT,    [PSG_LOG_ERROR] = APLOG_ERR,
        [PSG_LOG_WARN] = APLOG_WARNING, [PSG_LOG_NOTICE] = APLOG_NOTICE,
        [PSG_LOG_INFO] = APLOG_INFO,    [PSG_LOG_DEBUG] = APLOG_DEBUG,
    };

    if (main_server) {
        ap_log_error(APLOG_MARK, levels[level], 0, main_server, "%s", text);
    }
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                       server_rec *s)
{
    main_server = s;
    psg_log_set_sink(log_line);
    psg_set_env_init();
    psg_app_sections_settle(s, pconf);
    return psg_daemon_post_config(pconf, plog, ptemp, s);
}

static void look_at_config(server_rec *s, apr_pool_t *pconf)
{
    psg_config_check(s, pconf);
    psg_dump_config(pconf, s);
}

static void test_config(apr_pool_t *pconf, server_rec *s)
{
    psg_app_sections_settle(s, pconf);
    psg_httpd_rights_use(look_at_config, s, pconf);
}

/* The child ends in order and its threads are gone: nothing waits until the
 * core has noticed. */
static apr_status_t leave_scoreboard(void *data)
{
    psg_httpd_child_t *child = data;

    psg_child = NULL;
    child->sb->children[child->row].closing = 1;
    psg_child_recover(child->sb, child->row);
    return APR_SUCCESS;
}

static apr_status_t join_scoreboard(psg_httpd_child_t *child)
{
    int fd;
    int threaded = 0;
    apr_status_t status;

    if ((status = psg_daemon_join(&fd, &child->instance_dir, child->pool))
        || (status = psg_scoreboard_attach(&child->sb, fd))
        || (status = psg_child_claim(child->sb, &child->row))) {
        return status;
    }
    status =
        psg_slot_pool_create(&child->slots, child->sb, child->row, child->pool);
    if (status != APR_SUCCESS) {
        psg_child_recover(child->sb, child->row);
        return status;
    }
    /* Without threads this cleanup may run inside a signal handler that
     * interrupted a holder of a lock; then the core does it. */
    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    if (threaded != AP_MPMQ_NOT_SUPPORTED) {
        apr_pool_cleanup_register(child->pool, child, leave_scoreboard,
                                  apr_pool_cleanup_null);
    }
    return APR_SUCCESS;
}

/* A child that cannot join serves everything but apps; psg_child stays NULL. */
static void child_init(apr_pool_t *pool, server_rec *s)
{
    psg_httpd_child_t *child = apr_pcalloc(pool, sizeof(*child));
    apr_status_t status;

    main_server = s;
    child->pool = pool;
    status = psg_app_lookup_init(pool);
    if (status == APR_SUCCESS) {
        status = join_scoreboard(child);
    }
    if (status == APR_SUCCESS) {
        status = psg_agent_client_init(child);
    }
    if (status == APR_SUCCESS) {
        psg_child = child;
        psg_pre_start(s);
    }
    else {
        ap_log_error(
            APLOG_MARK, APLOG_CRIT, status, s,
            "PSG0020: this process cannot reach the passenger agent and will "
            "answer requests for apps with an error");
    }
}

static void register_hooks(apr_pool_t *pool)
{
    static const char *const mod_dir[] = {"mod_dir.c", NULL};
    static const char *const folder_readers[] = {"mod_dir.c", "mod_speling.c",
                                                 NULL};

    (void)pool;
    psg_retained_guard_forks();
    /* Before any directive of this reading. */
    ap_hook_pre_config(psg_config_begin, NULL, NULL, APR_HOOK_MIDDLE);
    /* The error log is open by now: open_logs is an earlier phase. */
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(test_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(psg_daemon_monitor, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);

    /* Before mod_negotiation, which would search folders for an app's URIs, and
     * mod_mime, which would guess their type. The directory walk is over, so
     * whether there is a file is known without asking. */
    ap_hook_type_checker(psg_map_choose, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* Whoever sets another handler (SetHandler, mod_rewrite, mod_proxy) has
     * done so before LAST. mod_dir would redirect to a trailing slash. */
    ap_hook_fixups(psg_map_hide_folder, NULL, mod_dir, APR_HOOK_LAST);
    ap_hook_fixups(psg_map_show_folder, folder_readers, NULL,
                   APR_HOOK_REALLY_LAST);

    ap_hook_handler(psg_thread_policy_review, NULL, NULL,
                    APR_HOOK_REALLY_FIRST);
    /* Both look at r->handler first, so no order matters. */
    ap_hook_handler(psg_map_refuse, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(psg_handler, NULL, NULL, APR_HOOK_MIDDLE);
}

/* The per-directory configuration serves servers too (s->lookup_defaults). */
AP_DECLARE_MODULE(passenger) = {
    STANDARD20_MODULE_STUFF,
    psg_config_create_dir,
    psg_config_merge_dir,
    NULL,
    NULL,
    psg_config_directives,
    register_hooks,
};
