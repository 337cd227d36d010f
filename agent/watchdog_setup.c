/* SPDX-License-Identifier: Apache-2.0 */

/* Makes the watchdog what it has to be before it serves anybody. Called once,
 * by watchdog_main(). */
#include "watchdog_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "birth.h"
#include "takeover.h"

/* One packet, for people to read. */
static void answer_parent(const watchdog_t *dog, const char *text)
{
    ssize_t n;

    if (dog->continues) {
        return;
    }
    do {
        n = send(WATCHDOG_FD_PARENT, text, strlen(text), MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
}

static const char *fail(const watchdog_t *dog, const char *what)
{
    return apr_psprintf(dog->pool, "%s: %s", what, strerror(errno));
}

static int parse_id(unsigned *id, const char *text)
{
    char *end;
    unsigned long value;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value >= 0xffffffffUL) {
        return 0;
    }
    *id = (unsigned)value;
    return 1;
}

static const char *parse_options(watchdog_t *dog, int argc, char **argv)
{
    static const struct option options[] = {
        {"instance-dir", required_argument, NULL, 'i'},
        {"loaders", required_argument, NULL, 'l'},
        {"httpd-uid", required_argument, NULL, 'u'},
        {"httpd-gid", required_argument, NULL, 'g'},
        {"core-user", required_argument, NULL, 'c'},
        {"program", required_argument, NULL, 'p'},
        {"continue", no_argument, NULL, 'k'},
        {NULL, 0, NULL, 0},
    };
    int option, right = 1, ids = 0;

    dog->args = argv;
    optind = 0; /* from the beginning, whoever used getopt before */
    while (right
           && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'i':
            dog->instance_path = optarg;
            break;
        case 'l':
            dog->loaders = optarg;
            break;
        case 'u':
            right = parse_id(&dog->httpd_uid, optarg);
            ids |= 1;
            break;
        case 'g':
            right = parse_id(&dog->httpd_gid, optarg);
            ids |= 2;
            break;
        case 'c':
            dog->core_user = optarg;
            break;
        case 'p':
            dog->program = optarg;
            break;
        case 'k':
            dog->continues = 1;
            break;
        default:
            right = 0;
        }
    }
    if (!right || optind != argc || !dog->instance_path || ids != 3) {
        return "usage: passenger-agent watchdog --instance-dir=DIR "
               "--httpd-uid=N --httpd-gid=N [--loaders=DIR] [--core-user=NAME] "
               "[--program=FILE] [--continue]";
    }
    return NULL;
}

/* Only 2 to 6 come from httpd. Everything else it may have left open is closed;
 * 0 and 1 lead nowhere. */
static const char *setup_descriptors(watchdog_t *dog)
{
    int null;

    if (fcntl(WATCHDOG_FD_SCOREBOARD, F_SETFD, FD_CLOEXEC) != 0
        || fcntl(WATCHDOG_FD_PARENT, F_SETFD, FD_CLOEXEC) != 0) {
        return "descriptors 3 and 4 are missing: the watchdog is started by "
               "httpd only";
    }
    fcntl(WATCHDOG_FD_STORE_IN, F_SETFD, FD_CLOEXEC);
    fcntl(WATCHDOG_FD_STORE_OUT, F_SETFD, FD_CLOEXEC);
    store_open(&dog->store, WATCHDOG_FD_STORE_IN, WATCHDOG_FD_STORE_OUT);
    syscall(SYS_close_range, WATCHDOG_FD_FIRST_FREE, ~0u, 0);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0) {
        return fail(dog, "cannot open /dev/null");
    }
    if (null > 1) {
        close(null);
    }
    return NULL;
}

/* A session of its own: Ctrl-C at httpd's terminal is httpd's; we end when it
 * does. Signals come by descriptor. */
static const char *setup_process(watchdog_t *dog)
{
    struct rlimit limit;
    sigset_t all;

    setsid();
    umask(0117); /* sockets 0660 at most; folders get their mode set */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        return fail(dog, "cannot become the reaper of apps' children");
    }
    if (getrlimit(RLIMIT_NOFILE, &dog->files) != 0) {
        return fail(dog, "getrlimit");
    }
    /* A process takes four of our descriptors; apps get the old limit. */
    limit = dog->files;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* if ignored, there would be nothing to reap */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&all);
    sigaddset(&all, SIGCHLD);
    sigaddset(&all, SIGTERM);
    sigaddset(&all, SIGINT);
    dog->signals_fd = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
    return dog->signals_fd < 0 ? fail(dog, "signalfd") : NULL;
}

/* Whom sockets are for. App processes' sockets are for httpd and, for probing,
 * for the core, but not for all who share a group with httpd. */
static const char *setup_users(watchdog_t *dog)
{
    const char *reason = NULL;

    dog->as_root = geteuid() == 0;
    dog->app_access.uid = (uid_t)-1;
    dog->app_access.gid = (gid_t)-1;
    if (!dog->as_root) {
        return NULL;
    }
    if (identity_of_core(&dog->core.user, &reason, dog->core_user,
                         &identity_system_lookup, dog->pool)
        != APR_SUCCESS) {
        return reason;
    }
    dog->app_access.uid = dog->httpd_uid;
    dog->app_access.gid = dog->core.user.gid;
    return NULL;
}

/* A socket an earlier watchdog left is worth nothing without its name. */
static apr_status_t open_agent_socket(watchdog_t *dog)
{
    const socket_access_t ours = {(uid_t)-1, (gid_t)-1, 0};
    const socket_access_t httpd = {dog->httpd_uid, dog->httpd_gid, 0};
    apr_status_t rv;

    if (dog->core.agent_socket >= 0) {
        if (faccessat(dog->dir.fd, WATCHDOG_AGENT_SOCKET, F_OK, 0) == 0) {
            return APR_SUCCESS;
        }
        close(dog->core.agent_socket);
    }
    rv = app_socket_listen(&dog->core.agent_socket, dog->dir.fd,
                           WATCHDOG_AGENT_SOCKET, SOCK_SEQPACKET,
                           dog->as_root ? &httpd : &ours);
    if (rv == APR_SUCCESS) {
        store_put_socket(&dog->store, dog->core.agent_socket);
        dog->store_stale = 1; /* there may be one of the closed socket */
    }
    return rv;
}

/* The folder is locked before anything is taken over, so there is but one of
 * us; what is taken over is known before rubbish is removed. */
static const char *setup_sockets(watchdog_t *dog)
{
    const socket_access_t everybody = {(uid_t)-1, (gid_t)-1, 1};
    const char *reason;

    if (instance_dir_open(&dog->dir, &reason, dog->instance_path,
                          dog->as_root ? dog->httpd_gid : (gid_t)-1, dog->pool)
        != APR_SUCCESS) {
        return reason;
    }
    if (child_table_create(&dog->children, dog->dir.fd, dog->pool)
        != APR_SUCCESS) {
        return fail(dog, "no memory for the table of processes");
    }
    takeover_begin(dog);
    if (instance_dir_prepare(&dog->dir, &reason, takeover_keeps, dog, dog->pool)
        != APR_SUCCESS) {
        return reason;
    }
    instance_dir_clean_siblings(&dog->dir);
    if (open_agent_socket(dog) != APR_SUCCESS) {
        return fail(dog, "cannot make " WATCHDOG_AGENT_SOCKET);
    }
    if (app_socket_listen(&dog->core.admin_socket, dog->dir.fd,
                          INSTANCE_DIR_ADMIN_SOCKET, SOCK_STREAM, &everybody)
        != APR_SUCCESS) {
        return fail(dog, "cannot make " INSTANCE_DIR_ADMIN_SOCKET);
    }
    return NULL;
}

static watchdog_t *create(void)
{
    apr_pool_t *pool;
    watchdog_t *dog;

    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return NULL;
    }
    dog = apr_pcalloc(pool, sizeof(*dog));
    dog->pool = pool;
    dog->pid = getpid();
    dog->loaders = PSG_LOADER_DIR;
    dog->dir.fd = -1;
    dog->core.channel = dog->core.agent_socket = -1;
    dog->strangers = -1;
    dog->births = apr_pcalloc(pool, sizeof(*dog->births));
    dog->frame = apr_palloc(pool, PSG_FRAME_MAX);
    apr_pool_create(&dog->scratch, pool);
    return dog;
}

watchdog_t *watchdog_setup(int argc, char **argv)
{
    watchdog_t *dog = create();
    const char *problem;

    if (!dog) {
        return NULL;
    }
    problem = parse_options(dog, argc, argv);
    problem = problem ? problem : setup_descriptors(dog);
    problem = problem ? problem : setup_process(dog);
    problem = problem ? problem : setup_users(dog);
    problem = problem ? problem : setup_sockets(dog);
    if (problem) {
        agent_log(PSG_LOG_CRIT, "PSG2201: the agent cannot start: %s", problem);
        answer_parent(dog, apr_pstrcat(dog->pool, "error: ", problem, NULL));
        instance_dir_remove(&dog->dir);
        return NULL;
    }
    answer_parent(dog, "ok");
    return dog;
}
