/* SPDX-License-Identifier: Apache-2.0 */

/* A request's way over the scoreboard: claim a slot, enter a group, wait for a
 * process, leave. The hot path of the module; of this the core calls only
 * psg_slot_answer(), psg_slot_refuse() and psg_slot_wake().
 *
 * Thread-safe: any number of threads of a child may use the same pool of
 * slots. No call allocates memory. */
#ifndef PSG_REQUEST_SLOT_H
#define PSG_REQUEST_SLOT_H

#include <stdint.h>

#include "scoreboard.h"

/* The slots of one child; private memory of that child. */
typedef struct psg_slot_pool_t psg_slot_pool_t;

typedef enum {
    PSG_ENTER_RUNNING, /* a process was free: slot->process is ours */
    PSG_ENTER_QUEUED,  /* in the queue: call psg_slot_wait() */
    PSG_ENTER_FULL,    /* the queue is at its limit: answer 503 */
    PSG_ENTER_FAILING, /* the app fails and is not tried now: answer 503 */
    PSG_ENTER_GONE,    /* the group is not what it was: ask the core again */
} psg_enter_e;

typedef enum {
    PSG_WAIT_RUNNING,   /* slot->process is ours */
    PSG_WAIT_FAILED,    /* the app could not be started: see group->error */
    PSG_WAIT_TIMED_OUT, /* deadline passed; the slot left the queue */
    PSG_WAIT_TICK,      /* the tick passed, still queued: look after the
                           connections and call again */
} psg_wait_e;

#include <apr_pools.h>

apr_status_t psg_slot_pool_create(psg_slot_pool_t **slots, psg_scoreboard_t *sb,
                                  uint32_t row, apr_pool_t *pool);

/* Takes a free slot of this child; PSG_NONE if all are in use. */
uint32_t psg_slot_claim(psg_slot_pool_t *slots);
/* Gives a slot back that is neither QUEUED nor RUNNING. A question that was not
 * answered (ASKING) is withdrawn. */
void psg_slot_free(psg_slot_pool_t *slots, uint32_t slot);

/* For a claimed slot: the process it is to get, if it takes requests, even if the
 * slot has to wait for it: the one with the first of `count` sticky ids (not 0)
 * that any process of the group has. If none has, or count is 0, it gets any. */
void psg_slot_wish(psg_scoreboard_t *sb, uint32_t slot, uint32_t group,
                   const uint32_t *ids, unsigned count);

/* Takes a process of group or a place in its queue. *must_tell is set to 1 if
 * the core has to be sent WAITERS. */
psg_enter_e psg_slot_enter(psg_scoreboard_t *sb, uint32_t slot, uint32_t group,
                           uint32_t group_generation, int *must_tell);

/* How long an app that fails is not tried, in seconds rounded up; 0 = it is. */
unsigned psg_group_retry_after(const psg_scoreboard_t *sb, uint32_t group);

/* Sleeps until the slot runs or fails, `deadline` (see psg_now) passes, or
 * `tick` microseconds have passed. */
psg_wait_e psg_slot_wait(psg_scoreboard_t *sb, uint32_t slot, uint64_t deadline,
                         uint64_t tick);

/* Makes a free slot ASKING, before GROUP with this ticket is sent. Every question
 * of a child has another ticket. */
void psg_slot_ask(psg_scoreboard_t *sb, uint32_t slot, uint64_t ticket);

/* Sleeps while the slot is ASKING, at most `tick` microseconds; returns the
 * slot's state. */
psg_slot_state_e psg_slot_wait_answer(psg_scoreboard_t *sb, uint32_t slot,
                                      uint64_t tick);

/* Whether the process of a RUNNING slot gets no more requests: tell the core.
 * With concurrency others may have told it already, which does no harm. */
int psg_slot_is_last(const psg_scoreboard_t *sb, uint32_t slot);

/* psg_process_is_crowded() of a RUNNING slot's process. */
int psg_slot_is_crowded(const psg_scoreboard_t *sb, uint32_t slot);

/* Leaves the queue (client went away). Afterwards the slot is neither queued
 * nor running: a process handed over in the meantime is given back. */
void psg_slot_abandon(psg_scoreboard_t *sb, uint32_t slot);

/* Before psg_slot_leave(): the process of the RUNNING slot is not to get another
 * request, so that it can work out of band. Returns 0 if that cannot be now: it
 * has other requests, another process of the group rests already, or the only
 * one that is ready is wanted. Only the core ends the rest. */
int psg_slot_rest(psg_scoreboard_t *sb, uint32_t slot);

/* Gives the process back, to the first waiter if there is one. *drained is set
 * to 1 if the process is DRAINING and has no request any more: tell the core. */
void psg_slot_leave(psg_scoreboard_t *sb, uint32_t slot, int *drained);

/* For the core: answers the GROUP message that came with slot and ticket (both
 * checked here) and wakes who waits for it. Returns 0, having written nothing,
 * if that question is not open any more. */
int psg_slot_answer(psg_scoreboard_t *sb, uint32_t slot, uint64_t ticket,
                    uint32_t group, uint32_t group_generation);
int psg_slot_refuse(psg_scoreboard_t *sb, uint32_t slot, uint64_t ticket,
                    psg_refusal_e why);

/* Wakes the owner of a slot whose state was changed by the caller. */
void psg_slot_wake(psg_scoreboard_t *sb, uint32_t slot);

#endif
