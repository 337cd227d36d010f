/* SPDX-License-Identifier: Apache-2.0 */

/* The watcher: looks once a second at the restart files of one user's apps,
 * with that user's rights, and tells the core what changed; and guards their
 * processes (tenant_guard.h). A process of its own, since a file system may hang, and the core may not enter every folder.
 * Called by main.c, started by the watchdog; watcher_process.c talks to it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "main.h"
#include "restart_stamp.h"
#include "scoreboard.h" /* psg_now */
#include "tenant_guard.h"
#include "wire.h"

/* fd 3 is where an app listens; here it leads nowhere. */
enum {
    FD_UNUSED = 3,
    FD_CORE = 4,
    INTERVAL = 1000000, /* microseconds between two looks */
};

/* One app. What the core was not told yet is not written here, so that it is
 * said with the next look. */
typedef struct {
    uint32_t group, generation; /* the core's name for it */
    char *dir;
    uint64_t seen; /* of restart.txt */
    int always;    /* always_restart.txt is there */
    int complained;
} watched_t;

/* No pool: this lives as long as httpd and must not grow. */
typedef struct {
    watched_t *apps;
    uint32_t count, room;
    uint64_t next_look;
    int has_ended;
    char frame[PSG_FRAME_MAX];
} watcher_t;

static watcher_t self;

/* 0 if the core cannot take it now; what is owed stays owed. */
static int tell(const psg_message_t *msg)
{
    apr_status_t rv = psg_wire_send(FD_CORE, msg, NULL, 0, 0);

    if (rv != APR_SUCCESS && !APR_STATUS_IS_EAGAIN(rv)) {
        self.has_ended = 1;
    }
    return rv == APR_SUCCESS;
}

/* A server's attributes may be old ones; they are fetched when a file or folder
 * is opened (close-to-open consistency). Nothing but a plain file is opened. */
static void refresh(const char *dir, const char *path)
{
    struct statfs system;
    struct stat info;
    int fd;

    if (statfs(dir, &system) != 0 || system.f_type != NFS_SUPER_MAGIC) {
        return;
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    if (lstat(path, &info) == 0 && S_ISREG(info.st_mode)) {
        fd = open(path,
                  O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0) {
            close(fd);
        }
    }
}

/* 1: the file is there; 0: it is not; -1: errno says why that is not known. */
static int look(struct stat *info, const char *dir, const char *name)
{
    char path[PATH_MAX + sizeof("/" RESTART_FILE_ALWAYS_NAME)];

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name)
        >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    refresh(dir, path);
    if (stat(path, info) == 0) {
        return 1;
    }
    return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -1;
}

static void complain(watched_t *app, int error)
{
    psg_message_t msg = {.number = PSG_MSG_UNWATCHABLE};

    if (!app->complained) {
        msg.as.unwatchable.group = app->group;
        msg.as.unwatchable.group_generation = app->generation;
        msg.as.unwatchable.error = (uint32_t)error;
        app->complained = tell(&msg);
    }
}

static void look_at_restart(watched_t *app)
{
    psg_message_t msg = {.number = PSG_MSG_RESTART_SEEN};
    struct stat info;
    int found = look(&info, app->dir, RESTART_FILE_NAME);
    uint64_t seen;

    if (found < 0) {
        complain(app, errno);
        return;
    }
    seen = restart_stamp_of(found ? &info : NULL);
    if (seen == app->seen) {
        return;
    }
    msg.as.restart_seen.group = app->group;
    msg.as.restart_seen.group_generation = app->generation;
    msg.as.restart_seen.seen = seen;
    msg.as.restart_seen.restart =
        restart_stamp_is_wish(app->seen, seen) ? 1 : 0;
    if (tell(&msg)) {
        app->seen = seen;
    }
}

static void look_at_always(watched_t *app)
{
    psg_message_t msg = {.number = PSG_MSG_ALWAYS_RESTART};
    struct stat info;
    int found = look(&info, app->dir, RESTART_FILE_ALWAYS_NAME);

    if (found < 0 || found == app->always) {
        return;
    }
    msg.as.always_restart.group = app->group;
    msg.as.always_restart.group_generation = app->generation;
    msg.as.always_restart.on = (uint32_t)found;
    if (tell(&msg)) {
        app->always = found;
    }
}

static void look_at(watched_t *app)
{
    look_at_restart(app);
    look_at_always(app);
}

static watched_t *find(uint32_t group)
{
    for (uint32_t i = 0; i < self.count; i++) {
        if (self.apps[i].group == group) {
            return &self.apps[i];
        }
    }
    return NULL;
}

/* NULL if there is no memory: then the app is not watched. */
static watched_t *add(uint32_t group)
{
    uint32_t room = self.room ? self.room * 2 : 16;
    watched_t *apps;

    if (self.count == self.room) {
        apps = realloc(self.apps, room * sizeof(*apps));
        if (!apps) {
            return NULL;
        }
        self.apps = apps;
        self.room = room;
    }
    self.apps[self.count] = (watched_t){.group = group};
    return &self.apps[self.count++];
}

static void drop(watched_t *app)
{
    free(app->dir);
    *app = self.apps[--self.count];
}

/* The last look at this app counts, if it was at the same folder. */
static void on_watch(const psg_msg_watch_t *watch)
{
    watched_t *app = find(watch->group);
    char *dir = strndup(watch->dir.data, watch->dir.len);

    if (app && dir && app->generation == watch->group_generation
        && strcmp(app->dir, dir) == 0) {
        free(dir);
        return;
    }
    if (app) {
        drop(app);
    }
    app = dir ? add(watch->group) : NULL;
    if (!app) {
        free(dir);
        return;
    }
    app->generation = watch->group_generation;
    app->dir = dir;
    app->seen = watch->seen;
    app->always = watch->always != 0;
    look_at(app);
}

static void on_unwatch(const psg_msg_unwatch_t *unwatch)
{
    watched_t *app = find(unwatch->group);

    if (app && app->generation == unwatch->group_generation) {
        drop(app);
    }
}

/* Core and watchdog are trusted, but what cannot be understood cannot be
 * followed. The channel ends when both are gone, and the store of a later
 * watchdog, too. */
static void read_core(void)
{
    psg_message_t msg;
    int fds[PSG_FRAME_MAX_FDS], count;
    apr_status_t rv = psg_wire_recv(FD_CORE, &msg, self.frame, fds, &count);

    if (rv == APR_SUCCESS && msg.number == PSG_MSG_GUARD && count == 1) {
        tenant_guard_add((pid_t)msg.as.guard.pid, fds[0]);
        return;
    }
    while (count > 0) {
        close(fds[--count]);
    }
    if (APR_STATUS_IS_EAGAIN(rv)) {
        return;
    }
    if (APR_STATUS_IS_EOF(rv)) {
        tenant_guard_end();
    }
    if (rv == APR_SUCCESS && msg.number == PSG_MSG_WATCH) {
        on_watch(&msg.as.watch);
    }
    else if (rv == APR_SUCCESS && msg.number == PSG_MSG_UNWATCH) {
        on_unwatch(&msg.as.unwatch);
    }
    else {
        self.has_ended = 1;
    }
}

/* The next round begins a second after the end of this one: a slow file system
 * must not make us do nothing else. */
static void look_at_all(void)
{
    for (uint32_t i = 0; i < self.count; i++) {
        look_at(&self.apps[i]);
    }
    self.next_look = psg_now() + INTERVAL;
}

static int milliseconds_left(void)
{
    uint64_t now = psg_now();

    if (self.count == 0) {
        return -1;
    }
    return now < self.next_look ? (int)((self.next_look - now + 999) / 1000)
                                : 0;
}

int tenant_watcher_main(int argc, char **argv)
{
    struct pollfd fds[] = {{.fd = FD_CORE, .events = POLLIN},
                           {.fd = -1, .events = POLLIN}};

    (void)argc;
    (void)argv;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    close(FD_UNUSED);
    fds[1].fd = tenant_guard_open();
    while (!self.has_ended) {
        int ready = poll(fds, 2, milliseconds_left());

        if (ready < 0 && errno != EINTR) {
            return EXIT_FAILURE;
        }
        if (ready > 0 && fds[1].revents) {
            tenant_guard_tidy();
        }
        if (ready > 0 && fds[0].revents) {
            read_core();
        }
        if (self.count > 0 && psg_now() >= self.next_look) {
            look_at_all();
        }
    }
    return EXIT_SUCCESS;
}
