/* SPDX-License-Identifier: Apache-2.0 */

/* Makes scoreboards for tests; see the header. */
#include "sample_scoreboard.h"

#include <unistd.h>

#include "test.h"

psg_scoreboard_t *sample_scoreboard(void)
{
    psg_scoreboard_t *sb;
    int fd;

    CHECK_INT(psg_scoreboard_create(&fd), APR_SUCCESS);
    CHECK_INT(psg_scoreboard_attach(&sb, fd), APR_SUCCESS);
    close(fd);
    return sb;
}

void sample_group(psg_scoreboard_t *sb, uint32_t g)
{
    CHECK_INT(psg_group_init_lock(sb, g), APR_SUCCESS);
    CHECK_INT(psg_group_lock_timed(sb, g, 1000000), APR_SUCCESS);
    sb->groups[g].generation = 1;
    sb->groups[g].state = PSG_GROUP_ACTIVE;
    psg_group_unlock(sb, g);
}

void sample_process(psg_scoreboard_t *sb, uint32_t g, uint32_t p,
                    uint32_t concurrency)
{
    psg_process_t *process = &sb->processes[p];
    uint32_t *link = &sb->groups[g].first_process;

    if (sb->header.processes_used <= p) {
        sb->header.processes_used = p + 1;
    }
    CHECK_INT(psg_group_lock_timed(sb, g, 1000000), APR_SUCCESS);
    process->generation++;
    process->state = PSG_PROCESS_READY;
    process->group = g;
    process->sticky_id = p + 1;
    process->concurrency = concurrency;
    process->busy = 0;
    process->next = PSG_NONE;
    while (*link != PSG_NONE) {
        link = &sb->processes[*link].next;
    }
    *link = p;
    psg_group_dispatch(sb, g);
    psg_group_unlock(sb, g);
}

psg_slot_pool_t *sample_child(psg_scoreboard_t *sb, uint32_t *row)
{
    psg_slot_pool_t *slots;

    CHECK_INT(psg_child_claim(sb, row), APR_SUCCESS);
    CHECK_INT(psg_slot_pool_create(&slots, sb, *row, test_pool()), APR_SUCCESS);
    return slots;
}

psg_scoreboard_t *sample_app(psg_slot_pool_t **slots, uint32_t concurrency)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    uint32_t row;

    sample_group(sb, 0);
    sample_process(sb, 0, 0, concurrency);
    *slots = sample_child(sb, &row);
    return sb;
}

uint32_t sample_enter(psg_scoreboard_t *sb, psg_slot_pool_t *slots, uint32_t g,
                      psg_enter_e expected)
{
    uint32_t slot = psg_slot_claim(slots);
    int must_tell;

    CHECK(slot != PSG_NONE);
    CHECK_INT(psg_slot_enter(sb, slot, g, sb->groups[g].generation, &must_tell),
              expected);
    return slot;
}

void sample_leave(psg_scoreboard_t *sb, psg_slot_pool_t *slots, uint32_t slot)
{
    int drained;

    psg_slot_leave(sb, slot, &drained);
    psg_slot_free(slots, slot);
}
