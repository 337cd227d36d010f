/* SPDX-License-Identifier: Apache-2.0 */

/* Compares a group's queue and busy figures with what the slots say. For tests
 * of the scoreboard. */
#ifndef GROUP_LEDGER_H
#define GROUP_LEDGER_H

#include "scoreboard.h"

/* Ends the test if a process of g has not as many requests as slots RUNNING on
 * it, or more than it may have; if the queue is not exactly the QUEUED slots in
 * order of their tickets; if one was overtaken; or if one waits though a process
 * is free. Slots that had a wish that was given up have a uri that begins with
 * 'w'. The caller holds the lock of g. */
void group_ledger_check(const psg_scoreboard_t *sb, uint32_t g);

/* Process p is to have so many requests from now on, 0 = no limit; from then on
 * group_ledger_check() ends the test if it got more. With the lock held. */
void group_ledger_allot(psg_scoreboard_t *sb, uint32_t p, uint32_t requests);

#endif
