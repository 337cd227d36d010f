/* SPDX-License-Identifier: Apache-2.0 */

/* A scoreboard with groups and processes as the core would make them, for the
 * tests of the scoreboard. Every call ends the test if it fails. */
#ifndef SAMPLE_SCOREBOARD_H
#define SAMPLE_SCOREBOARD_H

#include "request_slot.h"
#include "scoreboard.h"

psg_scoreboard_t *sample_scoreboard(void);

/* Makes group g ACTIVE, with generation 1 and no process. */
void sample_group(psg_scoreboard_t *sb, uint32_t g);

/* Makes entry p a READY process of g, last in its list. */
void sample_process(psg_scoreboard_t *sb, uint32_t g, uint32_t p,
                    uint32_t concurrency);

/* Claims a row for this process and makes its slots. */
psg_slot_pool_t *sample_child(psg_scoreboard_t *sb, uint32_t *row);

/* A scoreboard with group 0, of which process 0 takes so many requests at once,
 * and a child with slots. */
psg_scoreboard_t *sample_app(psg_slot_pool_t **slots, uint32_t concurrency);

/* Claims a slot and enters group g. */
uint32_t sample_enter(psg_scoreboard_t *sb, psg_slot_pool_t *slots, uint32_t g,
                      psg_enter_e expected);

void sample_leave(psg_scoreboard_t *sb, psg_slot_pool_t *slots, uint32_t slot);

#endif
