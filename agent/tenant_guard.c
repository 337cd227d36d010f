/* SPDX-License-Identifier: Apache-2.0 */

/* The list of guarded processes. Called by the watcher's loop. */
#include "tenant_guard.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pidfd.h"

enum {
    EVENTS_MAX = 64,
    /* Milliseconds: as long as httpd's end gives them. */
    MAY_END = 5000,
    BETWEEN_LOOKS = 50
};

typedef struct guarded_t guarded_t;

struct guarded_t {
    guarded_t *next, *prev;
    pid_t pid;
    int pidfd;
};

static guarded_t *first;
static int ends = -1; /* epoll of pidfds */

/* A descriptor for each process: more than httpd itself may need. */
int tenant_guard_open(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    ends = epoll_create1(EPOLL_CLOEXEC);
    return ends;
}

void tenant_guard_add(pid_t pid, int pidfd)
{
    struct epoll_event event = {.events = EPOLLIN};
    guarded_t *guarded = malloc(sizeof(*guarded));

    event.data.ptr = guarded;
    if (!guarded || pid <= 1
        || epoll_ctl(ends, EPOLL_CTL_ADD, pidfd, &event) != 0) {
        free(guarded);
        (void)close(pidfd);
        return;
    }
    *guarded = (guarded_t){.next = first, .pid = pid, .pidfd = pidfd};
    if (first) {
        first->prev = guarded;
    }
    first = guarded;
}

/* Closing the pidfd takes it out of `ends`: there is no other copy of it that
 * was added there. */
static void drop(guarded_t *guarded)
{
    if (guarded->next) {
        guarded->next->prev = guarded->prev;
    }
    if (guarded->prev) {
        guarded->prev->next = guarded->next;
    }
    else {
        first = guarded->next;
    }
    (void)epoll_ctl(ends, EPOLL_CTL_DEL, guarded->pidfd, NULL);
    (void)close(guarded->pidfd);
    free(guarded);
}

void tenant_guard_tidy(void)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(ends, events, EVENTS_MAX, 0);

    for (int i = 0; i < count; i++) {
        drop(events[i].data.ptr);
    }
}

/* Before Linux 6.9 the group has to be called by its number. That is the
 * leader's as long as that lives; at worst another process of the same user is
 * hit, which we have no more rights than. */
static int signal_group(const guarded_t *guarded, int number)
{
    apr_status_t rv = pidfd_signal_group(guarded->pidfd, number);

    if (rv != APR_SUCCESS && !APR_STATUS_IS_EINVAL(rv)) {
        return 0;
    }
    if (rv != APR_SUCCESS) {
        return !pidfd_has_ended(guarded->pidfd)
               && kill(-guarded->pid, number) == 0;
    }
    return 1;
}

/* Returns whether anybody got it. A process may have left its group. */
static int signal_all(int number)
{
    int count = 0;

    for (const guarded_t *at = first; at; at = at->next) {
        count += signal_group(at, number);
        count += !pidfd_has_ended(at->pidfd)
                 && pidfd_signal(at->pidfd, number) == APR_SUCCESS;
    }
    return count > 0;
}

void tenant_guard_end(void)
{
    (void)signal_all(SIGTERM);
    for (int left = MAY_END; left > 0 && signal_all(0); left -= BETWEEN_LOOKS) {
        (void)poll(NULL, 0, BETWEEN_LOOKS);
    }
    (void)signal_all(SIGKILL);
}
