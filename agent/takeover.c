/* SPDX-License-Identifier: Apache-2.0 */

/* Takes over what an earlier watchdog left in the store. Its processes are
 * other people's children now, unless the program only executed itself: their
 * ends are seen by pidfd. */
#include "takeover.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent_log.h"
#include "pidfd.h"

enum {
    EVENTS_MAX = 64 /* ends that are dealt with in one turn */
};

static void close_fds(store_record_t *record)
{
    while (record->fd_count > 0) {
        close(record->fds[--record->fd_count]);
    }
}

/* A child that has ended is still ours until it is reaped. */
static int is_own(pid_t pid)
{
    siginfo_t info;

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static int watch_stranger(watchdog_t *dog, const app_child_t *child,
                          uint32_t process)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = process};

    if (dog->strangers < 0) {
        dog->strangers = epoll_create1(EPOLL_CLOEXEC);
    }
    return epoll_ctl(dog->strangers, EPOLL_CTL_ADD, child->pidfd, &event) == 0;
}

/* Puts a process into the table. One that is not an app (a preloader's forks
 * would not become our children), or cannot be watched, ends: the core starts
 * it anew. So does what one that has ended left in its process group, such as
 * the program below a start command's shell. */
static int take_process(watchdog_t *dog, const store_record_t *record)
{
    const psg_msg_kept_t *kept = &record->msg.as.kept;
    app_child_t child = {
        .pid = (pid_t)kept->pid,
        .pidfd = record->fds[CHILD_FD_COUNT],
        .generation = kept->process_generation,
        .kind = kept->kind,
        .uid = (uid_t)kept->uid,
        .stranger = !is_own((pid_t)kept->pid),
    };

    if (record->fd_count != CHILD_FD_COUNT + 1 || child.pid <= 0
        || kept->process >= PSG_MAX_PROCESSES
        || child_table_find(dog->children, kept->process)) {
        return 0;
    }
    memcpy(child.fds, record->fds, sizeof(child.fds));
    if ((child.stranger && pidfd_has_ended(child.pidfd))
        || child.kind != PSG_KIND_APP
        || (child.stranger && !watch_stranger(dog, &child, kept->process))) {
        child_signal_group(&child, SIGKILL);
        return 0;
    }
    store_put(&dog->store, kept->process,
              child_table_add(dog->children, kept->process, &child));
    dog->guards_stale = 1;
    return 1;
}

/* 1: the descriptors are in use. */
static int take(watchdog_t *dog, const store_record_t *record)
{
    if (record->msg.number != PSG_MSG_KEPT) {
        return 0;
    }
    if (record->msg.as.kept.process != PSG_NONE) {
        return take_process(dog, record);
    }
    if (record->fd_count != 1 || dog->core.agent_socket >= 0) {
        return 0;
    }
    dog->core.agent_socket = record->fds[0];
    store_put_socket(&dog->store, dog->core.agent_socket);
    return 1;
}

/* Each record is renewed before it is dropped: we may be killed, too. */
void takeover_begin(watchdog_t *dog)
{
    uint64_t start = psg_now();
    store_record_t record;
    apr_status_t rv;

    while (!APR_STATUS_IS_EAGAIN(
        rv = store_peek(&dog->store, &record, dog->frame))) {
        if (rv == APR_SUCCESS && record.msg.as.kept.stamp >= start) {
            close_fds(&record);
            break;
        }
        if (rv != APR_SUCCESS) {
            agent_log(PSG_LOG_ERROR,
                      "PSG2253: a process of an earlier agent cannot be taken "
                      "over, and ends: is the limit of open files too low?");
        }
        else if (!take(dog, &record)) {
            close_fds(&record);
        }
        store_drop(&dog->store);
    }
    if (child_table_living(dog->children) > 0) {
        agent_log(PSG_LOG_NOTICE,
                  "PSG2251: taking over %u processes of an earlier agent",
                  child_table_living(dog->children));
    }
}

int takeover_keeps(const void *baton, const char *name)
{
    const watchdog_t *dog = baton;

    if (strcmp(name, WATCHDOG_AGENT_SOCKET) == 0) {
        return dog->core.agent_socket >= 0;
    }
    return child_table_has_socket(dog->children, name);
}

void takeover_reap(watchdog_t *dog)
{
    struct epoll_event events[EVENTS_MAX];
    int i, count = epoll_wait(dog->strangers, events, EVENTS_MAX, 0);

    for (i = 0; i < count; i++) {
        app_child_t *child =
            child_table_find(dog->children, events[i].data.u32);

        if (!child || !child->stranger || child->exited) {
            continue;
        }
        epoll_ctl(dog->strangers, EPOLL_CTL_DEL, child->pidfd, NULL);
        child_signal_group(child, SIGTERM);
        watchdog_app_exited(dog, child, (int)PSG_NONE);
    }
}
