/* SPDX-License-Identifier: Apache-2.0 */

/* Which entries of the scoreboard the core takes for processes. */
#include "test.h"

#include "sample_scoreboard.h"
#include "scoreboard_writer.h"

static psg_scoreboard_t *sb;
static scoreboard_writer_t *writer;

static void setup(void)
{
    sb = sample_scoreboard();
    writer = scoreboard_writer_create(sb, test_pool());
}

static uint32_t take(void)
{
    uint32_t process;

    CHECK_INT(scoreboard_process_new(writer, 0, &process), APR_SUCCESS);
    return process;
}

/* Each page of entries that is used once costs memory in all our processes. */
TEST(entries_of_ended_processes_are_used_again)
{
    setup();
    for (int i = 0; i < 20000; i++) {
        scoreboard_process_free(writer, take());
    }
    CHECK(sb->header.processes_used <= 64);
}

/* A child that looks at the old process under its group's lock must not find a
 * new one of another group. */
TEST(freed_entry_is_not_used_again_at_once)
{
    uint32_t freed;

    setup();
    for (int i = 0; i < 200; i++) {
        (void)take();
    }
    freed = take();
    scoreboard_process_free(writer, freed);
    for (int i = 0; i < 32; i++) {
        CHECK(take() != freed);
    }
}

TEST(all_entries_can_be_taken_once)
{
    static char seen[PSG_MAX_PROCESSES];
    uint32_t process;

    setup();
    for (int i = 0; i < PSG_MAX_PROCESSES; i++) {
        process = take();
        CHECK(!seen[process]);
        seen[process] = 1;
    }
    CHECK_INT(scoreboard_process_new(writer, 0, &process), APR_ENOSPC);
    scoreboard_process_free(writer, 4711);
    CHECK_INT(take(), 4711);
}

TEST(entries_of_an_earlier_core_are_not_taken)
{
    setup();
    for (uint32_t i = 0; i < 100; i++) {
        scoreboard_process_keep(writer, i);
    }
    for (int i = 0; i < 100; i++) {
        CHECK(take() >= 100);
    }
}
