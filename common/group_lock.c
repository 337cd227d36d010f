/* SPDX-License-Identifier: Apache-2.0 */

/* The lock of a group: robust, so that a holder that was killed does not stop
 * the group for ever. Taken by httpd's children and by the core. */
#include <errno.h>
#include <time.h>

#include "scoreboard.h"

enum {
    LOOK_AGAIN_USEC = 20000,
};

static pthread_mutex_t *lock_of(psg_scoreboard_t *sb, uint32_t g)
{
    return &sb->groups[g].lock.mutex;
}

/* ERRORCHECK: locking twice is an error to see, not a thread that hangs. */
static int mutex_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attr;
    int error = pthread_mutexattr_init(&attr);

    if (error != 0) {
        return error;
    }
    error = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    if (error == 0) {
        error = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }
    if (error == 0) {
        error = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
    }
    if (error == 0) {
        error = pthread_mutex_init(mutex, &attr);
    }
    pthread_mutexattr_destroy(&attr);
    return error;
}

apr_status_t psg_group_init_lock(psg_scoreboard_t *sb, uint32_t g)
{
    psg_group_t *group;
    int error;

    if (g >= PSG_MAX_GROUPS) {
        return APR_EINVAL;
    }
    if (g < __atomic_load_n(&sb->header.groups_used, __ATOMIC_ACQUIRE)) {
        return APR_SUCCESS;
    }
    group = &sb->groups[g];
    error = mutex_init(&group->lock.mutex);
    if (error != 0) {
        return error;
    }
    group->first_process = PSG_NONE;
    group->queue_head = PSG_NONE;
    group->queue_tail = PSG_NONE;
    __atomic_store_n(&sb->header.groups_used, g + 1, __ATOMIC_RELEASE);
    return APR_SUCCESS;
}

/* `error` is what pthread said. Its holder died: the lock is ours, what it
 * protects may be half written. */
static apr_status_t locked(psg_scoreboard_t *sb, uint32_t g, int error)
{
    if (error == EOWNERDEAD) {
        pthread_mutex_consistent(lock_of(sb, g));
        psg_group_repair(sb, g);
        return APR_SUCCESS;
    }
    return error == ETIMEDOUT ? APR_TIMEUP : error;
}

/* Only entries the core has begun to use have a lock. */
static int has_lock(const psg_scoreboard_t *sb, uint32_t g)
{
    return g < PSG_MAX_GROUPS
           && g < __atomic_load_n(&sb->header.groups_used, __ATOMIC_ACQUIRE);
}

/* Waits until `end` for a lock that is taken. Not in one piece: if a thread is
 * killed after it was woken and another took the lock before that, the kernel
 * wakes none of those who still sleep. Looking again finds the lock. */
static int lock_slowly(pthread_mutex_t *mutex, uint64_t end)
{
    for (;;) {
        uint64_t now = psg_now();
        uint64_t look_again =
            end - now < LOOK_AGAIN_USEC ? end : now + LOOK_AGAIN_USEC;
        struct timespec until;
        int error;

        if (now >= end) {
            return ETIMEDOUT;
        }
        until.tv_sec = (time_t)(look_again / 1000000);
        until.tv_nsec = (long)(look_again % 1000000) * 1000;
        error = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
        if (error != ETIMEDOUT) {
            return error;
        }
    }
}

apr_status_t psg_group_lock(psg_scoreboard_t *sb, uint32_t g)
{
    int error;

    if (!has_lock(sb, g)) {
        return APR_EINVAL;
    }
    error = pthread_mutex_trylock(lock_of(sb, g));
    if (error == EBUSY) {
        error = lock_slowly(lock_of(sb, g), UINT64_MAX);
    }
    return error == 0 ? APR_SUCCESS : locked(sb, g, error);
}

apr_status_t psg_group_lock_timed(psg_scoreboard_t *sb, uint32_t g,
                                  uint64_t wait_usec)
{
    int error;

    if (!has_lock(sb, g)) {
        return APR_EINVAL;
    }
    error = pthread_mutex_trylock(lock_of(sb, g));
    if (error == EBUSY) {
        error = lock_slowly(lock_of(sb, g), psg_now() + wait_usec);
    }
    return error == 0 ? APR_SUCCESS : locked(sb, g, error);
}

void psg_group_unlock(psg_scoreboard_t *sb, uint32_t g)
{
    pthread_mutex_unlock(lock_of(sb, g));
}
