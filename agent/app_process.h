/* SPDX-License-Identifier: Apache-2.0 */

/* One app process as the core sees it: from SPAWN to its end. app_group makes
 * and owns them; watchdog_link and module_socket report what happened. */
#ifndef APP_PROCESS_H
#define APP_PROCESS_H

#include "app_load.h"
#include "app_output.h"
#include "core.h"
#include "handshake.h"
#include "start_probe.h"

struct app_group_t;

/* What can happen to a process; app_process.c says what follows. */
typedef enum {
    ON_START,    /* it is to be started */
    ON_READY,    /* it takes requests */
    ON_FAILED,   /* it said that it cannot start */
    ON_GARBAGE,  /* what it said cannot be understood */
    ON_DRAIN,    /* it is not wanted any more */
    ON_DRAINED,  /* it has no request any more */
    ON_STOP,     /* it is to end at once */
    ON_DEADLINE, /* it took too long, to start or to end */
    ON_EXIT,     /* it ended */
    ON_LOST,     /* there is no such process */
    ON_FREE,     /* its entry can be used anew */
    APP_PROCESS_EVENT_COUNT
} app_process_event_e;

/* Why it did not start; fields are NULL until known. */
typedef struct {
    const char *step, *summary, *details;
} app_failure_t;

struct app_process_t {
    app_process_t *next, *prev; /* in its group */
    core_t *core;
    struct app_group_t *group;
    apr_pool_t *pool;
    psg_process_kind_e kind;    /* APP, or PRELOADER: see app_preloader.h */
    uint32_t index, generation; /* on the scoreboard */
    uint32_t epoch;             /* the group's when it was started */
    int pid;                    /* 0 until known */
    int port;                   /* for PassengerAppStartCommand, else 0 */
    psg_process_state_e state;
    uint64_t started, ready_since;
    int was_ready;
    int unwanted;                /* we made it end */
    int kills;                   /* how often we sent SIGKILL */
    int has_exited, exit_status; /* as of waitpid */
    uint32_t busy;               /* when its state was last published */
    uint64_t suspect_since;      /* when connecting to it began to fail, */
    int suspected;               /* and how often it did since */
    uint64_t start_time;         /* as the kernel has it; 0 = not known */
    app_load_t load;             /* unless its requests at once are limited */
    uint64_t memory;             /* bytes when last looked at: user_limits.h */
    int is_too_large;            /* above PassengerMemoryLimit, and logged */
    int is_over_limit;           /* killed for PassengerHardMemoryLimit */
    int in_batches;              /* see app_policy.h; an adopted one may be */
    int calm_ticks;              /* since it served a crowd */
    uint64_t overrun_seen;       /* when a request ran for too long last, */
    uint64_t overrun_since;      /* and first; 0 = never */
    const char *interpreter;     /* as app_interpreter.h; NULL until known, */
    const char *interpreter_why; /* for people; */
    uint32_t interpreter_epoch;  /* and epoch when it was found */
    app_failure_t failure;
    int is_forked; /* it is to be forked by this preloader: */
    uint32_t preloader, preloader_generation;
    uint64_t last_fork; /* of a PRELOADER; 0 = it has forked nothing */
    int loaded_size;    /* of a PRELOADER: MiB when it was ready */
    int listen_fd;      /* our copy, or -1 */
    handshake_t *control;
    app_output_t *output;
    start_probe_t *probe;
    event_timer_t deadline;
    event_timer_t rest; /* while it works out of band: see app_rest.h */
};

/* Takes an entry on the scoreboard and asks for a process. APR_ENOSPC if there
 * is no entry. If starting fails at once, the process is gone when this
 * returns, and the group was told, as for every later failure. */
apr_status_t app_process_start(struct app_group_t *group);

/* The same for a process of any kind. preloader: the READY one that is to fork
 * it and decides of which version it is, or NULL. */
apr_status_t app_process_start_as(struct app_group_t *group,
                                  psg_process_kind_e kind,
                                  const app_process_t *preloader);

/* Continues a process that an earlier core started, as the scoreboard has it
 * (entry is a private copy); app_process_attach() must follow. */
app_process_t *app_process_adopt(struct app_group_t *group, uint32_t index,
                                 const psg_process_t *entry);

/* It runs: takes over its three descriptors (control, output, listening). */
void app_process_attach(app_process_t *proc, int pid, const int fds[3]);

/* How requests are sent to it, and that they may be. */
void app_process_ready(app_process_t *proc, psg_format_e format,
                       uint32_t concurrency, int keep_alive);

/* It ended, with a status of waitpid. proc is gone afterwards. */
void app_process_exited(app_process_t *proc, int status);
/* It does not exist (any more). proc is gone afterwards. */
void app_process_lost(app_process_t *proc, const char *why);

/* Lets it finish what it has, then ends it. */
void app_process_drain(app_process_t *proc, const char *why);

/* Tells it to end, for good or bad reasons; ends it if it does not. */
void app_process_stop(app_process_t *proc, const char *why);

/* The one place where a state changes. `why` is for the log. proc may be gone
 * afterwards if event is ON_EXIT, ON_LOST or ON_FREE. */
void app_process_event(app_process_t *proc, app_process_event_e event,
                       const char *why);

/* When it had its last request; 0 if it has one now, or is not READY. */
uint64_t app_process_idle_since(const app_process_t *proc);

/* Looks whether a draining process has finished; the module's message about
 * it may have been lost. */
void app_process_check_drained(app_process_t *proc);

#endif
