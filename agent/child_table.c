/* SPDX-License-Identifier: Apache-2.0 */

/* The table of living app processes. Called by the watchdog when it forks,
 * reaps, signals, and tells a new core what there is. */
#include "child_table.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <apr_strings.h>

#include "app_socket.h"
#include "pidfd.h"
#include "stall_alarm.h"

struct child_table_t {
    int dir_fd;
    uint32_t used; /* entries at or above were never taken */
    app_child_t *entries;
};

apr_status_t child_table_create(child_table_t **table, int dir_fd,
                                apr_pool_t *pool)
{
    child_table_t *made = apr_pcalloc(pool, sizeof(*made));

    /* Mapped, not from the pool: pages of entries that are never used cost
     * nothing. */
    made->entries =
        mmap(NULL, PSG_MAX_PROCESSES * sizeof(app_child_t),
             PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made->entries == MAP_FAILED) {
        return APR_FROM_OS_ERROR(errno);
    }
    made->dir_fd = dir_fd;
    *table = made;
    return APR_SUCCESS;
}

app_child_t *child_table_add(child_table_t *table, uint32_t process,
                             const app_child_t *child)
{
    table->entries[process] = *child;
    if (table->used <= process) {
        table->used = process + 1;
    }
    return &table->entries[process];
}

app_child_t *child_table_find(child_table_t *table, uint32_t process)
{
    if (process >= table->used || table->entries[process].pid == 0) {
        return NULL;
    }
    return &table->entries[process];
}

app_child_t *child_table_find_living(child_table_t *table, uint32_t process,
                                     uint32_t generation)
{
    app_child_t *child = child_table_find(table, process);

    return child && !child->exited && child->generation == generation ? child
                                                                      : NULL;
}

app_child_t *child_table_find_pid(child_table_t *table, pid_t pid)
{
    app_child_t *child = NULL;

    while ((child = child_table_next(table, child)) != NULL) {
        if (child->pid == pid && !child->exited && !child->stranger) {
            return child;
        }
    }
    return NULL;
}

uint32_t child_table_index(const child_table_t *table, const app_child_t *child)
{
    return (uint32_t)(child - table->entries);
}

int child_table_has_socket(child_table_t *table, const char *name)
{
    char own[APP_SOCKET_NAME_SIZE];
    unsigned process, generation;
    app_child_t *child;

    if (sscanf(name, "apps/%u.%u", &process, &generation) != 2) {
        return 0;
    }
    child = child_table_find(table, process);
    app_socket_name(own, process, generation);
    return child && child->generation == generation && strcmp(name, own) == 0;
}

app_child_t *child_table_next(child_table_t *table, const app_child_t *child)
{
    uint32_t i = child ? child_table_index(table, child) + 1 : 0;

    for (; i < table->used; i++) {
        if (table->entries[i].pid != 0) {
            return &table->entries[i];
        }
    }
    return NULL;
}

child_origin_t *child_origin_create(const identity_t *identity, gid_t owner_gid,
                                    const char *app_root, apr_pool_t *parent)
{
    child_origin_t *origin;
    apr_pool_t *pool;

    if (apr_pool_create(&pool, parent) != APR_SUCCESS) {
        return NULL;
    }
    origin = apr_pcalloc(pool, sizeof(*origin));
    origin->pool = pool;
    origin->identity = *identity;
    origin->identity.user.name = apr_pstrdup(pool, identity->user.name);
    origin->identity.user.home = origin->identity.user.shell = NULL;
    origin->owner_gid = owner_gid;
    origin->app_root = apr_pstrdup(pool, app_root);
    return origin;
}

void child_table_drop(child_table_t *table, app_child_t *child)
{
    char name[APP_SOCKET_NAME_SIZE];
    int i;

    app_socket_name(name, child_table_index(table, child), child->generation);
    app_socket_remove(table->dir_fd, name);
    for (i = 0; i < CHILD_FD_COUNT; i++) {
        stall_alarm_close(child->fds[i]);
    }
    close(child->pidfd);
    if (child->origin) {
        apr_pool_destroy(child->origin->pool);
        child->origin = NULL;
    }
    child->pid = 0;
}

unsigned child_table_living(child_table_t *table)
{
    app_child_t *child = NULL;
    unsigned count = 0;

    while ((child = child_table_next(table, child)) != NULL) {
        count += !child->exited;
    }
    return count;
}

apr_status_t child_signal(const app_child_t *child, int number)
{
    return pidfd_signal(child->pidfd, number);
}

void child_schedule(const app_child_t *child, int in_batches)
{
    const struct sched_param param = {.sched_priority = 0};
    int wanted = in_batches ? SCHED_BATCH : SCHED_OTHER;

    if (!child->stranger && getpriority(PRIO_PROCESS, (id_t)child->pid) == 0
        && sched_getscheduler(child->pid)
               == (in_batches ? SCHED_OTHER : SCHED_BATCH)) {
        (void)sched_setscheduler(child->pid, wanted, &param);
    }
}

/* The number of a child's group is not free while it is not reaped. That of a
 * stranger may be: only the pidfd is sure to mean its group. An older kernel
 * cannot do that; there the group is left alone. */
void child_signal_group(const app_child_t *child, int number)
{
    if (child->stranger) {
        (void)pidfd_signal_group(child->pidfd, number);
        child_signal(child, number);
    }
    else {
        kill(-child->pid, number);
    }
}
