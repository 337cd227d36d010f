/* SPDX-License-Identifier: Apache-2.0 */

/* The core: the unprivileged half of the agent, which decides which app
 * processes start, live and end. core_main() is in main.h; the core's files
 * share core_t. */
#ifndef CORE_H
#define CORE_H

#include <stdint.h>

#include <apr_pools.h>

#include "event_loop.h"
#include "options.h"
#include "scoreboard.h"

typedef struct app_process_t app_process_t;
typedef struct app_pool_t app_pool_t;
typedef struct scoreboard_writer_t scoreboard_writer_t;
typedef struct watchdog_link_t watchdog_link_t;
typedef struct module_socket_t module_socket_t;
typedef struct child_watch_t child_watch_t;
typedef struct watcher_table_t watcher_table_t;
typedef struct admin_socket_t admin_socket_t;
typedef struct core_t core_t;

/* Descriptors the watchdog passes by number. */
enum {
    CORE_FD_SCOREBOARD = 3,
    CORE_FD_WATCHDOG = 4,
    CORE_FD_MODULE = 5,
    CORE_FD_ADMIN = 6
};

/* Who starts, signals and schedules processes: the watchdog; in unit tests a fake. */
typedef struct {
    /* Asks for proc to be started. On failure *why says why, in its pool. */
    apr_status_t (*spawn)(core_t *core, app_process_t *proc, const char **why);
    void (*signal)(core_t *core, const app_process_t *proc, int number);
    /* By SCHED_BATCH, or as usual. */
    void (*schedule)(core_t *core, const app_process_t *proc, int in_batches);
} core_starter_t;

struct core_t {
    apr_pool_t *pool;
    event_loop_t *loop;
    psg_scoreboard_t *sb; /* for reading; writing is scoreboard_writer's */
    scoreboard_writer_t *writer;
    const char *loaders;          /* folder */
    const psg_options_t *options; /* of scope GLOBAL */
    uint32_t httpd_uid, httpd_gid;
    uint32_t configured;      /* how often a configuration came; 0 = not yet */
    uint64_t configured_at;   /* when the last one came */
    int can_switch_user;      /* the watchdog is root */
    int has_hidden_processes; /* /proc does not show all; it was logged */
    int stopping;             /* no process is started any more */
    const core_starter_t *starter;
    app_pool_t *apps;
    watchdog_link_t *watchdog;
    module_socket_t *module;
    admin_socket_t *admin;
    child_watch_t *children;
    watcher_table_t *watchers; /* NULL: nobody looks at restart files */
};

#endif
