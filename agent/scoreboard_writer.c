/* SPDX-License-Identifier: Apache-2.0 */

/* The one place where the core writes to the scoreboard, with timed locks.
 * Called by app_pool, app_group, app_process and module_socket. */
#include "scoreboard_writer.h"

#include <string.h>
#include <unistd.h>

#include <apr_general.h>

#include "agent_log.h"
#include "request_ahead.h"
#include "request_slot.h"

/* How long the core waits for a group's lock: critical sections take less than
 * a microsecond, so this is for a holder that was stopped. */
enum {
    LOCK_WAIT = 1000000,
    DAMAGED_LOCK_WAIT = 1000
};

/* So many entries of processes take turns at first. */
enum {
    TURNS_MIN = 64
};

struct scoreboard_writer_t {
    psg_scoreboard_t *sb;
    unsigned char damaged[PSG_MAX_GROUPS]; /* 1 = written without its lock */
    /* 1 = in use. The states on the scoreboard say so, too, but others can
     * write them. */
    unsigned char group_taken[PSG_MAX_GROUPS];
    unsigned char process_taken[PSG_MAX_PROCESSES];
    uint32_t processes;    /* how many are taken */
    uint32_t turns;        /* entries below this take turns; a power of 2 */
    uint32_t next_process; /* whose turn it is */
};

#define STORE(field, value) __atomic_store_n(&(field), value, __ATOMIC_RELEASE)
#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)

scoreboard_writer_t *scoreboard_writer_create(psg_scoreboard_t *sb,
                                              apr_pool_t *pool)
{
    scoreboard_writer_t *writer = apr_pcalloc(pool, sizeof(*writer));

    writer->sb = sb;
    writer->turns = TURNS_MIN;
    STORE(sb->header.core_pid, (uint32_t)getpid());
    STORE(sb->header.core_generation, sb->header.core_generation + 1);
    return writer;
}

/* Takes the group's lock; 0 if it could not be had in time. */
static int lock_group(scoreboard_writer_t *writer, uint32_t group)
{
    unsigned char *damaged = &writer->damaged[group];
    apr_status_t rv = psg_group_lock_timed(
        writer->sb, group, *damaged ? DAMAGED_LOCK_WAIT : LOCK_WAIT);

    if (rv == APR_SUCCESS) {
        if (*damaged) {
            psg_group_repair(writer->sb, group);
            *damaged = 0;
            agent_log(PSG_LOG_NOTICE,
                      "PSG2001: the lock of app group %u is free again; the "
                      "group was repaired",
                      group);
        }
        return 1;
    }
    if (!*damaged) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2002: the lock of app group %u was not given back within "
                  "a second; going on without it until it is. Look for a "
                  "stopped httpd process",
                  group);
        *damaged = 1;
    }
    return 0;
}

static void unlock_group(scoreboard_writer_t *writer, uint32_t group,
                         int locked)
{
    if (locked) {
        psg_group_unlock(writer->sb, group);
    }
}

/* Fills a fresh entry. Before ACTIVE is stored nobody else looks at it. */
static void reset_group(psg_group_t *entry)
{
    entry->first_process = PSG_NONE;
    entry->queue_head = entry->queue_tail = PSG_NONE;
    entry->queued = entry->wishes = 0;
    entry->queue_limit = 0;
    entry->wanted = 0;
    entry->served = entry->rejected = entry->timed_out = 0;
    entry->spawn_failures = 0;
    entry->last_used = psg_now();
    entry->error.when = 0;
    entry->error.detail_len = 0;
    entry->error.id[0] = entry->error.summary[0] = '\0';
    entry->epoch = 0;
    entry->retry_at = 0;
    entry->options_len = 0;
    entry->restart_seen = 0;
}

void scoreboard_group_keep(scoreboard_writer_t *writer, uint32_t group)
{
    writer->group_taken[group] = 1;
}

void scoreboard_process_keep(scoreboard_writer_t *writer, uint32_t process)
{
    writer->processes += !writer->process_taken[process];
    writer->process_taken[process] = 1;
}

apr_status_t scoreboard_group_new(scoreboard_writer_t *writer, uint32_t *group)
{
    psg_scoreboard_t *sb = writer->sb;
    uint32_t g;
    int locked;

    for (g = 0; g < PSG_MAX_GROUPS; g++) {
        if (!writer->group_taken[g] && !writer->damaged[g]) {
            break;
        }
    }
    if (g == PSG_MAX_GROUPS) {
        return APR_ENOSPC;
    }
    writer->group_taken[g] = 1;
    if (psg_group_init_lock(sb, g) != APR_SUCCESS) {
        return APR_ENOSPC;
    }
    locked = lock_group(writer, g);
    reset_group(&sb->groups[g]);
    sb->groups[g].generation++;
    STORE(sb->groups[g].state, PSG_GROUP_ACTIVE);
    unlock_group(writer, g, locked);
    *group = g;
    return APR_SUCCESS;
}

apr_status_t scoreboard_group_free(scoreboard_writer_t *writer, uint32_t group)
{
    psg_group_t *entry = &writer->sb->groups[group];
    apr_status_t rv = APR_EBUSY;
    int locked = lock_group(writer, group);

    if (locked && entry->queued == 0) {
        entry->generation++;
        entry->first_process = PSG_NONE;
        entry->options_len = 0;
        STORE(entry->state, PSG_GROUP_FREE);
        writer->group_taken[group] = 0;
        rv = APR_SUCCESS;
    }
    unlock_group(writer, group, locked);
    return rv;
}

void scoreboard_group_set_options(scoreboard_writer_t *writer, uint32_t group,
                                  const char *options, size_t len,
                                  uint32_t queue_limit)
{
    psg_group_t *entry = &writer->sb->groups[group];
    int locked = lock_group(writer, group);

    /* Not if it is there: a core killed between these lines loses a group. */
    if (entry->options_len != len
        || memcmp(entry->options, options, len) != 0) {
        STORE(entry->options_len, 0);
        memcpy(entry->options, options, len);
        STORE(entry->options_len, (uint32_t)len);
    }
    STORE(entry->queue_limit, queue_limit);
    unlock_group(writer, group, locked);
}

void scoreboard_group_set_processes(scoreboard_writer_t *writer, uint32_t group,
                                    const uint32_t *processes, size_t count)
{
    psg_scoreboard_t *sb = writer->sb;
    int locked = lock_group(writer, group);

    for (size_t i = 0; i < count; i++) {
        STORE(sb->processes[processes[i]].next,
              i + 1 < count ? processes[i + 1] : PSG_NONE);
    }
    STORE(sb->groups[group].first_process, count ? processes[0] : PSG_NONE);
    unlock_group(writer, group, locked);
}

void scoreboard_group_set_restart_seen(scoreboard_writer_t *writer,
                                       uint32_t group, uint64_t seen)
{
    STORE(writer->sb->groups[group].restart_seen, seen);
}

void scoreboard_group_repair(scoreboard_writer_t *writer, uint32_t group)
{
    int locked = lock_group(writer, group);

    if (locked) {
        psg_group_repair(writer->sb, group);
    }
    unlock_group(writer, group, locked);
}

void scoreboard_group_set_epoch(scoreboard_writer_t *writer, uint32_t group,
                                uint32_t epoch)
{
    STORE(writer->sb->groups[group].epoch, epoch);
}

void scoreboard_process_set_epoch(scoreboard_writer_t *writer, uint32_t process,
                                  uint32_t epoch)
{
    STORE(writer->sb->processes[process].epoch, epoch);
}

waiters_t scoreboard_group_dispatch(scoreboard_writer_t *writer, uint32_t group,
                                    int tell_again)
{
    psg_group_t *entry = &writer->sb->groups[group];
    int locked = lock_group(writer, group);
    waiters_t waiters;
    uint32_t wishes;

    if (locked) {
        psg_group_dispatch(writer->sb, group);
    }
    waiters.all = LOAD(entry->queued);
    wishes = LOAD(entry->wishes);
    waiters.any = waiters.all > wishes ? waiters.all - wishes : 0;
    if (waiters.all == 0 && tell_again) {
        STORE(entry->wanted, 0);
    }
    unlock_group(writer, group, locked);
    return waiters;
}

void scoreboard_group_note_error(scoreboard_writer_t *writer, uint32_t group,
                                 const psg_spawn_error_t *error)
{
    psg_group_t *entry = &writer->sb->groups[group];
    int locked = lock_group(writer, group);

    entry->error = *error;
    entry->spawn_failures++;
    unlock_group(writer, group, locked);
}

void scoreboard_group_set_retry_at(scoreboard_writer_t *writer, uint32_t group,
                                   uint64_t retry_at)
{
    STORE(writer->sb->groups[group].retry_at, retry_at);
}

void scoreboard_group_fail(scoreboard_writer_t *writer, uint32_t group)
{
    int locked = lock_group(writer, group);

    if (locked) {
        psg_group_fail_waiters(writer->sb, group);
    }
    unlock_group(writer, group, locked);
}

/* Never 0; without random numbers a poor one: it is no secret. */
static uint32_t random_id(void)
{
    uint32_t id = 0;

    if (apr_generate_random_bytes((unsigned char *)&id, sizeof(id))
        != APR_SUCCESS) {
        id = (uint32_t)psg_now();
    }
    return id ? id : 1;
}

/* A free entry, PSG_NONE if there is none. One that was freed rests for at least
 * TURNS_MIN / 2 starts: a child may be about to look at it under the lock of the
 * group it was of. More than are needed for that never take turns, since each
 * that was ever used costs memory: here, in the watchdog, in httpd's children. */
static uint32_t find_free_process(scoreboard_writer_t *writer)
{
    if (writer->processes >= writer->turns / 2
        && writer->turns < PSG_MAX_PROCESSES) {
        writer->turns *= 2;
    }
    for (uint32_t i = 0; i < writer->turns; i++) {
        uint32_t p = (writer->next_process + i) % writer->turns;

        if (!writer->process_taken[p]) {
            return p;
        }
    }
    return PSG_NONE;
}

apr_status_t scoreboard_process_new(scoreboard_writer_t *writer, uint32_t group,
                                    uint32_t *process)
{
    psg_scoreboard_t *sb = writer->sb;
    uint32_t p = find_free_process(writer);
    psg_process_t *entry;

    if (p == PSG_NONE) {
        return APR_ENOSPC;
    }
    entry = &sb->processes[p];
    scoreboard_process_keep(writer, p);
    writer->next_process = p + 1;
    *entry = (psg_process_t){.generation = entry->generation + 1,
                             .group = group,
                             .next = PSG_NONE,
                             .sticky_id = random_id(),
                             .started = psg_now()};
    STORE(entry->state, PSG_PROCESS_SPAWNING);
    if (LOAD(sb->header.processes_used) <= p) {
        STORE(sb->header.processes_used, p + 1);
    }
    *process = p;
    return APR_SUCCESS;
}

void scoreboard_process_set_pid(scoreboard_writer_t *writer, uint32_t process,
                                int pid)
{
    STORE(writer->sb->processes[process].pid, pid);
}

void scoreboard_process_set_kind(scoreboard_writer_t *writer, uint32_t process,
                                 psg_process_kind_e kind)
{
    STORE(writer->sb->processes[process].kind, (uint32_t)kind);
}

void scoreboard_process_set_port(scoreboard_writer_t *writer, uint32_t process,
                                 uint32_t port)
{
    STORE(writer->sb->processes[process].port, port);
}

void scoreboard_process_set_service(scoreboard_writer_t *writer,
                                    uint32_t process, psg_format_e format,
                                    uint32_t concurrency, int keep_alive)
{
    psg_process_t *entry = &writer->sb->processes[process];

    STORE(entry->format, (uint32_t)format);
    STORE(entry->concurrency, concurrency);
    STORE(entry->keep_alive, keep_alive ? 1 : 0);
    STORE(entry->last_used, psg_now());
}

void scoreboard_process_allow_ahead(scoreboard_writer_t *writer,
                                    uint32_t process)
{
    STORE(writer->sb->processes[process].ahead, PSG_AHEAD);
}

void scoreboard_process_set_most(scoreboard_writer_t *writer, uint32_t group,
                                 uint32_t process, uint32_t most)
{
    psg_process_t *entry = &writer->sb->processes[process];
    int locked = lock_group(writer, group);
    uint64_t had = entry->served + LOAD(entry->busy);

    STORE(entry->requests_left, most > had ? (uint32_t)(most - had) : 0);
    STORE(entry->countdown, most > 0);
    unlock_group(writer, group, locked);
}

void scoreboard_process_end_rest(scoreboard_writer_t *writer, uint32_t group,
                                 uint32_t process)
{
    int locked = lock_group(writer, group);

    STORE(writer->sb->processes[process].resting, 0);
    if (locked) {
        psg_group_dispatch(writer->sb, group);
    }
    unlock_group(writer, group, locked);
}

uint32_t scoreboard_process_set_state(scoreboard_writer_t *writer,
                                      uint32_t group, uint32_t process,
                                      psg_process_state_e state)
{
    psg_process_t *entry = &writer->sb->processes[process];
    int locked = lock_group(writer, group);
    uint32_t busy;

    STORE(entry->state, (uint32_t)state);
    if (locked
        && (state == PSG_PROCESS_READY
            || LOAD(writer->sb->groups[group].wishes) > 0)) {
        psg_group_dispatch(writer->sb, group);
    }
    busy = LOAD(entry->busy);
    unlock_group(writer, group, locked);
    return busy;
}

void scoreboard_process_free(scoreboard_writer_t *writer, uint32_t process)
{
    psg_process_t *entry = &writer->sb->processes[process];

    STORE(entry->generation, entry->generation + 1);
    STORE(entry->busy, 0);
    STORE(entry->pid, 0);
    STORE(entry->state, PSG_PROCESS_UNUSED);
    writer->processes -= writer->process_taken[process];
    writer->process_taken[process] = 0;
}

void scoreboard_slot_answer(scoreboard_writer_t *writer, uint32_t slot,
                            uint64_t ticket, uint32_t group,
                            uint32_t group_generation)
{
    (void)psg_slot_answer(writer->sb, slot, ticket, group, group_generation);
}

void scoreboard_slot_refuse(scoreboard_writer_t *writer, uint32_t slot,
                            uint64_t ticket, psg_refusal_e why)
{
    (void)psg_slot_refuse(writer->sb, slot, ticket, why);
}
