/* SPDX-License-Identifier: Apache-2.0 */

/* The app processes that live, and the descriptors that must outlive a core.
 * The watchdog's; an entry is named by the scoreboard's process index. */
#ifndef CHILD_TABLE_H
#define CHILD_TABLE_H

#include <stdint.h>
#include <sys/types.h>

#include <apr_errno.h>
#include <apr_pools.h>

#include "identity.h"
#include "scoreboard.h"

/* What the watchdog keeps of a process: all of it is also the core's. */
enum {
    CHILD_CONTROL,
    CHILD_OUTPUT,
    CHILD_LISTENING,
    CHILD_FD_COUNT
};

/* What a preloader was started as, which its processes are, too. In a pool of
 * its own. */
typedef struct {
    apr_pool_t *pool;
    identity_t identity;
    gid_t owner_gid;
    const char *app_root;
} child_origin_t;

typedef struct {
    pid_t pid; /* 0: the entry is free */
    int pidfd;
    int fds[CHILD_FD_COUNT];
    uint32_t generation;
    uint32_t kind;                /* psg_process_kind_e */
    uid_t uid;                    /* whom it runs as */
    const child_origin_t *origin; /* only a preloader has one */
    int status;                   /* as from waitpid(2), once it exited */
    unsigned char stranger;       /* not our child: see takeover.h */
    unsigned char told;           /* the present core knows of it */
    unsigned char exited;         /* reaped; the core was not told yet */
    unsigned char stored;         /* a later watchdog will find it */
    uint32_t guard; /* index + 1 of the watcher that guards it; 0: none does */
} app_child_t;

typedef struct child_table_t child_table_t;

/* dir_fd: the instance dir, for removing sockets. */
apr_status_t child_table_create(child_table_t **table, int dir_fd,
                                apr_pool_t *pool);

/* Takes entry `process`, which is free; child is copied. */
app_child_t *child_table_add(child_table_t *table, uint32_t process,
                             const app_child_t *child);

/* The entry of an index in range if it is taken, else NULL. */
app_child_t *child_table_find(child_table_t *table, uint32_t process);
/* The same if it is of that generation and was not reaped, else NULL. */
app_child_t *child_table_find_living(child_table_t *table, uint32_t process,
                                     uint32_t generation);
/* The living child with that pid, or NULL. */
app_child_t *child_table_find_pid(child_table_t *table, pid_t pid);
uint32_t child_table_index(const child_table_t *table,
                           const app_child_t *child);

/* Whether name ("apps/INDEX.GENERATION") is the socket of an entry. */
int child_table_has_socket(child_table_t *table, const char *name);

/* Walks over all entries: start with NULL. */
app_child_t *child_table_next(child_table_t *table, const app_child_t *child);

/* Copies what a preloader is started as into a pool below parent; NULL if there
 * is no memory. */
child_origin_t *child_origin_create(const identity_t *identity, gid_t owner_gid,
                                    const char *app_root, apr_pool_t *parent);

/* Closes what the watchdog holds of it, removes its socket, frees the entry. */
void child_table_drop(child_table_t *table, app_child_t *child);

/* How many have not been reaped. */
unsigned child_table_living(child_table_t *table);

/* By pidfd; APR_ESRCH if it has ended already. */
apr_status_t child_signal(const app_child_t *child, int number);

/* Has its first thread, which is the one that serves in apps of our loaders,
 * scheduled by SCHED_BATCH, or as usual, if it has no other policy or priority. A
 * stranger is left alone: its pid may be somebody else's. */
void child_schedule(const app_child_t *child, int in_batches);

/* To the process group it leads, which may live longer than it; it must not be
 * reaped yet if it is a child of ours. */
void child_signal_group(const app_child_t *child, int number);

#endif
