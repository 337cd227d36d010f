/* SPDX-License-Identifier: Apache-2.0 */

/* The shared memory that httpd's children and the agent's core both map: which
 * apps exist, which processes serve them, and every request in flight. Only
 * fixed-width types and indices, never pointers. Created by httpd's parent.
 *
 * Trust: httpd children (httpd's user) and the core write it; httpd's parent
 * and the watchdog never read it. Whoever reads an index written by somebody
 * else checks its range on a private copy first.
 *
 * Times are microseconds of CLOCK_MONOTONIC.
 */
#ifndef PSG_SCOREBOARD_H
#define PSG_SCOREBOARD_H

#include <pthread.h>
#include <stdint.h>

#include <apr_errno.h>

#include "error_id.h"

#define PSG_SB_MAGIC 0x50534731u /* "PSG1" */
#define PSG_SB_VERSION 3u

/* Limits. The memfd is sparse: what is not used costs no memory. */
enum {
    PSG_MAX_CHILDREN = 2048,
    PSG_SLOTS_PER_CHILD = 512,
    PSG_MAX_SLOTS = PSG_MAX_CHILDREN * PSG_SLOTS_PER_CHILD,
    PSG_MAX_GROUPS = 16384,
    PSG_MAX_PROCESSES = 16384,
    PSG_GROUP_OPTIONS_SIZE = 8192,
    PSG_GROUP_ERROR_SIZE = 8192,
    PSG_RETRY_MAX = 60000000, /* microseconds retry_at may be ahead */
};

/* "No such entry" in every index field. Index 0 is valid. */
#define PSG_NONE 0xffffffffu

/* Life of a slot; the word is a futex (see futex(2)) that its owner waits on.
 *   FREE     nobody uses it
 *   ASKING   its child asked the core for a group; the core answers
 *   ANSWERED slot->group is valid
 *   REFUSED  the core made no group; slot->refusal says why
 *   QUEUED   in its group's queue; whoever has capacity turns it to RUNNING
 *   RUNNING  holds one unit of slot->process
 *   FAILED   was queued, but the app could not be started; see group->error
 *   ANSWERING the core is about to write its answer; lasts for a few stores
 */
typedef enum {
    PSG_SLOT_FREE = 0,
    PSG_SLOT_ASKING,
    PSG_SLOT_ANSWERED,
    PSG_SLOT_REFUSED,
    PSG_SLOT_QUEUED,
    PSG_SLOT_RUNNING,
    PSG_SLOT_FAILED,
    PSG_SLOT_ANSWERING,
} psg_slot_state_e;

/* Why the core refused to make a group (slot->refusal). */
typedef enum {
    PSG_REFUSED_NO_ROOM = 1, /* PSG_MAX_GROUPS reached */
    PSG_REFUSED_BAD_OPTIONS, /* the message did not parse */
} psg_refusal_e;

/* One request in flight. Written by the owning child while FREE, by whoever
 * holds the group's lock while QUEUED or RUNNING, by the core while ANSWERING.
 * The owner is implied: child = slot index / PSG_SLOTS_PER_CHILD. */
typedef struct {
    uint32_t state; /* psg_slot_state_e, atomic; futex word */
    uint32_t group; /* index or PSG_NONE */
    uint32_t group_generation;
    uint32_t process; /* index or PSG_NONE; RUNNING: that it holds; QUEUED with
                         a wish: that it waits for */
    uint32_t process_generation;
    uint32_t next, prev; /* the group's queue, slot indices or PSG_NONE */
    uint32_t refusal;    /* psg_refusal_e */
    uint64_t ticket;     /* QUEUED, RUNNING: order of arrival in the group, by
                            which repair sorts; ASKING: that of the message */
    uint64_t started;    /* when the request entered */
    uint64_t running;    /* RUNNING: since when */
    uint32_t time_limit; /* milliseconds it may be RUNNING; 0 = no limit */
    uint32_t wish;       /* sticky_id of the process it wants; 0 = any. Set by
                            the owner before it enters, 0 once that is gone */
    /* For people only; not terminated when full. */
    char method[16];
    char client[48];
    char uri[124];
    uint32_t repeatable; /* for the owner to set before it enters: 1 = it may be
                            sent ahead, see request_ahead.h */
} psg_slot_t;

/* One httpd child. Claimed and released by the child; freed by the core when
 * the child died. */
typedef struct {
    int32_t pid;         /* 0 = free; claimed by compare-and-swap */
    uint32_t generation; /* +1 for every claim */
    uint64_t start_time; /* field 22 of /proc/pid/stat: tells reused pids */
    uint32_t slots_used; /* all slots at or above this were never used */
    uint32_t closing;    /* 1 = the child left in order */
} psg_child_t;

/* States of an app process: see process_states.def. */
typedef enum {
#define PROCESS_STATE(NAME, word, help) PSG_PROCESS_##NAME,
#include "process_states.def"
    PSG_PROCESS_STATE_COUNT
} psg_process_state_e;

/* What an entry of the table of processes stands for. */
typedef enum {
    PSG_KIND_APP = 0,
    PSG_KIND_PRELOADER, /* takes no requests, forks processes of its group */
    PSG_KIND_WATCHER,   /* looks after one user's files; of no group */
    PSG_KIND_COUNT
} psg_process_kind_e;

typedef enum {
    PSG_FORMAT_SESSION = 0, /* see loaders/PROTOCOL */
    PSG_FORMAT_HTTP = 1,
} psg_format_e;

/* One app process. Written by the core, except what is marked "lock", which
 * whoever holds the group's lock may write. */
typedef struct {
    uint32_t generation; /* +1 whenever the entry is used anew */
    uint32_t state;      /* psg_process_state_e, lock */
    uint32_t group;
    uint32_t next;          /* next process of the group, lock */
    int32_t pid;            /* from the kernel, 0 before it is known */
    uint32_t format;        /* psg_format_e */
    uint32_t port;          /* 0 = Unix socket, else 127.0.0.1:port */
    uint32_t concurrency;   /* requests at once; 0 = no limit */
    uint32_t keep_alive;    /* 1 = an idle connection stays open until we or
                             the end of the process close it */
    uint32_t busy;          /* slots RUNNING on it, lock */
    uint64_t served;        /* lock */
    uint64_t started;       /* when it was spawned */
    uint64_t last_used;     /* lock */
    uint32_t kind;          /* psg_process_kind_e */
    uint32_t epoch;         /* which version of the app it is: group->epoch when
                             it was started */
    uint32_t countdown;     /* lock; 1 = it counts requests_left */
    uint32_t requests_left; /* lock; it gets no more than so many */
    uint32_t resting;       /* lock; 1 = it works out of band, gets none */
    uint32_t sticky_id;     /* random, not 0; visitors have it in a cookie */
    uint32_t ahead; /* requests that may wait in its socket while it has one,
                       see request_ahead.h; whoever has the lock may set 0 */
    uint32_t quick; /* lock; requests in a row that took it little time */
    uint32_t reserved[8];
} psg_process_t;

typedef enum {
    PSG_GROUP_FREE = 0,
    PSG_GROUP_ACTIVE,
} psg_group_state_e;

/* Why the last spawn failed; copied under the lock by the module to make an
 * error page. */
typedef struct {
    uint64_t when;       /* 0 = never */
    uint32_t detail_len; /* bytes of detail: step, output; hostile text */
    char id[PSG_ERROR_ID_SIZE]; /* terminated */
    char summary[232];          /* one sentence, terminated */
    char detail[PSG_GROUP_ERROR_SIZE];
} psg_spawn_error_t;

/* One app group. Everything below the lock is written under the lock, by
 * anybody, except where another writer is named. */
typedef struct {
    _Alignas(64) union {
        pthread_mutex_t mutex; /* process-shared and robust */
        char space[64];
    } lock;              /* see psg_group_init_lock() */
    uint32_t generation; /* core: +1 whenever the entry is used anew */
    uint32_t state;      /* core: psg_group_state_e */
    uint32_t first_process;
    uint32_t queue_head, queue_tail; /* slot indices */
    uint32_t queued;
    uint32_t queue_limit; /* core; 0 = no limit */
    uint32_t wanted; /* set when a slot queues and the core must be told; the
                        core clears it when it wants to be told again */
    uint64_t next_ticket;
    uint64_t served, rejected, timed_out, spawn_failures;
    uint64_t last_used;
    psg_spawn_error_t error; /* core */
    uint64_t retry_at;     /* core: until then requests that find no process are
                          answered 503 at once; 0 = they wait. More than
                          PSG_RETRY_MAX ahead counts as 0 */
    uint64_t restart_seen; /* core: what restart.txt was last, see
                              agent/restart_stamp.h */
    uint32_t epoch;        /* core: +1 for every restart of the app */
    uint32_t options_len;  /* core */
    char options[PSG_GROUP_OPTIONS_SIZE]; /* core: the GROUP message's app and
                             options fields, so that a new core can continue */
    uint32_t wishes; /* how many of the queued have a wish */
} psg_group_t;

typedef struct {
    uint32_t magic, version;
    uint64_t size;
    /* Written by the core: indices at or above these were never used. */
    uint32_t groups_used, processes_used;
    uint32_t core_pid;
    uint32_t core_generation; /* +1 for every start of a core */
    uint64_t pre_started;     /* children: one more than the number of httpd's
                             configuration whose PassengerPreStart was done */
    uint64_t reserved[3];     /* what follows begins a cache line */
} psg_sb_header_t;

typedef struct {
    psg_sb_header_t header;
    psg_child_t children[PSG_MAX_CHILDREN];
    psg_process_t processes[PSG_MAX_PROCESSES];
    psg_group_t groups[PSG_MAX_GROUPS];
    psg_slot_t slots[PSG_MAX_SLOTS];
} psg_scoreboard_t;

_Static_assert(sizeof(psg_sb_header_t) == 64, "layout of the header");
_Static_assert(sizeof(psg_slot_t) == 256, "layout of a slot");
_Static_assert(sizeof(psg_process_t) == 128, "layout of a process");
_Static_assert(sizeof(((psg_group_t *)0)->lock) == 64, "layout of a lock");

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t psg_now(void);

/* Makes the memfd (close-on-exec, sealed against shrinking and growing) with a
 * fresh header; the rest stays a hole. The caller owns *fd. */
apr_status_t psg_scoreboard_create(int *fd);

/* Maps fd read-write; APR_EGENERAL if magic, version, size or seals differ. The
 * mapping is left alone when fd is closed; detach unmaps it. */
apr_status_t psg_scoreboard_attach(psg_scoreboard_t **sb, int fd);
void psg_scoreboard_detach(psg_scoreboard_t *sb);

/* For the core, before anything else when it uses a group: makes entry g an
 * empty group with a working lock if it never was one (so that a fresh
 * scoreboard costs one page), and raises header.groups_used past g; nothing
 * else raises that. Does nothing for an entry that was used before. */
apr_status_t psg_group_init_lock(psg_scoreboard_t *sb, uint32_t g);

/* Takes the lock of group g; APR_EINVAL if g is not below header.groups_used. A
 * lock whose holder died is repaired: see psg_group_repair(). The _timed form
 * gives up with APR_TIMEUP; the core uses only that one. */
apr_status_t psg_group_lock(psg_scoreboard_t *sb, uint32_t g);
apr_status_t psg_group_lock_timed(psg_scoreboard_t *sb, uint32_t g,
                                  uint64_t wait_usec);
void psg_group_unlock(psg_scoreboard_t *sb, uint32_t g);

/* Recomputes queue, queued and every busy of group g from the slots, wakes
 * whoever was served meanwhile (its waker may be dead), and dispatches. Leaves
 * `wanted` at 0, so that the next request to queue tells the core. The caller
 * holds the lock. A new core calls it for every group it takes over. */
void psg_group_repair(psg_scoreboard_t *sb, uint32_t g);

/* Hands free capacity of READY processes to waiting slots, first come first
 * served, until one of both runs out. Who wishes for a process that is busy is
 * passed over; if that is gone, the wish is. The caller holds the lock. */
void psg_group_dispatch(psg_scoreboard_t *sb, uint32_t g);

/* Ends the wait of all queued slots with PSG_SLOT_FAILED. The caller holds the
 * lock and has filled group->error. */
void psg_group_fail_waiters(psg_scoreboard_t *sb, uint32_t g);

/* Claims a row for the calling process; APR_ENOSPC if all are taken. */
apr_status_t psg_child_claim(psg_scoreboard_t *sb, uint32_t *row);
/* Whether the process that claimed row still lives; a reused pid does not count,
 * nor does a zombie. */
int psg_child_alive(const psg_scoreboard_t *sb, uint32_t row);
/* Gives every slot of row back (queued ones leave their queue, running ones
 * their process, which goes to the next waiter) and frees the row. For the core
 * when the child is dead, and for the child when it ends in order, with
 * `closing` set and no thread using a slot any more. APR_TIMEUP: a group's lock
 * could not be had within a second; what could be given back is, the row stays
 * claimed: call again later. */
apr_status_t psg_child_recover(psg_scoreboard_t *sb, uint32_t row);

#endif
