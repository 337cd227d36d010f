/* SPDX-License-Identifier: Apache-2.0 */

/* The root half of the agent: forks, signals and reaps what the core asks for,
 * and keeps what must outlive a core. watchdog_main() is in main.h; this is
 * what the watchdog's files share. It never maps the scoreboard, never reads
 * what an app wrote and opens no tenant's path. */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <apr_pools.h>

#include "app_socket.h"
#include "child_table.h"
#include "core_process.h"
#include "identity.h"
#include "instance_dir.h"
#include "store.h"
#include "wire.h"

/* Descriptors httpd's parent passes by number. */
enum {
    WATCHDOG_FD_LOG = 2,
    WATCHDOG_FD_SCOREBOARD = 3,
    WATCHDOG_FD_PARENT = 4,
    WATCHDOG_FD_STORE_IN = 5,
    WATCHDOG_FD_STORE_OUT = 6,
    WATCHDOG_FD_FIRST_FREE = 7
};

#define WATCHDOG_AGENT_SOCKET "agent.sock"

typedef struct watchdog_t watchdog_t;
typedef struct births_t births_t;

struct watchdog_t {
    apr_pool_t *pool;    /* as long as the process */
    apr_pool_t *scratch; /* cleared every turn of the loop */
    pid_t pid;
    int as_root;
    int signals_fd;
    struct rlimit files; /* the limit httpd was started with */
    /* Options */
    const char *instance_path, *loaders, *core_user;
    const char *program; /* where httpd found us, or NULL */
    int continues;       /* as another program, but the same process */
    char **args;         /* all, from "watchdog" on */
    uid_t httpd_uid;
    gid_t httpd_gid;
    instance_dir_t dir;
    socket_access_t app_access; /* who may connect to app processes */
    child_table_t *children;
    births_t *births;
    store_t store;    /* what a later watchdog needs */
    int store_stale;  /* it has records of processes that ended */
    int reaps_on;     /* more children may have ended than one turn reaps */
    int guards_stale; /* a process has no guard: see app_guard.h */
    int strangers;    /* epoll of their pidfds; -1: there are none */
    core_process_t core;
    /* The latest CONFIG; its pool is replaced with it. */
    apr_pool_t *config_pool; /* NULL: there was none yet */
    psg_message_t config;
    identity_rules_t rules;
    uint64_t ending; /* when apps were told to end, 0 = we are not ending */
    int killed;      /* and were killed */
    char *frame;     /* PSG_FRAME_MAX bytes for a message that is handled */
};

/* An app process ended: the core will be told. */
void watchdog_app_exited(watchdog_t *dog, app_child_t *child, int status);

#endif
