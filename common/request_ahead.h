/* SPDX-License-Identifier: Apache-2.0 */

/* Requests that are sent ahead: to a process that does one thing at a time, while
 * it has a request, to wait in its socket. It then finds the next one without
 * sleeping, and httpd's threads and the process need not take turns: for an app
 * that answers within a millisecond, these changes are what costs most.
 *
 * Who is sent ahead is bound to that process, though another one may have time
 * earlier. So this is for processes that have been quick for long: of
 * PSG_QUICK_COUNT requests at most PSG_AHEAD wait for one that takes its time.
 * Only what may be sent again is sent ahead: without a body, and over a
 * connection that tells whether it was read (see app_exchange.c). So whoever
 * waits in a process that ends goes to another one.
 *
 * For the other files of the scoreboard; called with the group's lock held. */
#ifndef PSG_REQUEST_AHEAD_H
#define PSG_REQUEST_AHEAD_H

#include <stdint.h>

#include "scoreboard.h"

enum {
    PSG_CROWD = 8,         /* requests at a quick process, or waiting for it */
    PSG_AHEAD = 3,         /* requests, beside the one it works on */
    PSG_QUICK_COUNT = 500, /* requests in a row */
    PSG_QUICK_USEC = 20 * 1000, /* each, those before it included */
};

/* Whether the process, which has `busy` requests, takes one more ahead at the
 * time `now` (microseconds, may be some milliseconds late). */
int psg_ahead_has_room(const psg_process_t *process, uint32_t busy,
                       uint64_t now);

/* Whether the process has been quick for long and has, or its group has waiting,
 * PSG_CROWD requests or more. Needs no lock. */
int psg_process_is_crowded(const psg_scoreboard_t *sb, uint32_t process,
                           uint32_t group);

/* Takes note of a request that the process had since `running` and has no
 * more; process->last_used is now. */
void psg_ahead_note(psg_process_t *process, uint64_t running);

#endif
