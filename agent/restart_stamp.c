/* SPDX-License-Identifier: Apache-2.0 */

/* Decides what a change of restart.txt means. Called by the watcher. */
#include "restart_stamp.h"

enum {
    NANOSECONDS = 1000000000
};

uint64_t restart_stamp_of(const struct stat *info)
{
    uint64_t seen;

    if (!info) {
        return RESTART_STAMP_ABSENT;
    }
    /* Times before 1970 wrap around; they only have to be different. */
    seen = (uint64_t)info->st_mtim.tv_sec * NANOSECONDS
           + (uint64_t)info->st_mtim.tv_nsec;
    return seen > RESTART_STAMP_ABSENT ? seen : RESTART_STAMP_ABSENT + 1;
}

int restart_stamp_is_wish(uint64_t before, uint64_t now)
{
    return before != RESTART_STAMP_UNSEEN && now != RESTART_STAMP_ABSENT
           && before != now;
}
