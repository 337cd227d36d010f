/* SPDX-License-Identifier: Apache-2.0 */

/* Judges which processes are quick enough. Called by group_queue.c. */
#include "request_ahead.h"

#include "group_queue.h"

/* A process that has answered nothing for a while works on something slow. */
int psg_ahead_has_room(const psg_process_t *process, uint32_t busy,
                       uint64_t now)
{
    uint32_t ahead = psg_peek(&process->ahead);

    return ahead > 0 && ahead <= PSG_AHEAD
           && busy < psg_peek(&process->concurrency) + ahead
           && psg_peek(&process->quick) >= PSG_QUICK_COUNT
           && now - process->last_used < PSG_QUICK_USEC;
}

int psg_process_is_crowded(const psg_scoreboard_t *sb, uint32_t process,
                           uint32_t group)
{
    return process < PSG_MAX_PROCESSES && group < PSG_MAX_GROUPS
           && psg_peek(&sb->processes[process].quick) >= PSG_QUICK_COUNT
           && psg_peek(&sb->processes[process].busy)
                      + psg_peek(&sb->groups[group].queued)
                  >= PSG_CROWD;
}

void psg_ahead_note(psg_process_t *process, uint64_t running)
{
    if (process->last_used - running >= PSG_QUICK_USEC) {
        process->quick = 0;
    }
    else if (process->quick < PSG_QUICK_COUNT) {
        process->quick++;
    }
}
