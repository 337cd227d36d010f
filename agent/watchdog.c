/* SPDX-License-Identifier: Apache-2.0 */

/* The watchdog's loop: one thread, which waits for signals, for httpd's parent
 * and for the core. Started by httpd's parent; ends when that ends. */
#include "watchdog.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_guard.h"
#include "app_spawn.h"
#include "birth.h"
#include "main.h"
#include "options.h"
#include "orphans.h"
#include "takeover.h"
#include "upgrade.h"
#include "watchdog_setup.h"

/* Microseconds. All together are below the 7 s that httpd waits for us. */
enum {
    APPS_MAY_END = 5000000,    /* after SIGTERM, before SIGKILL */
    KILLED_MAY_LAST = 1000000, /* a process in the kernel's hands dies later */
    ORPHANS_MAY_LAST = 500000,
};

enum {
    /* What the loop always waits for; births come after them. */
    OWN_FDS = 4,
    /* Ended children that one turn reaps: a tenant may make orphans without
     * end, which become ours. */
    REAPED_IN_TURN = 256,
};

/* A call failed that must not fail. Whatever it is, the loop must not spin. */
static void pause_after(const char *what, apr_status_t rv)
{
    char text[128];

    agent_log(PSG_LOG_ERROR, "PSG2210: %s: %s", what,
              apr_strerror(rv, text, sizeof(text)));
    poll(NULL, 0, 100);
}

/* httpd ended, or somebody wants us to: apps get time to finish. */
static void begin_end(watchdog_t *dog, const char *why)
{
    app_child_t *child = NULL;

    if (dog->ending) {
        return;
    }
    agent_log(PSG_LOG_INFO, "PSG2211: %s: ending all apps", why);
    dog->ending = psg_now();
    core_process_tell_end(dog, why);
    core_process_end(dog, 0);
    while ((child = child_table_next(dog->children, child)) != NULL) {
        child_signal(child, SIGTERM);
    }
    orphans_signal(dog, SIGTERM);
}

static void kill_all(watchdog_t *dog)
{
    app_child_t *child = NULL;

    dog->killed = 1;
    while ((child = child_table_next(dog->children, child)) != NULL) {
        agent_log(PSG_LOG_WARN,
                  "PSG2212: process %d does not end by itself: killed",
                  (int)child->pid);
        child_signal(child, SIGKILL);
        child_signal_group(child, SIGKILL);
    }
    orphans_signal(dog, SIGKILL);
    core_process_end(dog, 1);
}

/* What the app started itself goes with it. Its process group is still its
 * own: the leader has ended but is not reaped, so its number is not free. */
static void end_group(const siginfo_t *leader)
{
    int killed = leader->si_code != CLD_EXITED && leader->si_status == SIGKILL;

    kill(-leader->si_pid, killed ? SIGKILL : SIGTERM);
}

void watchdog_app_exited(watchdog_t *dog, app_child_t *child, int status)
{
    child->status = status;
    child->exited = 1;
    dog->store_stale = 1;
    app_guard_ended(dog, child);
    if (dog->core.channel < 0) {
        child_table_drop(dog->children, child); /* nobody to tell */
    }
}

/* Those of our children that ended: first seen, then reaped. */
static void reap(watchdog_t *dog)
{
    int left = REAPED_IN_TURN;

    for (; left > 0; left--) {
        siginfo_t info = {.si_pid = 0};
        app_child_t *child;
        int status = 0;

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0
            || info.si_pid == 0) {
            break;
        }
        child = child_table_find_pid(dog->children, info.si_pid);
        if (child) {
            end_group(&info);
        }
        waitpid(info.si_pid, &status, 0);
        if (child) {
            watchdog_app_exited(dog, child, status);
        }
        else if (info.si_pid == dog->core.pid) {
            core_process_ended(dog, status);
        }
    }
    dog->reaps_on = left == 0;
    if (dog->ending) {
        orphans_signal(dog, SIGTERM); /* perhaps we got new ones */
    }
}

static void take_signals(watchdog_t *dog)
{
    struct signalfd_siginfo info;

    if (read(dog->signals_fd, &info, sizeof(info)) != sizeof(info)) {
        return;
    }
    if (info.ssi_signo == SIGCHLD) {
        reap(dog);
    }
    else {
        begin_end(dog, "the agent was told to end");
    }
}

static void close_fds(const int *fds, int count)
{
    while (count > 0) {
        close(fds[--count]);
    }
}

static psg_bytes_t copy_bytes(psg_bytes_t bytes, apr_pool_t *pool)
{
    bytes.data = apr_pmemdup(pool, bytes.data, bytes.len);
    return bytes;
}

/* Replaces the configuration and has it told to the core. */
static void take_config(watchdog_t *dog, const psg_message_t *msg)
{
    const psg_msg_config_t *config = &msg->as.config;
    psg_options_t *options;
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, dog->pool);

    if (rv == APR_SUCCESS) {
        rv = psg_options_decode(&options, config->options.data,
                                config->options.len, pool);
    }
    if (rv != APR_SUCCESS) {
        agent_log(
            PSG_LOG_CRIT,
            "PSG2213: httpd sent a configuration that cannot be understood: is "
            "mod_passenger of another version than passenger-agent? The "
            "configuration before stays");
        if (pool) {
            apr_pool_destroy(pool);
        }
        return;
    }
    if (dog->config_pool) {
        apr_pool_destroy(dog->config_pool);
    }
    dog->config_pool = pool;
    dog->config = *msg;
    dog->config.as.config.options = copy_bytes(config->options, pool);
    dog->config.as.config.users_list = copy_bytes(config->users_list, pool);
    dog->rules.user_switching = options->user_switching;
    dog->rules.default_user = options->default_user;
    dog->rules.default_group = options->default_group;
    dog->rules.users_list = dog->config.as.config.users_list.data;
    dog->rules.users_list_len = dog->config.as.config.users_list.len;
    agent_log_set_level(options->log_level);
    dog->core.config_owed = 1;
    core_process_start_now(dog);
}

/* The log comes first: what is wrong with the rest belongs into it. */
static void take_parent_message(watchdog_t *dog, const psg_message_t *msg,
                                const int *fds, int fd_count)
{
    if (msg->number != PSG_MSG_CONFIG) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2214: httpd sent %s, which is not for the watchdog",
                  psg_wire_name(msg->number));
        return;
    }
    if (fd_count > 0 && dup2(fds[0], WATCHDOG_FD_LOG) < 0) {
        agent_log(PSG_LOG_ERROR, "PSG2215: cannot use the new log file: %s",
                  strerror(errno));
    }
    if (dog->as_root
        && (msg->as.config.httpd_uid != dog->httpd_uid
            || msg->as.config.httpd_gid != dog->httpd_gid)) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2216: httpd's User or Group was changed: stop and "
                  "start httpd, or apps are not reached");
    }
    take_config(dog, msg);
}

static void read_parent(watchdog_t *dog)
{
    psg_message_t msg;
    int fds[PSG_FRAME_MAX_FDS], fd_count = 0;
    apr_status_t rv =
        psg_wire_recv(WATCHDOG_FD_PARENT, &msg, dog->frame, fds, &fd_count);

    if (rv == APR_SUCCESS) {
        take_parent_message(dog, &msg, fds, fd_count);
        close_fds(fds, fd_count);
    }
    else if (APR_STATUS_IS_EOF(rv)) {
        begin_end(dog, "httpd ended");
    }
    else if (!APR_STATUS_IS_EAGAIN(rv)) {
        pause_after("cannot read what httpd sent", rv);
    }
}

static void spawn_app(watchdog_t *dog, const psg_msg_spawn_t *spawn)
{
    const char *reason = NULL;

    if (app_spawn(dog, spawn, &reason) != APR_SUCCESS) {
        core_process_spawn_failed(dog, spawn->process,
                                  spawn->process_generation, reason);
    }
}

/* A process that ended a moment ago is no error: the core will be told. */
static void signal_app(watchdog_t *dog, const psg_msg_signal_t *msg)
{
    app_child_t *child = child_table_find_living(dog->children, msg->process,
                                                 msg->process_generation);

    if (child && msg->signal > 0 && msg->signal < NSIG) {
        child_signal(child, (int)msg->signal);
    }
}

static void schedule_app(watchdog_t *dog, const psg_msg_schedule_t *msg)
{
    app_child_t *child = child_table_find_living(dog->children, msg->process,
                                                 msg->process_generation);

    if (child) {
        child_schedule(child, msg->in_batches != 0);
    }
}

static void read_core(watchdog_t *dog)
{
    psg_message_t msg;
    int fds[PSG_FRAME_MAX_FDS], fd_count = 0;
    apr_status_t rv =
        psg_wire_recv(dog->core.channel, &msg, dog->frame, fds, &fd_count);

    close_fds(fds, fd_count); /* the core has none to give */
    if (APR_STATUS_IS_EAGAIN(rv)) {
        return;
    }
    if (APR_STATUS_IS_EOF(rv)) {
        core_process_end(dog, 1);
    }
    else if (rv == APR_EINVAL) {
        agent_log(PSG_LOG_ERROR, "PSG2217: the core sent nonsense: killed");
        core_process_end(dog, 1);
    }
    else if (rv != APR_SUCCESS) {
        pause_after("cannot read what the core sent", rv);
    }
    else if (msg.number == PSG_MSG_SPAWN) {
        spawn_app(dog, &msg.as.spawn);
    }
    else if (msg.number == PSG_MSG_SIGNAL) {
        signal_app(dog, &msg.as.signal);
    }
    else if (msg.number == PSG_MSG_SCHEDULE) {
        schedule_app(dog, &msg.as.schedule);
    }
    else {
        agent_log(PSG_LOG_ERROR,
                  "PSG2218: the core sent %s, which is not for the "
                  "watchdog",
                  psg_wire_name(msg.number));
    }
}

/* Of two times, of which 0 means never. */
static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Milliseconds until something is due whatever happens; -1: nothing is. */
static int time_left(const watchdog_t *dog)
{
    uint64_t now = psg_now(), due = 0;

    if (dog->reaps_on) {
        return 0; /* its signal will not come again */
    }
    if (dog->ending) {
        due = dog->ending + APPS_MAY_END + (dog->killed ? KILLED_MAY_LAST : 0);
    }
    else if (dog->core.start_at) {
        due = dog->core.start_at;
    }
    else if (dog->core.retry_at) {
        due = dog->core.retry_at;
    }
    if (!dog->ending) {
        due = sooner(due, birth_due(dog));
    }
    if (due == 0) {
        return -1;
    }
    return due > now ? (int)((due - now + 999) / 1000) : 0;
}

/* While the core does not take what it is owed, nothing is read from it. */
static short core_events(watchdog_t *dog)
{
    if (!core_process_owes(dog)) {
        return POLLIN;
    }
    return dog->core.retry_at ? 0 : POLLOUT;
}

/* Waits for one of the four descriptors, or for a birth, and serves them. The
 * births come last in the table and are served first: so a process that ends
 * at once is not reaped before its birth is seen. */
static void turn(watchdog_t *dog)
{
    struct pollfd fds[OWN_FDS + BIRTHS_MAX] = {
        {.fd = dog->signals_fd, .events = POLLIN},
        {.fd = dog->ending ? -1 : WATCHDOG_FD_PARENT, .events = POLLIN},
        {.fd = dog->core.channel, .events = core_events(dog)},
        {.fd = dog->strangers, .events = POLLIN},
    };
    nfds_t count = OWN_FDS + (nfds_t)dog->births->count;

    apr_pool_clear(dog->scratch);
    birth_poll(dog, fds + OWN_FDS);
    if (poll(fds, count, time_left(dog)) < 0) {
        if (errno != EINTR) {
            pause_after("cannot poll", errno);
        }
        return;
    }
    birth_serve(dog, fds + OWN_FDS);
    /* A core that is gone has nothing more to say that counts. */
    if (fds[2].revents & (POLLHUP | POLLERR | POLLNVAL)) {
        core_process_end(dog, 1);
    }
    else if (fds[2].revents & POLLIN) {
        read_core(dog);
    }
    if (fds[1].revents) {
        if (!(fds[1].revents & POLLHUP)) {
            upgrade_exec(dog); /* whoever reads the configuration applies it */
        }
        read_parent(dog);
    }
    if (fds[3].revents) {
        takeover_reap(dog);
    }
    if (fds[0].revents) {
        take_signals(dog);
    }
    else if (dog->reaps_on) {
        reap(dog);
    }
    if (dog->store_stale) {
        dog->store_stale = 0;
        store_sweep(&dog->store, dog->children, dog->core.agent_socket);
    }
}

/* Whether all have ended, or it makes no sense to wait any longer. */
static int has_ended(watchdog_t *dog)
{
    siginfo_t info;
    uint64_t since = psg_now() - dog->ending;

    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0
        && errno == ECHILD && child_table_living(dog->children) == 0) {
        return 1;
    }
    if (since >= APPS_MAY_END && !dog->killed) {
        kill_all(dog);
    }
    return since >= APPS_MAY_END + KILLED_MAY_LAST;
}

int watchdog_main(int argc, char **argv)
{
    watchdog_t *dog = watchdog_setup(argc, argv);

    if (!dog) {
        return 1;
    }
    reap(dog); /* what ended before we listened for it */
    while (!dog->ending || !has_ended(dog)) {
        if (!dog->ending) {
            core_process_start(dog);
            core_process_tell(dog);
            app_guard_tell(dog);
        }
        turn(dog);
    }
    orphans_kill(dog, ORPHANS_MAY_LAST);
    store_clear(&dog->store); /* our folder goes, and all in it */
    instance_dir_remove(&dog->dir);
    return 0;
}
