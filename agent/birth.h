/* SPDX-License-Identifier: Apache-2.0 */

/* Processes that a preloader forks: from the core's wish to the proof that a
 * process was born and is ours. The proof is one byte on a channel whose sender
 * the kernel names; everything else that comes from a tenant is not believed.
 * The watchdog's; see loaders/PROTOCOL section 7. */
#ifndef BIRTH_H
#define BIRTH_H

#include <poll.h>

#include "child_channels.h"
#include "launcher.h"

enum {
    BIRTHS_MAX = 256, /* at a time, over all apps */
};

typedef enum {
    BIRTH_OFFERED, /* the core has to get the process's ends: FORKABLE */
    BIRTH_AWAITED, /* it has them */
    BIRTH_FAILED,  /* the core has to be told why: SPAWN_FAILED */
} birth_state_e;

/* One process that is not there yet. */
typedef struct {
    birth_state_e state;
    uint32_t process, generation;
    child_channels_t channels;
    int channel[2]; /* of its birth; end 0 is ours */
    uid_t uid;      /* who it must be */
    gid_t gid;
    uint64_t deadline;
    const char *failure; /* a literal */
} birth_t;

struct births_t {
    int count;
    birth_t list[BIRTHS_MAX];
};

/* Prepares a process that the living preloader spawn->preloader is to fork.
 * launch says who it would be and which app's: both must be the preloader's.
 * On failure *reason is set. */
apr_status_t birth_begin(watchdog_t *dog, const psg_msg_spawn_t *spawn,
                         const launch_t *launch, const char **reason);

/* The one with that process index, or NULL. */
birth_t *birth_find(watchdog_t *dog, uint32_t process);

/* The core got the process's ends. */
void birth_was_told(birth_t *birth);

/* Closes what is held of it and forgets it: the last of the list takes its
 * place. _all: the core that wanted them is gone; a process that is born all
 * the same finds its control channel closed and ends. */
void birth_drop(watchdog_t *dog, birth_t *birth);
void birth_drop_all(watchdog_t *dog);

/* Fills in what is to be polled, one for each of the list. */
void birth_poll(const watchdog_t *dog, struct pollfd *fds);

/* What poll found, before the list changes in any other way: those that were
 * born are in dog->children from now on; overdue ones have failed. */
void birth_serve(watchdog_t *dog, const struct pollfd *fds);

/* When the next one is overdue; 0 if none waits. */
uint64_t birth_due(const watchdog_t *dog);

#endif
