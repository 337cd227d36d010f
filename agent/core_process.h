/* SPDX-License-Identifier: Apache-2.0 */

/* The core as a process: start it, start it again when it died, and tell it
 * what it must know. Used by the watchdog's loop. */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "identity.h"

typedef struct watchdog_t watchdog_t;

typedef struct {
    identity_user_t user; /* only if the watchdog is root */
    int agent_socket;     /* listening; a new core continues with it */
    int admin_socket;     /* likewise */
    int channel;          /* -1: none */
    pid_t pid;            /* 0: none */
    uint64_t started,
        start_at;      /* microseconds; start_at 0: not to be started */
    uint64_t backoff;  /* the last pause between two cores; 0: none */
    uint64_t retry_at; /* after a send that failed hard; 0: none did */
    int config_owed;   /* the latest CONFIG has to be sent */
    int adopting;      /* ADOPT and ADOPTED have to be sent */
    uint32_t adopted;  /* so many were */
    int failure_owed;  /* SPAWN_FAILED has to be sent */
    uint32_t failed_process, failed_generation;
    char failure[512];
} core_process_t;

/* Starts the core if it is time to. */
void core_process_start(watchdog_t *dog);

/* It is time to, unless the core runs: what was wrong may be right now. */
void core_process_start_now(watchdog_t *dog);

/* The core was reaped: schedules the next one. */
void core_process_ended(watchdog_t *dog, int status);

/* Tells the core that its end is wanted, and that of all apps. */
void core_process_tell_end(watchdog_t *dog, const char *reason);

/* Closes the channel; the core ends by itself, or is killed now. */
void core_process_end(watchdog_t *dog, int kill_it);

/* Sends what the core has to be told, as far as it takes it at the moment. */
void core_process_tell(watchdog_t *dog);

/* Whether something could not be sent yet. As long as it is so, nothing is
 * read from the core: so what is owed stays bounded. */
int core_process_owes(watchdog_t *dog);

/* Notes that a spawn failed; told by core_process_tell(). */
void core_process_spawn_failed(watchdog_t *dog, uint32_t process,
                               uint32_t generation, const char *reason);

#endif
