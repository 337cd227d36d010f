/* SPDX-License-Identifier: Apache-2.0 */

/* An httpd child's row on the scoreboard: claimed by the child when it starts,
 * given back with all its slots by the child itself or, if that died, by the
 * core. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "group_queue.h"
#include "process_stats.h"
#include "request_slot.h"

enum {
    RECOVER_WAIT_USEC = 1000000,
};

apr_status_t psg_child_claim(psg_scoreboard_t *sb, uint32_t *row)
{
    int32_t pid = getpid();
    psg_process_stats_t stats = {.start_time = 0};
    uint32_t i;

    /* 0, if /proc cannot be read: psg_child_alive() goes by the pid alone. */
    (void)psg_process_stats_read(&stats, pid);
    for (i = 0; i < PSG_MAX_CHILDREN; i++) {
        psg_child_t *child = &sb->children[i];
        int32_t nobody = 0;

        if (__atomic_compare_exchange_n(&child->pid, &nobody, pid, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            child->start_time = stats.start_time;
            child->closing = 0;
            __atomic_add_fetch(&child->generation, 1, __ATOMIC_RELEASE);
            *row = i;
            return APR_SUCCESS;
        }
    }
    return APR_ENOSPC;
}

int psg_child_alive(const psg_scoreboard_t *sb, uint32_t row)
{
    const psg_child_t *child = &sb->children[row];
    int32_t pid = __atomic_load_n(&child->pid, __ATOMIC_ACQUIRE);
    uint64_t claimed = child->start_time;
    psg_process_stats_t stats;

    if (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH)) {
        return 0;
    }
    if (psg_process_stats_read(&stats, pid) != APR_SUCCESS) {
        /* /proc may hide other users' processes from us. */
        return kill(pid, 0) == 0 || errno != ESRCH;
    }
    return stats.state != 'Z' && stats.state != 'X'
           && (claimed == 0 || claimed == stats.start_time);
}

/* Gives back what a QUEUED or RUNNING slot holds. *stuck is a group whose lock
 * is not to be had, or PSG_NONE. */
static void slot_recover(psg_scoreboard_t *sb, uint32_t index, uint32_t *stuck)
{
    psg_slot_t *slot = &sb->slots[index];
    uint32_t g = psg_peek(&slot->group);
    uint32_t served = PSG_NONE;
    apr_status_t rv;

    if (g == *stuck && g != PSG_NONE) {
        return;
    }
    rv = psg_group_lock_timed(sb, g, RECOVER_WAIT_USEC);
    if (rv == APR_TIMEUP) {
        *stuck = g;
        return;
    }
    if (rv != APR_SUCCESS) {
        /* No such group: nothing to give back to. */
        psg_slot_set_state(slot, PSG_SLOT_FREE);
        return;
    }
    switch (psg_slot_state(slot)) {
    case PSG_SLOT_QUEUED:
        psg_group_unqueue(sb, g, index, PSG_SLOT_FREE);
        break;
    case PSG_SLOT_RUNNING:
        psg_group_give_back(sb, g, index);
        served = psg_group_hand_over(sb, g);
        break;
    default:
        psg_slot_set_state(slot, PSG_SLOT_FREE);
        break;
    }
    /* The dead child may have meant to tell the core. */
    sb->groups[g].wanted = 0;
    psg_group_unlock(sb, g);
    if (served != PSG_NONE) {
        psg_slot_wake(sb, served);
    }
}

static uint32_t slots_used(const psg_scoreboard_t *sb, uint32_t row)
{
    uint32_t used = psg_peek(&sb->children[row].slots_used);

    return used < PSG_SLOTS_PER_CHILD ? used : PSG_SLOTS_PER_CHILD;
}

/* Slots are woken after the lock is given back; a child that died in between
 * owes somebody a call. So all whose wait is over are called. */
static void wake_served(psg_scoreboard_t *sb)
{
    uint32_t row, i;

    for (row = 0; row < PSG_MAX_CHILDREN; row++) {
        uint32_t used;

        if (__atomic_load_n(&sb->children[row].pid, __ATOMIC_ACQUIRE) == 0) {
            continue;
        }
        used = slots_used(sb, row);
        for (i = 0; i < used; i++) {
            uint32_t slot = row * PSG_SLOTS_PER_CHILD + i;
            psg_slot_state_e state = psg_slot_state(&sb->slots[slot]);

            if (state == PSG_SLOT_RUNNING || state == PSG_SLOT_FAILED) {
                psg_slot_wake(sb, slot);
            }
        }
    }
}

apr_status_t psg_child_recover(psg_scoreboard_t *sb, uint32_t row)
{
    psg_child_t *child = &sb->children[row];
    uint32_t used = slots_used(sb, row);
    uint32_t stuck = PSG_NONE;
    uint32_t i;

    for (i = 0; i < used; i++) {
        uint32_t index = row * PSG_SLOTS_PER_CHILD + i;
        psg_slot_state_e state = psg_slot_state(&sb->slots[index]);

        if (state == PSG_SLOT_QUEUED || state == PSG_SLOT_RUNNING) {
            slot_recover(sb, index, &stuck);
        }
        else if (state != PSG_SLOT_FREE) {
            psg_slot_set_state(&sb->slots[index], PSG_SLOT_FREE);
        }
    }
    if (!child->closing) {
        wake_served(sb);
    }
    if (stuck != PSG_NONE) {
        return APR_TIMEUP;
    }
    child->start_time = 0;
    child->closing = 0;
    __atomic_store_n(&child->pid, 0, __ATOMIC_RELEASE);
    return APR_SUCCESS;
}
