/* SPDX-License-Identifier: Apache-2.0 */

/* httpd's parent and the agent: one agent for the whole life of httpd, however
 * often its configuration is read again. Hooks, called by httpd's parent. */

#include "agent_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_portable.h>
#include <apr_strings.h>
#include <ap_mpm.h>
#include <http_core.h>
#include <http_log.h>
#include <unixd.h>

#include "agent_launch.h"
#include "agent_retained.h"
#include "config.h"
#include "wire.h"

APLOG_USE_MODULE(passenger);

/* The longest name of a socket below the instance dir. */
#define LONGEST_SOCKET "/apps/16383.4294967295"

enum {
    SOCKET_PATH_MAX = 107, /* bytes of sun_path, without the NUL */
    STEADY = 10 * 1000000, /* microseconds; who lived that long is restarted
                                at once; who did not, so many times in a row,
                                and then at the next turn of monitor */
    QUICK_MAX = 30,
    SEND_MS = 2000,
};

/* Both of this reading of the configuration; NULL before post_config. */
static psg_retained_t *retained;
static apr_pool_t *reading_pool;
static server_rec *main_server;

static void supervise(int reason, void *data, int status);

static int httpd_is_stopping(void)
{
    int state = 0;

    return ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING
           || (ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS
               && state == AP_MPMQ_STOPPING);
}

/* Names the folder of the sockets in *path. */
static apr_status_t name_instance_dir(const char **path, server_rec *s,
                                      apr_pool_t *pool)
{
    const char *registry = psg_global_options()->instance_registry_dir;
    const char *folder = apr_psprintf(pool, "passenger.%d", (int)getpid());

    if (registry) {
        *path = apr_pstrcat(pool, ap_server_root_relative(pool, registry), "/",
                            folder, NULL);
    }
    else {
        *path = ap_runtime_dir_relative(pool, folder);
    }
    if (*path && strlen(*path) < sizeof(retained->instance_dir)) {
        return APR_SUCCESS;
    }
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                 "PSG0001: no folder for sockets can be in '%s': set "
                 "PassengerInstanceRegistryDir to another one",
                 registry ? registry : "DefaultRuntimeDir");
    return APR_ENAMETOOLONG;
}

/* The first reading of the configuration, before httpd leaves the terminal:
 * what can be said there already is. */
static int rehearse(server_rec *s, apr_pool_t *pool)
{
    const char *path;
    const char *error = psg_agent_check_program(pool);

    if (error) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "PSG0002: cannot start the passenger agent: %s", error);
    }
    if (error || name_instance_dir(&path, s, pool) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* Opens what the agent writes to: *fd, which the caller closes if *ours. */
static apr_status_t open_log(int *fd, int *ours, server_rec *s,
                             apr_pool_t *pool)
{
    const char *name = psg_global_options()->log_file;
    apr_os_file_t error_log;

    *ours = name != NULL;
    if (name) {
        name = ap_server_root_relative(pool, name);
        *fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
                   0640);
        if (*fd >= 0) {
            return APR_SUCCESS;
        }
        ap_log_error(APLOG_MARK, APLOG_CRIT, errno, s,
                     "PSG0003: cannot open PassengerLogFile '%s'", name);
        return APR_EGENERAL;
    }
    if (s->error_log
        && apr_os_file_get(&error_log, s->error_log) == APR_SUCCESS) {
        *fd = error_log;
        return APR_SUCCESS;
    }
    *fd = STDERR_FILENO;
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                 "PSG0010: ErrorLog is not a file, so what the passenger agent "
                 "and the apps say goes to standard error, perhaps to nowhere: "
                 "set PassengerLogFile");
    return APR_SUCCESS;
}

/* The ids of httpd's children. */
static void find_httpd_ids(unsigned *uid, unsigned *gid)
{
    int root = geteuid() == 0;

    *uid = root ? ap_unixd_config.user_id : geteuid();
    *gid = root ? ap_unixd_config.group_id : getegid();
}

static apr_status_t send_config(int log, server_rec *s)
{
    const unsigned global = 1u << PSG_SCOPE_GLOBAL;
    char options[PSG_GROUP_OPTIONS_SIZE];
    psg_message_t msg = {.number = PSG_MSG_CONFIG};
    apr_status_t status;

    find_httpd_ids(&msg.as.config.httpd_uid, &msg.as.config.httpd_gid);
    msg.as.config.options.data = options;
    msg.as.config.options.len = psg_options_encode(psg_global_options(), global,
                                                   options, sizeof(options));
    msg.as.config.users_list.data =
        psg_config_users_list(&msg.as.config.users_list.len);
    status = psg_wire_send(retained->socket, &msg, &log, 1, SEND_MS);
    if (status != APR_SUCCESS) {
        ap_log_error(
            APLOG_MARK, APLOG_CRIT, status, s,
            "PSG0004: cannot tell the passenger agent its configuration; with "
            "some thousand users in PassengerUser it is too long");
    }
    return status;
}

/* APR keeps a list of processes that are not the MPM's children; its entries go
 * with the pool of the configuration, and with the process. */
static void watch_agent(void)
{
    retained->proc.pid = retained->agent;
    apr_proc_other_child_register(&retained->proc, supervise, retained, NULL,
                                  reading_pool);
}

/* A copy that the fork keeps: see agent_retained.h. */
static int dup_private(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static apr_status_t start_agent(int log, server_rec *s, apr_pool_t *pool)
{
    psg_launch_t launch = {
        .instance_dir = retained->instance_dir,
        .log = log,
        .scoreboard = retained->scoreboard,
        .store = {dup_private(retained->store[0]),
                  dup_private(retained->store[1])},
    };
    const char *error;
    pid_t pid;
    apr_status_t status;

    find_httpd_ids(&launch.httpd_uid, &launch.httpd_gid);
    retained->started = psg_now();
    status = psg_agent_launch(&pid, &retained->socket, &error, &launch, pool);
    psg_retained_close(launch.store, 2);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "PSG0005: cannot start the passenger agent: %s", error);
        return status;
    }
    retained->agent = pid;
    watch_agent();
    return APR_SUCCESS;
}

static void forget_agent(void)
{
    if (retained->socket >= 0) {
        close(retained->socket);
    }
    retained->socket = -1;
    retained->agent = 0;
}

/* The MPM does not wait for children between two readings. */
static int agent_is_running(void)
{
    return retained->agent && waitpid(retained->agent, NULL, WNOHANG) == 0;
}

/* An agent with the configuration of today: the running one, or a new one. */
static apr_status_t bring_up(server_rec *s, apr_pool_t *pool)
{
    int log, ours;
    apr_status_t status = open_log(&log, &ours, s, pool);

    if (status != APR_SUCCESS) {
        return status;
    }
    if (agent_is_running()) {
        watch_agent();
    }
    else {
        forget_agent();
        status = start_agent(log, s, pool);
    }
    if (status == APR_SUCCESS) {
        status = send_config(log, s);
    }
    if (ours) {
        close(log);
    }
    return status;
}

static void revive(void)
{
    apr_pool_t *scratch;

    if (apr_pool_create(&scratch, reading_pool) != APR_SUCCESS) {
        return;
    }
    if (bring_up(main_server, scratch) == APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, main_server,
                     "PSG0006: the passenger agent has been started again");
    }
    apr_pool_destroy(scratch);
}

/* Called by the MPM when a process that is not a child of its own has changed:
 * the agent has died, or httpd reads its configuration again. */
static void supervise(int reason, void *data, int status)
{
    int at_once;

    if (reason != APR_OC_REASON_DEATH && reason != APR_OC_REASON_LOST) {
        return;
    }
    apr_proc_other_child_unregister(data); /* calls us again; see above */
    forget_agent();
    if (httpd_is_stopping()) {
        return;
    }
    if (psg_now() - retained->started >= STEADY) {
        retained->quick_deaths = 0;
    }
    at_once = retained->quick_deaths++ < QUICK_MAX;
    ap_log_error(
        APLOG_MARK, APLOG_ERR, 0, main_server,
        "PSG0007: the passenger agent has died (status %d); it is started "
        "again %s",
        status, at_once ? "now" : "within some seconds");
    if (at_once) {
        revive();
    }
}

int psg_daemon_monitor(apr_pool_t *pool, server_rec *s)
{
    (void)pool;
    (void)s;
    if (retained && !retained->agent && retained->httpd == getpid()
        && !httpd_is_stopping()) {
        revive();
    }
    return DECLINED;
}

/* The configuration goes: with httpd itself, or to be read again. */
static apr_status_t end_with_httpd(void *data)
{
    psg_retained_t *kept = data;
    retained = NULL;

    if (kept->httpd == getpid() && kept->agent
        && ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING) {
        psg_agent_end(kept->agent, kept->socket);
        kept->agent = 0;
        kept->socket = -1;
    }
    return APR_SUCCESS;
}

static void tell_user_once(server_rec *s)
{
    if (geteuid() == 0 || retained->told_user) {
        return;
    }
    retained->told_user = 1;
    ap_log_error(
        APLOG_MARK, APLOG_NOTICE, 0, s,
        "PSG0008: httpd was not started as root: all apps run as the same "
        "user, uid %d",
        (int)geteuid());
}

static apr_status_t prepare(server_rec *s, apr_pool_t *pool)
{
    apr_status_t status = APR_SUCCESS;
    const char *path;

    retained->httpd = getpid();
    status = name_instance_dir(&path, s, pool);
    if (status == APR_SUCCESS && !retained->instance_dir[0]) {
        apr_cpystrn(retained->instance_dir, path,
                    sizeof(retained->instance_dir));
    }
    else if (status == APR_SUCCESS && strcmp(retained->instance_dir, path)) {
        ap_log_error(
            APLOG_MARK, APLOG_NOTICE, 0, s,
            "PSG0011: the passenger agent stays in '%s'; the new "
            "PassengerInstanceRegistryDir counts when httpd is stopped "
            "and started",
            retained->instance_dir);
    }
    if (status == APR_SUCCESS && retained->store[0] < 0
        && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
                      retained->store)
               != 0) {
        status = errno;
        ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                     "PSG0013: cannot make a socket pair for what the "
                     "passenger agent must not lose");
    }
    if (status == APR_SUCCESS && retained->scoreboard < 0) {
        status = psg_scoreboard_create(&retained->scoreboard);
        if (status != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, status, s,
                         "PSG0009: cannot make the passenger scoreboard");
        }
    }
    return status;
}

int psg_daemon_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    if (ap_state_query(AP_SQ_RUN_MODE) != AP_SQ_RM_NORMAL) {
        return OK;
    }
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return rehearse(s, ptemp);
    }
    retained = psg_retained_get(s);
    reading_pool = pconf;
    main_server = s;
    apr_pool_cleanup_register(pconf, retained, end_with_httpd,
                              apr_pool_cleanup_null);
    if (prepare(s, ptemp) != APR_SUCCESS || bring_up(s, ptemp) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    tell_user_once(s);
    return OK;
}

/* A name for the instance dir that leaves room for those of sockets, which are
 * short: a longer one begins with a descriptor of the folder above, since the
 * instance dir itself is another one when the agent was started again. */
static const char *name_for_sockets(apr_pool_t *pool)
{
    const char *path = retained->instance_dir;
    const char *name = strrchr(path, '/') + 1;
    int fd;

    if (strlen(path) + strlen(LONGEST_SOCKET) <= SOCKET_PATH_MAX) {
        return path;
    }
    fd = open(apr_pstrmemdup(pool, path, (size_t)(name - path)),
              O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? path : apr_psprintf(pool, "/proc/self/fd/%d/%s", fd, name);
}

apr_status_t psg_daemon_join(int *scoreboard, const char **instance_dir,
                             apr_pool_t *pool)
{
    if (!retained || retained->scoreboard < 0) {
        return APR_ENOENT;
    }
    *scoreboard = retained->scoreboard;
    *instance_dir = name_for_sockets(pool);
    return APR_SUCCESS;
}
