/* SPDX-License-Identifier: Apache-2.0 */

/* Watches httpd's children by pidfd and recovers the rows of those that died.
 * Called by the loop, and by module_socket for children that say hello. */
#include "child_watch.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent_log.h"
#include "app_pool.h"

enum {
    SECOND = 1000000,
    /* For children that died before they said hello, which is rare. */
    SCAN_PAUSE = 10 * SECOND,
    /* While a row could not be recovered, or a child cannot be watched. */
    SCAN_PAUSE_SHORT = SECOND,
};

typedef struct {
    core_t *core;
    event_source_t source;
    int pidfd; /* valid while source is watched */
    int32_t pid;
    uint32_t generation;
} watched_t;

struct child_watch_t {
    event_timer_t scan;
    int again_soon;
    watched_t rows[PSG_MAX_CHILDREN];
};

static int32_t pid_of(const core_t *core, uint32_t row)
{
    return __atomic_load_n(&core->sb->children[row].pid, __ATOMIC_ACQUIRE);
}

static void recover(core_t *core, uint32_t row)
{
    int in_order = core->sb->children[row].closing != 0;
    int32_t pid = pid_of(core, row);

    if (psg_child_recover(core->sb, row) != APR_SUCCESS) {
        agent_log(PSG_LOG_WARN,
                  "PSG2050: not all requests of httpd's process %d, which "
                  "died, could be given back yet; trying again",
                  pid);
        core->children->again_soon = 1;
        return;
    }
    agent_log(in_order ? PSG_LOG_DEBUG : PSG_LOG_INFO,
              "PSG2051: httpd's process %d ended; what it held was given back",
              pid);
    app_pool_look_at_all(core);
}

static void unwatch(watched_t *watched)
{
    if (watched->source.loop) {
        event_source_unwatch(&watched->source);
        (void)close(watched->pidfd);
    }
}

/* The pidfd says that the process is gone. Its row may have another child by
 * now, if it ended in order. */
static void on_death(void *baton)
{
    watched_t *watched = baton;
    core_t *core = watched->core;
    uint32_t row = (uint32_t)(watched - core->children->rows);

    unwatch(watched);
    if (pid_of(core, row) == watched->pid
        && core->sb->children[row].generation == watched->generation) {
        recover(core, row);
    }
    else if (pid_of(core, row) != 0) {
        child_watch_add(core, row);
    }
}

/* A pid may have been given to somebody else since the child died: whether the
 * child lives is asked after its successor could no longer come in between. */
static void watch(core_t *core, uint32_t row, int32_t pid)
{
    watched_t *watched = &core->children->rows[row];
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

    if (!psg_child_alive(core->sb, row)) {
        if (pidfd >= 0) {
            (void)close(pidfd);
        }
        recover(core, row);
        return;
    }
    watched->core = core;
    watched->pidfd = pidfd;
    watched->pid = pid;
    watched->generation = core->sb->children[row].generation;
    if (pidfd < 0
        || event_source_watch(&watched->source, core->loop, pidfd, on_death,
                              watched)
               != APR_SUCCESS) {
        if (pidfd >= 0) {
            (void)close(pidfd);
        }
        core->children->again_soon = 1; /* then by asking every second */
    }
}

void child_watch_add(core_t *core, uint32_t row)
{
    watched_t *watched = &core->children->rows[row];
    int32_t pid = pid_of(core, row);

    if (watched->source.loop && watched->pid == pid
        && watched->generation == core->sb->children[row].generation) {
        return;
    }
    unwatch(watched);
    if (pid > 0) {
        watch(core, row, pid);
    }
}

static void scan(void *baton)
{
    core_t *core = baton;
    child_watch_t *children = core->children;

    children->again_soon = 0;
    for (uint32_t row = 0; row < PSG_MAX_CHILDREN; row++) {
        if (pid_of(core, row) != 0) {
            child_watch_add(core, row);
        }
    }
    event_timer_set(
        &children->scan, core->loop,
        event_loop_now(core->loop)
            + (children->again_soon ? SCAN_PAUSE_SHORT : SCAN_PAUSE),
        scan, core);
}

void child_watch_create(core_t *core)
{
    core->children = apr_pcalloc(core->pool, sizeof(*core->children));
    scan(core);
}
