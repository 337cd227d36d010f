/* SPDX-License-Identifier: Apache-2.0 */

/* Awaits the births of forked processes and checks who was born. Called by
 * app_spawn (begin), by the watchdog's loop (poll, serve) and by core_news. */
#include "birth.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "plain_socket.h"
#include "stall_alarm.h"

/* The kernel's name for a pidfd in waitid(2); older headers lack it. */
enum {
    WAIT_BY_PIDFD = 3
};

/* Microseconds a preloader has for a fork. Its size decides how long one takes;
 * a second is much. */
enum {
    BIRTH_TIME = 10000000
};

static int is_same_identity(const identity_t *a, const identity_t *b)
{
    return a->switched == b->switched && a->user.uid == b->user.uid
           && a->user.gid == b->user.gid
           && strcmp(a->user.name, b->user.name) == 0
           && a->check_owner == b->check_owner && a->file_owner == b->file_owner
           && a->check_group == b->check_group;
}

/* Whether that child is what the core says: it is not believed, since a process
 * gets user and code from its preloader. */
static const char *check_preloader(watchdog_t *dog,
                                   const psg_msg_spawn_t *spawn,
                                   const launch_t *launch)
{
    const app_child_t *child =
        child_table_find(dog->children, spawn->preloader);

    if (!child || child->exited
        || child->generation != spawn->preloader_generation || !child->origin) {
        return "its preloader is not there any more";
    }
    if (!is_same_identity(&child->origin->identity, &launch->identity)
        || child->origin->owner_gid != launch->owner_gid
        || strcmp(child->origin->app_root, launch->app_root) != 0) {
        return "SPAWN is invalid: the preloader is another app's or user's";
    }
    return NULL;
}

/* Our end tells who sends. */
static apr_status_t open_birth_channel(int channel[2])
{
    const int on = 1;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0
        || setsockopt(channel[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on))
               != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    psg_plain_socket_make(channel[0]);
    return APR_SUCCESS;
}

static void close_channel(birth_t *birth)
{
    for (int end = 0; end < 2; end++) {
        if (birth->channel[end] >= 0) {
            stall_alarm_close(birth->channel[end]);
        }
        birth->channel[end] = -1;
    }
}

static void close_all(watchdog_t *dog, birth_t *birth)
{
    close_channel(birth);
    child_channels_undo(&birth->channels, dog, birth->process,
                        birth->generation);
}

apr_status_t birth_begin(watchdog_t *dog, const psg_msg_spawn_t *spawn,
                         const launch_t *launch, const char **reason)
{
    const identity_t *identity = &launch->identity;
    birth_t birth = {.process = spawn->process,
                     .generation = spawn->process_generation,
                     .channel = {-1, -1},
                     .uid = identity->switched ? identity->user.uid : geteuid(),
                     .gid = identity->switched ? identity->user.gid : getegid(),
                     .deadline = psg_now() + BIRTH_TIME};
    apr_status_t rv;
    char text[128];

    *reason = check_preloader(dog, spawn, launch);
    if (*reason) {
        return APR_EINVAL;
    }
    if (dog->births->count == BIRTHS_MAX) {
        *reason = "too many processes are being forked at the moment";
        return APR_EAGAIN;
    }
    rv = child_channels_open(&birth.channels, dog, birth.process,
                             birth.generation, PSG_KIND_APP);
    if (rv == APR_SUCCESS) {
        rv = open_birth_channel(birth.channel);
    }
    if (rv != APR_SUCCESS) {
        *reason = apr_pstrcat(dog->scratch,
                              "cannot make the sockets of the process: ",
                              apr_strerror(rv, text, sizeof(text)), NULL);
        close_all(dog, &birth);
        return rv;
    }
    dog->births->list[dog->births->count++] = birth;
    return APR_SUCCESS;
}

birth_t *birth_find(watchdog_t *dog, uint32_t process)
{
    for (int i = 0; i < dog->births->count; i++) {
        if (dog->births->list[i].process == process) {
            return &dog->births->list[i];
        }
    }
    return NULL;
}

void birth_was_told(birth_t *birth)
{
    birth->state = BIRTH_AWAITED;
    child_channels_close_theirs(&birth->channels);
    close(birth->channel[1]);
    birth->channel[1] = -1;
}

void birth_drop(watchdog_t *dog, birth_t *birth)
{
    close_all(dog, birth);
    *birth = dog->births->list[--dog->births->count];
}

void birth_drop_all(watchdog_t *dog)
{
    while (dog->births->count > 0) {
        birth_drop(dog, &dog->births->list[0]);
    }
}

/* The core is told; nothing is kept until then that costs a descriptor. */
static void fail(watchdog_t *dog, birth_t *birth, const char *why)
{
    close_all(dog, birth);
    birth->state = BIRTH_FAILED;
    birth->failure = why;
}

/* Takes the byte. There is room for the sender's name and nothing else: what a
 * tenant attaches is dropped by the kernel. 0: nothing came yet. */
static ssize_t receive(const birth_t *birth, struct ucred *sender)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(*sender))];
    char byte;
    struct iovec text = {.iov_base = &byte, .iov_len = 1};
    struct msghdr packet = {.msg_iov = &text,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    const struct cmsghdr *header;
    ssize_t n;

    stall_alarm_set();
    n = recvmsg(birth->channel[0], &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    stall_alarm_clear();
    header = n > 0 ? CMSG_FIRSTHDR(&packet) : NULL;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (!header || header->cmsg_level != SOL_SOCKET
        || header->cmsg_type != SCM_CREDENTIALS
        || header->cmsg_len < CMSG_LEN(sizeof(*sender))) {
        return -1;
    }
    memcpy(sender, CMSG_DATA(header), sizeof(*sender));
    return n;
}

/* Whether pidfd is a child of ours that was not reaped yet. Its pid is then its
 * own until we reap it, so it may be used. */
static int is_our_child(int pidfd)
{
    siginfo_t info;

    return waitid((idtype_t)WAIT_BY_PIDFD, (id_t)pidfd, &info,
                  WEXITED | WNOHANG | WNOWAIT)
           == 0;
}

/* Why the sender cannot be the new process, or NULL. */
static const char *check_sender(watchdog_t *dog, const birth_t *birth,
                                const struct ucred *sender, int pidfd)
{
    if (sender->uid != birth->uid || sender->gid != birth->gid) {
        return "the forked process has another user or group than it must have";
    }
    if (pidfd < 0 || !is_our_child(pidfd)) {
        return "the forked process ended, or its parent did not";
    }
    if (sender->pid == dog->core.pid
        || child_table_find_pid(dog->children, sender->pid)) {
        return "a process that lives already says that it was forked";
    }
    return NULL;
}

static void admit(watchdog_t *dog, birth_t *birth, pid_t pid, int pidfd)
{
    app_child_t child = {.pid = pid,
                         .pidfd = pidfd,
                         .generation = birth->generation,
                         .kind = PSG_KIND_APP,
                         .uid = birth->uid};

    child_channels_keep(&birth->channels, &child);
    store_put(&dog->store, birth->process,
              child_table_add(dog->children, birth->process, &child));
    dog->guards_stale = 1;
    close_channel(birth);
    child_channels_close_theirs(&birth->channels);
    *birth = dog->births->list[--dog->births->count];
}

/* Something came on the channel. */
static void examine(watchdog_t *dog, birth_t *birth)
{
    struct ucred sender = {.pid = 0};
    ssize_t n = receive(birth, &sender);
    const char *problem = "its preloader did not fork it";
    int pidfd = -1;

    if (n == 0) {
        return;
    }
    if (n > 0) {
        pidfd =
            sender.pid > 0 ? (int)syscall(SYS_pidfd_open, sender.pid, 0) : -1;
        problem = check_sender(dog, birth, &sender, pidfd);
    }
    if (!problem) {
        admit(dog, birth, sender.pid, pidfd);
        return;
    }
    if (pidfd >= 0) {
        close(pidfd);
    }
    fail(dog, birth, problem);
}

void birth_poll(const watchdog_t *dog, struct pollfd *fds)
{
    for (int i = 0; i < dog->births->count; i++) {
        const birth_t *birth = &dog->births->list[i];

        /* Before it was offered, nobody could send. */
        fds[i].fd = birth->state == BIRTH_AWAITED ? birth->channel[0] : -1;
        fds[i].events = POLLIN;
        fds[i].revents = 0;
    }
}

void birth_serve(watchdog_t *dog, const struct pollfd *fds)
{
    uint64_t now = psg_now();

    /* From the end: the last one takes the place of one that leaves. */
    for (int i = dog->births->count - 1; i >= 0; i--) {
        birth_t *birth = &dog->births->list[i];

        if (fds[i].revents) {
            examine(dog, birth);
        }
        else if (birth->state != BIRTH_FAILED && now >= birth->deadline) {
            fail(dog, birth, "its preloader did not fork it within 10 seconds");
        }
    }
}

uint64_t birth_due(const watchdog_t *dog)
{
    uint64_t due = 0;

    for (int i = 0; i < dog->births->count; i++) {
        const birth_t *birth = &dog->births->list[i];

        if (birth->state != BIRTH_FAILED
            && (due == 0 || birth->deadline < due)) {
            due = birth->deadline;
        }
    }
    return due;
}
