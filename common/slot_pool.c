/* SPDX-License-Identifier: Apache-2.0 */

/* Which slots of an httpd child are in use: a stack of free ones in memory of
 * the child, so that the slots used last, and warm, are used next. Called by
 * the module for every request. */
#include "group_queue.h"
#include "request_slot.h"

struct psg_slot_pool_t {
    psg_scoreboard_t *sb;
    uint32_t row;
    uint32_t fresh; /* slots at or above this were never claimed from here */
    /* The stack: index of the top in the lower half, and a number in the upper
     * half that changes with every change, so that a compare-and-swap cannot
     * take a top that went and came back for one that stayed. */
    uint64_t top;
    uint32_t below[PSG_SLOTS_PER_CHILD];
};

static uint64_t next_top(uint64_t old, uint32_t index)
{
    return ((old >> 32) + 1) << 32 | index;
}

apr_status_t psg_slot_pool_create(psg_slot_pool_t **slots, psg_scoreboard_t *sb,
                                  uint32_t row, apr_pool_t *pool)
{
    psg_slot_pool_t *made;

    if (row >= PSG_MAX_CHILDREN) {
        return APR_EINVAL;
    }
    made = apr_pcalloc(pool, sizeof(*made));
    made->sb = sb;
    made->row = row;
    made->top = PSG_NONE;
    *slots = made;
    return APR_SUCCESS;
}

/* Before a slot is used the scoreboard must know that it may be: whoever
 * recovers this child looks no further than slots_used. */
static uint32_t claim_fresh(psg_slot_pool_t *slots)
{
    uint32_t *used = &slots->sb->children[slots->row].slots_used;
    uint32_t index = psg_peek(&slots->fresh);
    uint32_t known;

    do {
        if (index >= PSG_SLOTS_PER_CHILD) {
            return PSG_NONE;
        }
    } while (!__atomic_compare_exchange_n(&slots->fresh, &index, index + 1, 0,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    known = psg_peek(used);
    while (known < index + 1
           && !__atomic_compare_exchange_n(used, &known, index + 1, 0,
                                           __ATOMIC_RELEASE,
                                           __ATOMIC_RELAXED)) {
    }
    return index;
}

uint32_t psg_slot_claim(psg_slot_pool_t *slots)
{
    uint64_t top = __atomic_load_n(&slots->top, __ATOMIC_ACQUIRE);
    uint32_t index;

    do {
        index = (uint32_t)top;
        if (index == PSG_NONE) {
            index = claim_fresh(slots);
            return index == PSG_NONE ? PSG_NONE
                                     : slots->row * PSG_SLOTS_PER_CHILD + index;
        }
    } while (!__atomic_compare_exchange_n(
        &slots->top, &top, next_top(top, psg_peek(&slots->below[index])), 0,
        __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
    return slots->row * PSG_SLOTS_PER_CHILD + index;
}

/* Makes the slot FREE. Returns 0 if the core is about to answer it. */
static int slot_withdraw(psg_slot_t *slot)
{
    uint32_t state = PSG_SLOT_ASKING;

    if (__atomic_compare_exchange_n(&slot->state, &state, PSG_SLOT_FREE, 0,
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        return 1;
    }
    if (state == PSG_SLOT_ANSWERING) {
        return 0;
    }
    psg_slot_set_state(slot, PSG_SLOT_FREE);
    return 1;
}

void psg_slot_free(psg_slot_pool_t *slots, uint32_t slot)
{
    uint32_t index = slot % PSG_SLOTS_PER_CHILD;
    uint64_t top;

    /* A core that was stopped in the middle of its answer will go on writing
     * one day, perhaps into another request: such a slot is not used again
     * while this child lives. */
    if (!slot_withdraw(&slots->sb->slots[slot])) {
        return;
    }
    top = __atomic_load_n(&slots->top, __ATOMIC_RELAXED);
    do {
        __atomic_store_n(&slots->below[index], (uint32_t)top, __ATOMIC_RELAXED);
    } while (!__atomic_compare_exchange_n(&slots->top, &top,
                                          next_top(top, index), 0,
                                          __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}
