/* SPDX-License-Identifier: Apache-2.0 */

/* Writes the core's fields of the scoreboard, and nobody else does. Group locks
 * are waited for at most one second: a holder that does not run on (stopped,
 * hostile) damages its group, not the core. Then fields are written without the
 * lock, and the group is repaired when the lock can be had again. */
#ifndef SCOREBOARD_WRITER_H
#define SCOREBOARD_WRITER_H

#include <stddef.h>

#include "core.h"

/* Takes sb over: raises the core's generation. */
scoreboard_writer_t *scoreboard_writer_create(psg_scoreboard_t *sb,
                                              apr_pool_t *pool);

/* Entries an earlier core took: they are ours now. */
void scoreboard_group_keep(scoreboard_writer_t *writer, uint32_t group);
void scoreboard_process_keep(scoreboard_writer_t *writer, uint32_t process);

/* Takes a free entry for a group, without processes and error. APR_ENOSPC if
 * there is none. */
apr_status_t scoreboard_group_new(scoreboard_writer_t *writer, uint32_t *group);

/* Gives the entry back unless a request waits there: then APR_EBUSY. */
apr_status_t scoreboard_group_free(scoreboard_writer_t *writer, uint32_t group);

void scoreboard_group_set_options(scoreboard_writer_t *writer, uint32_t group,
                                  const char *options, size_t len,
                                  uint32_t queue_limit);

/* The group's processes are these and no others. */
void scoreboard_group_set_processes(scoreboard_writer_t *writer, uint32_t group,
                                    const uint32_t *processes, size_t count);

/* What restart.txt of the group's app was last; for the next core. */
void scoreboard_group_set_restart_seen(scoreboard_writer_t *writer,
                                       uint32_t group, uint64_t seen);

/* Recomputes the figures of a group from the slots; after a crash. */
void scoreboard_group_repair(scoreboard_writer_t *writer, uint32_t group);

/* Which version of the app is to run; which one a process is of. */
void scoreboard_group_set_epoch(scoreboard_writer_t *writer, uint32_t group,
                                uint32_t epoch);
void scoreboard_process_set_epoch(scoreboard_writer_t *writer, uint32_t process,
                                  uint32_t epoch);

/* Those who wait in a queue, and how many of them any process would serve; the
 * others want one that is busy. */
typedef struct {
    uint32_t all, any;
} waiters_t;

/* Hands free capacity to those who wait; returns who is left. If nobody
 * is left and `tell_again`, the next one to queue sends WAITERS. */
waiters_t scoreboard_group_dispatch(scoreboard_writer_t *writer, uint32_t group,
                                    int tell_again);

/* Stores why the last start failed. */
void scoreboard_group_note_error(scoreboard_writer_t *writer, uint32_t group,
                                 const psg_spawn_error_t *error);

/* Until when requests that find no process are answered at once; 0 = they wait. */
void scoreboard_group_set_retry_at(scoreboard_writer_t *writer, uint32_t group,
                                   uint64_t retry_at);

/* Ends the wait of all: they find the error noted last. */
void scoreboard_group_fail(scoreboard_writer_t *writer, uint32_t group);

/* Takes a free entry for a process of group and marks it SPAWNING. */
apr_status_t scoreboard_process_new(scoreboard_writer_t *writer, uint32_t group,
                                    uint32_t *process);
void scoreboard_process_set_pid(scoreboard_writer_t *writer, uint32_t process,
                                int pid);
void scoreboard_process_set_kind(scoreboard_writer_t *writer, uint32_t process,
                                 psg_process_kind_e kind);
void scoreboard_process_set_port(scoreboard_writer_t *writer, uint32_t process,
                                 uint32_t port);

/* How requests are to be sent to it; to be called before it gets READY. */
void scoreboard_process_set_service(scoreboard_writer_t *writer,
                                    uint32_t process, psg_format_e format,
                                    uint32_t concurrency, int keep_alive);
/* Requests may be sent ahead to it, see request_ahead.h. */
void scoreboard_process_allow_ahead(scoreboard_writer_t *writer,
                                    uint32_t process);

/* It gets no more requests than `most` in all, counting those it had; 0 = no
 * limit. */
void scoreboard_process_set_most(scoreboard_writer_t *writer, uint32_t group,
                                 uint32_t process, uint32_t most);

/* Publishes the state and dispatches: it may have become free, or those who wait
 * for it must take others. Returns the requests it has. */
uint32_t scoreboard_process_set_state(scoreboard_writer_t *writer,
                                      uint32_t group, uint32_t process,
                                      psg_process_state_e state);

/* It has rested: it gets requests again, those who wait first. */
void scoreboard_process_end_rest(scoreboard_writer_t *writer, uint32_t group,
                                 uint32_t process);

/* The entry is UNUSED and gets a new generation; to be unlinked before. */
void scoreboard_process_free(scoreboard_writer_t *writer, uint32_t process);

/* Answers the question `ticket` of a slot, if it is still open. */
void scoreboard_slot_answer(scoreboard_writer_t *writer, uint32_t slot,
                            uint64_t ticket, uint32_t group,
                            uint32_t group_generation);
void scoreboard_slot_refuse(scoreboard_writer_t *writer, uint32_t slot,
                            uint64_t ticket, psg_refusal_e why);

#endif
