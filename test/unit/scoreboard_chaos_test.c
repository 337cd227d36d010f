/* SPDX-License-Identifier: Apache-2.0 */

/* Children with several threads enter, wait and leave while they are killed at
 * random moments and a core changes processes under them: nothing may be lost,
 * overtaken or miscounted. The seed is printed; PSG_CHAOS_SEED repeats it. */
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "group_ledger.h"
#include "request_ahead.h"
#include "sample_scoreboard.h"

enum {
    CHILDREN = 6,
    THREADS = 5,
    GROUPS = 3,
    PROCESSES = 3, /* of each group */
    RUN_USEC = 3000000,
    KILL_EVERY_USEC = 8000,
    LONG_WAIT_USEC = 15000000,
    LOST_USEC = 10000000,
};

/* What the children report; shared. */
typedef struct {
    uint32_t stop;
    uint64_t served, queued, full, timed_out, failed, abandoned, deaths_in_lock;
    uint64_t lost;
} report_t;

static report_t *report;
static psg_scoreboard_t *board;
static psg_slot_pool_t *slot_pool;
static pid_t children[CHILDREN];
static uint64_t seed;

static void count(uint64_t *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* xorshift: the same numbers everywhere for the same seed. */
static uint32_t dice(uint64_t *state, uint32_t sides)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 33) % sides;
}

static void busy_for(uint32_t usec)
{
    uint64_t end = psg_now() + usec;

    while (psg_now() < end) {
    }
}

static psg_process_t *first_process(uint32_t g)
{
    return board->processes + (size_t)g * PROCESSES;
}

/* Dies with the lock held and everything half changed. */
static void die_in_lock(uint32_t g, uint64_t *random)
{
    if (psg_group_lock(board, g) != APR_SUCCESS) {
        return;
    }
    count(&report->deaths_in_lock);
    switch (dice(random, 5)) {
    case 0:
        first_process(g)->busy += 3;
        break;
    case 1:
        board->groups[g].queue_head = dice(random, UINT32_MAX);
        break;
    case 2:
        board->groups[g].wishes = dice(random, 3);
        board->groups[g].queue_tail = PSG_NONE;
        board->groups[g].queued += 5;
        break;
    case 3:
        board->groups[g].first_process = dice(random, PSG_MAX_PROCESSES);
        break;
    default:
        busy_for(dice(random, 100));
        break;
    }
    raise(SIGKILL);
}

/* Returns whether the slot is RUNNING now. */
static int wait_turn(uint32_t slot, uint64_t *random)
{
    uint64_t start = psg_now();
    uint64_t patience =
        dice(random, 4) == 0 ? dice(random, 3000) : LONG_WAIT_USEC;

    count(&report->queued);
    if (dice(random, 16) == 0) {
        psg_slot_abandon(board, slot);
        count(&report->abandoned);
        return 0;
    }
    /* One tick as long as the patience: a call that is lost is not noticed by
     * looking again, but by having waited. */
    switch (psg_slot_wait(board, slot, start + patience, LONG_WAIT_USEC)) {
    case PSG_WAIT_RUNNING:
        break;
    case PSG_WAIT_TIMED_OUT:
        count(&report->timed_out);
        break;
    default:
        count(&report->failed);
        break;
    }
    if (psg_now() - start > LOST_USEC) {
        count(&report->lost);
    }
    return board->slots[slot].state == PSG_SLOT_RUNNING;
}

static void request(uint64_t *random)
{
    uint32_t slot = psg_slot_claim(slot_pool);
    uint32_t g = dice(random, GROUPS);
    uint32_t wish = 1 + dice(random, GROUPS * PROCESSES);
    int must_tell, drained, runs = 0;

    /* A third come back to a process; some of those to one of another app. */
    if (dice(random, 3) == 0) {
        board->slots[slot].uri[0] = 'w';
        psg_slot_wish(board, slot, g, &wish, 1);
    }
    else {
        board->slots[slot].uri[0] = '\0';
        psg_slot_wish(board, slot, g, NULL, 0);
    }
    board->slots[slot].repeatable = dice(random, 2);
    switch (psg_slot_enter(board, slot, g, 1, &must_tell)) {
    case PSG_ENTER_RUNNING:
        runs = 1;
        break;
    case PSG_ENTER_QUEUED:
        runs = wait_turn(slot, random);
        break;
    case PSG_ENTER_FULL:
        count(&report->full);
        break;
    default:
        count(&report->lost);
        break;
    }
    if (runs) {
        if (dice(random, 3) == 0) {
            busy_for(dice(random, 60));
        }
        psg_slot_leave(board, slot, &drained);
        count(&report->served);
    }
    psg_slot_free(slot_pool, slot);
}

static void *thread_main(void *data)
{
    uint64_t random = *(uint64_t *)data;

    while (!__atomic_load_n(&report->stop, __ATOMIC_RELAXED)) {
        if (dice(&random, 800) == 0) {
            die_in_lock(dice(&random, GROUPS), &random);
        }
        request(&random);
    }
    return NULL;
}

static void child_main(uint64_t random)
{
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    uint32_t row;
    int i;

    slot_pool = sample_child(board, &row);
    for (i = 0; i < THREADS; i++) {
        dice(&random, 2);
        seeds[i] = random;
        pthread_create(&threads[i], NULL, thread_main, &seeds[i]);
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    board->children[row].closing = 1;
    _exit(psg_child_recover(board, row) == APR_SUCCESS ? 0 : 1);
}

static void child_start(int i, uint64_t *random)
{
    dice(random, 2);
    children[i] = fork();
    CHECK(children[i] >= 0);
    if (children[i] == 0) {
        child_main(*random);
    }
}

/* What the core does when a child's connection ends. */
static void recover_row_of(pid_t pid)
{
    uint32_t row;

    for (row = 0; row < PSG_MAX_CHILDREN; row++) {
        if (board->children[row].pid == pid) {
            break;
        }
    }
    if (row < PSG_MAX_CHILDREN) {
        CHECK(!psg_child_alive(board, row));
        CHECK_INT(psg_child_recover(board, row), APR_SUCCESS);
    }
}

/* Puts a new child where one has died, by our hand or its own. */
static int replace_dead_children(uint64_t *random)
{
    int i, dead = 0;

    for (i = 0; i < CHILDREN; i++) {
        int status;

        if (waitpid(children[i], &status, WNOHANG) != children[i]) {
            continue;
        }
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        recover_row_of(children[i]);
        child_start(i, random);
        dead++;
    }
    return dead;
}

/* What the core might decide; with the lock held. */
static void change_something(uint32_t g, uint64_t *random)
{
    uint32_t index = g * PROCESSES + dice(random, PROCESSES);
    psg_process_t *process = &board->processes[index];

    switch (dice(random, 8)) {
    case 0: /* drain it, or put a new one where one has drained */
        if (process->state == PSG_PROCESS_READY) {
            process->state = PSG_PROCESS_DRAINING;
            return;
        }
        if (process->busy == 0) {
            process->generation++;
        }
        process->state = PSG_PROCESS_READY;
        break;
    case 1: /* it crashed; another one is ready in its place at once */
        process->generation++;
        process->busy = 0;
        process->state = PSG_PROCESS_READY;
        break;
    case 2:
        if (dice(random, 10) == 0) {
            psg_group_fail_waiters(board, g);
        }
        break;
    case 3:
    case 4: /* a limit of requests, or none */
        group_ledger_allot(board, index, dice(random, 30));
        break;
    default:
        process->state = PSG_PROCESS_READY;
        break;
    }
    psg_group_dispatch(board, g);
}

static void act_as_core(uint64_t *random)
{
    uint32_t g = dice(random, GROUPS);

    CHECK_INT(psg_group_lock_timed(board, g, 5000000), APR_SUCCESS);
    group_ledger_check(board, g);
    change_something(g, random);
    group_ledger_check(board, g);
    psg_group_unlock(board, g);
}

static void make_groups(void)
{
    uint32_t g, i;

    for (g = 0; g < GROUPS; g++) {
        sample_group(board, g);
        board->groups[g].queue_limit = g == 0 ? 4 : 0;
        for (i = 0; i < PROCESSES; i++) {
            /* one, two, and in the last group four at once; never more at once
             * than threads, so that there are queues */
            sample_process(board, g, g * PROCESSES + i, 1u << g);
            board->processes[g * PROCESSES + i].ahead = g == 0 ? PSG_AHEAD : 0;
            board->processes[g * PROCESSES + i].quick = PSG_QUICK_COUNT;
        }
    }
}

static void all_ready(void)
{
    uint32_t g, i;

    for (g = 0; g < GROUPS; g++) {
        CHECK_INT(psg_group_lock_timed(board, g, 5000000), APR_SUCCESS);
        for (i = 0; i < PROCESSES; i++) {
            board->processes[g * PROCESSES + i].state = PSG_PROCESS_READY;
            group_ledger_allot(board, g * PROCESSES + i, 0);
        }
        psg_group_dispatch(board, g);
        psg_group_unlock(board, g);
    }
}

/* Reaps those who ended; in the end some still die by their own hand. Returns
 * how many are left. */
static int reap_children(void)
{
    int i, status, left = 0;

    for (i = 0; i < CHILDREN; i++) {
        if (children[i] == 0) {
            continue;
        }
        if (waitpid(children[i], &status, WNOHANG) != children[i]) {
            left++;
            continue;
        }
        if (WIFSIGNALED(status)) {
            recover_row_of(children[i]);
        }
        else {
            CHECK_INT(WEXITSTATUS(status), 0);
        }
        children[i] = 0;
    }
    return left;
}

/* Everybody leaves; the rest of the time is for those who wait in vain. */
static void finish(void)
{
    __atomic_store_n(&report->stop, 1, __ATOMIC_RELAXED);
    all_ready();
    WAIT_UNTIL_FOR(reap_children() == 0, 20);
}

static void check_nothing_left(void)
{
    uint32_t g, i;

    for (g = 0; g < GROUPS; g++) {
        CHECK_INT(psg_group_lock_timed(board, g, 5000000), APR_SUCCESS);
        group_ledger_check(board, g);
        CHECK_INT(board->groups[g].queued, 0);
        for (i = 0; i < PROCESSES; i++) {
            CHECK_INT(board->processes[g * PROCESSES + i].busy, 0);
        }
        psg_group_unlock(board, g);
    }
    for (i = 0; i < PSG_MAX_CHILDREN; i++) {
        CHECK_INT(board->children[i].pid, 0);
    }
    CHECK_INT(report->lost, 0);
}

static void kill_children(void *data)
{
    int i;

    (void)data;
    for (i = 0; i < CHILDREN; i++) {
        if (children[i] > 0) {
            kill(children[i], SIGKILL);
            waitpid(children[i], NULL, 0);
        }
    }
}

static void setup(void)
{
    const char *given = getenv("PSG_CHAOS_SEED");

    seed = given ? strtoull(given, NULL, 10) : psg_now() ^ (uint64_t)getpid();
    seed |= 1;
    printf("PSG_CHAOS_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(report != MAP_FAILED);
    board = sample_scoreboard();
    test_defer(kill_children, NULL);
    make_groups();
}

TEST_DEADLINE(nothing_is_lost_when_children_are_killed, 60)
{
    uint64_t end, next_kill, random;
    int i, deaths = 0;

    setup();
    random = seed;
    for (i = 0; i < CHILDREN; i++) {
        child_start(i, &random);
    }
    end = psg_now() + RUN_USEC;
    next_kill = psg_now() + 200000;
    while (psg_now() < end) {
        act_as_core(&random);
        if (psg_now() >= next_kill) {
            kill(children[dice(&random, CHILDREN)], SIGKILL);
            next_kill = psg_now() + dice(&random, 2 * KILL_EVERY_USEC);
        }
        deaths += replace_dead_children(&random);
        usleep(dice(&random, 1000));
    }
    finish();
    check_nothing_left();
    printf("%d deaths, %llu of them in a lock; served %llu, queued %llu, full "
           "%llu, timed out %llu, failed %llu, abandoned %llu\n",
           deaths, (unsigned long long)report->deaths_in_lock,
           (unsigned long long)report->served,
           (unsigned long long)report->queued, (unsigned long long)report->full,
           (unsigned long long)report->timed_out,
           (unsigned long long)report->failed,
           (unsigned long long)report->abandoned);
    CHECK(deaths >= 20);
    CHECK(report->deaths_in_lock > 0);
    CHECK(report->served > 1000 && report->queued > 100);
}
