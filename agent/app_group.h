/* SPDX-License-Identifier: Apache-2.0 */

/* One app with its processes: when another one is started, and what happens
 * when that fails. app_pool makes the groups and owns the limits over all;
 * app_process reports what its processes went through. */
#ifndef APP_GROUP_H
#define APP_GROUP_H

#include <apr_ring.h>

#include "app_process.h"
#include "app_spec.h"
#include "core.h"
#include "restart_watch.h"

typedef struct start_user_t start_user_t;
typedef struct user_usage_t user_usage_t;

typedef struct app_group_t {
    core_t *core;
    apr_pool_t *pool;
    uint32_t index, generation; /* on the scoreboard */
    uint32_t uid;   /* whom its processes run as; -1 = it never had one */
    uint32_t epoch; /* +1 for every restart: a process of another one is old */
    const char *key;
    app_spec_t *spec; /* the last one asked for; in spec_pool */
    apr_pool_t *spec_pool;
    app_process_t *first, *last;             /* its processes, oldest first */
    uint32_t count[PSG_PROCESS_STATE_COUNT]; /* processes by state */
    app_process_t *preloader; /* the one that forks or will, or NULL */
    uint32_t preloaders[PSG_PROCESS_STATE_COUNT]; /* by state, old ones, too */
    int preload_failures;                         /* in a row */
    uint64_t direct_until;     /* before this time no preloader is used */
    int was_warned;            /* that it cannot have a preloader */
    uint32_t configured;       /* core->configured when it was last asked for */
    int used;                  /* a process was wanted: min_instances holds */
    int is_pre_started;        /* until one is ready: at least one is wanted */
    int failing;               /* nobody waits for a start that is not tried */
    int is_overloaded;         /* all its processes are: see app_load.h */
    uint64_t low_since;        /* one process less would do; 0 = not */
    uint64_t next_replacement; /* none for too much memory before */
    uint64_t next_start;       /* none before this time */
    uint32_t failures; /* of app_backoff, in a row; the last one was at */
    uint64_t failed_at;
    uint64_t retry_at; /* as published */
    int is_doubtful;   /* see app_restart_doubt() */
    event_timer_t look;
    start_user_t *user; /* of start_queue, as the next three */
    APR_RING_ENTRY(app_group_t) in_line;
    int is_in_line;         /* for a start */
    uint64_t waits_since;   /* for room in the pool; 0 = does not wait */
    int waits_for_own;      /* for room among its user's processes, rather */
    user_usage_t *usage;    /* its user's, see user_limits.h */
    uint32_t members;       /* its processes and preloaders */
    uint64_t rejected_seen; /* of event_hooks: requests refused so far */
    uint64_t last_asked;
    restart_watch_t restart_watch;
    int always_restart; /* each process serves one request */
} app_group_t;

/* A group with that scoreboard entry; takes over spec and its pool, in
 * which the group itself will be. */
app_group_t *app_group_create(core_t *core, uint32_t index, app_spec_t *spec,
                              apr_pool_t *spec_pool);

/* The same app, asked for again: its options hold from now on. Takes over spec
 * and its pool. */
void app_group_update(app_group_t *group, app_spec_t *spec,
                      apr_pool_t *spec_pool);

/* Serves the waiting, starts a process if one is needed and allowed. Called
 * whenever something changed. */
void app_group_look(app_group_t *group);

/* Processes that can or will take requests, and all that are there. */
uint32_t app_group_useful(const app_group_t *group);
uint32_t app_group_size(const app_group_t *group);

/* PassengerPreStart: processes that are to stay start now, at least one. */
void app_group_pre_start(app_group_t *group);

/* How many processes stay although they are idle. */
uint32_t app_group_minimum(const app_group_t *group);

/* Ends processes that were idle for too long, notices drained ones. */
void app_group_tidy(app_group_t *group, uint64_t now);

/* Drains all processes. */
void app_group_drain(app_group_t *group, const char *why);
void app_group_stop(app_group_t *group, const char *why);

/* From app_process: a process goes from one state to another, for which
 * PSG_PROCESS_STATE_COUNT means that it is not (any more) one of the group. */
void app_group_count(const app_process_t *proc, psg_process_state_e from,
                     psg_process_state_e to);

/* From app_process: a process was made; can be used; is DEAD and about to be
 * gone; is gone. */
void app_group_add(app_group_t *group, app_process_t *proc);
void app_group_process_ready(app_group_t *group, app_process_t *proc);
void app_group_process_ended(app_group_t *group, app_process_t *proc);
void app_group_go_on(app_group_t *group);

/* From app_preloader: the app cannot be loaded, as if a process had failed. */
void app_group_start_failed(app_group_t *group, const app_process_t *proc);

/* Ends the group, which has no processes. APR_EBUSY if a request waits. */
apr_status_t app_group_free(app_group_t *group);

#endif
