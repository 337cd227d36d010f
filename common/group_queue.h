/* SPDX-License-Identifier: Apache-2.0 */

/* A group's processes and its queue of waiting slots: who is served next and by
 * whom. For the other files of the scoreboard only; the lock of the group is
 * held by the caller of every function here, and g is in range.
 *
 * The states of the slots are the truth; queue and busy figures are made from
 * them. So whatever is found out of order here is repaired by recounting, and
 * whoever dies half way through leaves nothing that recounting does not mend. */
#ifndef PSG_GROUP_QUEUE_H
#define PSG_GROUP_QUEUE_H

#include "scoreboard.h"

/* A private copy of a shared field: the compiler may not read it twice. */
static inline uint32_t psg_peek(const uint32_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static inline psg_slot_state_e psg_slot_state(const psg_slot_t *slot)
{
    return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
}

/* Last of all stores to the slot: its owner goes on as soon as it sees it. */
static inline void psg_slot_set_state(psg_slot_t *slot, psg_slot_state_e state)
{
    __atomic_store_n(&slot->state, (uint32_t)state, __ATOMIC_RELEASE);
}

/* Whether the process had all the requests it is to have. */
static inline int psg_group_is_used_up(const psg_process_t *process)
{
    return psg_peek(&process->countdown) != 0
           && psg_peek(&process->requests_left) == 0;
}

/* The READY process with the fewest requests that may take one more, the first
 * of equals; PSG_NONE if there is none. */
uint32_t psg_group_pick(psg_scoreboard_t *sb, uint32_t g);

/* Finds the process the slot wishes for; the wish is dropped if no such process
 * of the group takes requests. Before the slot enters, by its owner; the lock is
 * not needed, but then it must be found again with it. */
void psg_group_find_wish(psg_scoreboard_t *sb, uint32_t g, uint32_t slot);

/* As psg_group_pick(), but a slot with a wish gets that one or none. */
uint32_t psg_group_pick_for(psg_scoreboard_t *sb, uint32_t g, uint32_t slot);

/* Whether one of the group's READY processes may rest: none does, and another
 * one is there or nobody waits. */
int psg_group_may_rest(const psg_scoreboard_t *sb, uint32_t g);

/* Makes slot RUNNING on a process that was picked. */
void psg_group_run(psg_scoreboard_t *sb, uint32_t slot, uint32_t process);

/* Takes a RUNNING slot off its process and makes it FREE. Returns the process,
 * or NULL if that has ended since. Capacity that became free is handed on by
 * psg_group_hand_over(). */
psg_process_t *psg_group_give_back(psg_scoreboard_t *sb, uint32_t g,
                                   uint32_t slot);

/* Appends slot to the queue: QUEUED. */
void psg_group_enqueue(psg_scoreboard_t *sb, uint32_t g, uint32_t slot);

/* Takes a QUEUED slot out of the queue, into that state. */
void psg_group_unqueue(psg_scoreboard_t *sb, uint32_t g, uint32_t slot,
                       psg_slot_state_e state);

/* Makes the first waiter RUNNING for whom there is a process. Returns
 * its slot, which the caller wakes (best after unlocking), or PSG_NONE. */
uint32_t psg_group_hand_over(psg_scoreboard_t *sb, uint32_t g);

/* The same if no process has time: to one that takes requests ahead, see
 * request_ahead.h. */
uint32_t psg_group_send_ahead(psg_scoreboard_t *sb, uint32_t g);

/* Whether the list of processes is one: indices in range, no loop, all of this
 * group. */
int psg_group_list_is_sound(const psg_scoreboard_t *sb, uint32_t g);

/* Recomputes the queue and all busy figures from the slots (group_repair.c). */
void psg_group_recount(psg_scoreboard_t *sb, uint32_t g);

#endif
