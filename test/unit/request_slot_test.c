/* SPDX-License-Identifier: Apache-2.0 */

/* A request's way over the scoreboard. */
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "group_queue.h"
#include "sample_scoreboard.h"

static psg_scoreboard_t *sb;
static psg_slot_pool_t *slots;

/* Group 0 with one process that takes so many at once, and this child. */
static void setup(uint32_t concurrency)
{
    sb = sample_app(&slots, concurrency);
}

static uint32_t enter(psg_enter_e expected)
{
    return sample_enter(sb, slots, 0, expected);
}

TEST(every_slot_can_be_claimed_once)
{
    static char seen[PSG_SLOTS_PER_CHILD];
    uint32_t i;

    setup(1);
    for (i = 0; i < PSG_SLOTS_PER_CHILD; i++) {
        uint32_t slot = psg_slot_claim(slots);

        CHECK(slot < PSG_SLOTS_PER_CHILD && !seen[slot]);
        CHECK(sb->children[0].slots_used > slot);
        seen[slot] = 1;
    }
    CHECK_INT(psg_slot_claim(slots), PSG_NONE);
    psg_slot_free(slots, 77);
    psg_slot_free(slots, 5);
    CHECK_INT(psg_slot_claim(slots), 5);
    CHECK_INT(psg_slot_claim(slots), 77);
    CHECK_INT(psg_slot_claim(slots), PSG_NONE);
}

enum {
    CLAIMERS = 4,
    CLAIMS = 100000,
};

/* Two threads with the same slot would see each other's mark. */
static void *claim_and_free(void *data)
{
    uintptr_t me = (uintptr_t)data;
    int i;

    for (i = 0; i < CLAIMS; i++) {
        uint32_t slot = psg_slot_claim(slots);
        uint32_t *mark = &sb->slots[slot].refusal;

        __atomic_store_n(mark, (uint32_t)me, __ATOMIC_RELAXED);
        if (__atomic_load_n(mark, __ATOMIC_RELAXED) != me) {
            return data;
        }
        psg_slot_free(slots, slot);
    }
    return NULL;
}

TEST(threads_never_share_a_slot)
{
    pthread_t threads[CLAIMERS];
    uintptr_t i;

    setup(1);
    for (i = 0; i < CLAIMERS; i++) {
        CHECK_INT(
            pthread_create(&threads[i], NULL, claim_and_free, (void *)(i + 1)),
            0);
    }
    for (i = 0; i < CLAIMERS; i++) {
        void *result;

        pthread_join(threads[i], &result);
        CHECK(result == NULL);
    }
    CHECK(sb->children[0].slots_used <= CLAIMERS);
}

TEST(free_process_is_taken_at_once)
{
    uint32_t slot;

    setup(1);
    slot = enter(PSG_ENTER_RUNNING);
    CHECK_INT(sb->slots[slot].process, 0);
    CHECK_INT(sb->slots[slot].process_generation, sb->processes[0].generation);
    CHECK_INT(sb->slots[slot].state, PSG_SLOT_RUNNING);
    CHECK(sb->slots[slot].started <= psg_now());
    CHECK_INT(sb->processes[0].busy, 1);
    sample_leave(sb, slots, slot);
    CHECK_INT(sb->processes[0].busy, 0);
    CHECK_INT(sb->processes[0].served, 1);
    CHECK_INT(sb->groups[0].served, 1);
    CHECK(sb->processes[0].last_used != 0);
}

TEST(group_that_is_another_is_gone)
{
    uint32_t slot;
    int must_tell;

    setup(1);
    slot = psg_slot_claim(slots);
    CHECK_INT(psg_slot_enter(sb, slot, 0, 2, &must_tell), PSG_ENTER_GONE);
    CHECK_INT(psg_slot_enter(sb, slot, 1, 1, &must_tell), PSG_ENTER_GONE);
    CHECK_INT(psg_slot_enter(sb, slot, PSG_NONE, 1, &must_tell),
              PSG_ENTER_GONE);
    sb->groups[0].state = PSG_GROUP_FREE;
    CHECK_INT(psg_slot_enter(sb, slot, 0, 1, &must_tell), PSG_ENTER_GONE);
    CHECK_INT(sb->processes[0].busy, 0);
}

static int enter_tells(void)
{
    int must_tell = 7;

    psg_slot_enter(sb, psg_slot_claim(slots), 0, 1, &must_tell);
    return must_tell;
}

TEST(core_is_told_once_until_it_wants_again)
{
    setup(1);
    CHECK_INT(enter_tells(), 0); /* runs */
    CHECK_INT(enter_tells(), 1);
    CHECK_INT(enter_tells(), 0);
    sb->groups[0].wanted = 0;
    CHECK_INT(enter_tells(), 1);
}

TEST(process_goes_to_who_waits_longest)
{
    uint32_t running, first, second;

    setup(1);
    running = enter(PSG_ENTER_RUNNING);
    first = enter(PSG_ENTER_QUEUED);
    second = enter(PSG_ENTER_QUEUED);
    sample_leave(sb, slots, running);
    CHECK_INT(sb->slots[first].state, PSG_SLOT_RUNNING);
    CHECK_INT(sb->slots[second].state, PSG_SLOT_QUEUED);
    running = enter(PSG_ENTER_QUEUED); /* nobody overtakes */
    sample_leave(sb, slots, first);
    CHECK_INT(sb->slots[second].state, PSG_SLOT_RUNNING);
    CHECK_INT(sb->slots[running].state, PSG_SLOT_QUEUED);
}

TEST(forgotten_waiter_goes_before_a_newcomer)
{
    uint32_t first, second;

    setup(1);
    sb->processes[0].state = PSG_PROCESS_DRAINING;
    first = enter(PSG_ENTER_QUEUED);
    sb->processes[0].state = PSG_PROCESS_READY; /* and nobody dispatches */
    second = enter(PSG_ENTER_QUEUED);
    CHECK_INT(sb->slots[first].state, PSG_SLOT_RUNNING);
    CHECK_INT(sb->slots[second].state, PSG_SLOT_QUEUED);
}

TEST(draining_process_takes_nobody_and_says_when_it_is_empty)
{
    uint32_t first, second;
    int drained;

    setup(2);
    first = enter(PSG_ENTER_RUNNING);
    second = enter(PSG_ENTER_RUNNING);
    sb->processes[0].state = PSG_PROCESS_DRAINING;
    enter(PSG_ENTER_QUEUED);
    psg_slot_leave(sb, first, &drained);
    CHECK_INT(drained, 0);
    psg_slot_leave(sb, second, &drained);
    CHECK_INT(drained, 1);
    CHECK_INT(sb->groups[0].queued, 1);
}

TEST(leaving_a_process_that_is_gone_harms_no_other)
{
    uint32_t slot;
    int drained;

    setup(1);
    slot = enter(PSG_ENTER_RUNNING);
    sb->processes[0].generation++;
    sb->processes[0].busy = 0;
    enter(PSG_ENTER_RUNNING);
    psg_slot_leave(sb, slot, &drained);
    CHECK_INT(sb->processes[0].busy, 1);
    CHECK_INT(sb->processes[0].served, 0);
    CHECK_INT(sb->slots[slot].state, PSG_SLOT_FREE);
}

TEST(waiting_ends_with_the_tick_or_the_deadline)
{
    uint32_t slot;
    uint64_t start;

    setup(1);
    enter(PSG_ENTER_RUNNING);
    slot = enter(PSG_ENTER_QUEUED);
    start = psg_now();
    CHECK_INT(psg_slot_wait(sb, slot, start + 10000000, 20000), PSG_WAIT_TICK);
    CHECK(psg_now() - start >= 20000);
    CHECK_INT(sb->slots[slot].state, PSG_SLOT_QUEUED);
    CHECK_INT(psg_slot_wait(sb, slot, psg_now() + 20000, 10000000),
              PSG_WAIT_TIMED_OUT);
    CHECK_INT(psg_slot_wait(sb, enter(PSG_ENTER_QUEUED), 0, 10000000),
              PSG_WAIT_TIMED_OUT);
    CHECK_INT(sb->slots[slot].state, PSG_SLOT_FREE);
    CHECK_INT(sb->groups[0].queued, 0);
    CHECK_INT(sb->groups[0].timed_out, 2);
}

static void *leave_slot(void *data)
{
    int drained;

    psg_slot_leave(sb, *(uint32_t *)data, &drained);
    return NULL;
}

TEST(waiter_wakes_when_the_process_is_free)
{
    uint32_t running, waiter;
    pthread_t thread;

    setup(1);
    running = enter(PSG_ENTER_RUNNING);
    waiter = enter(PSG_ENTER_QUEUED);
    CHECK_INT(pthread_create(&thread, NULL, leave_slot, &running), 0);
    CHECK_INT(psg_slot_wait(sb, waiter, UINT64_MAX, UINT64_MAX),
              PSG_WAIT_RUNNING);
    pthread_join(thread, NULL);
    CHECK_INT(sb->processes[0].busy, 1);
}

/* A child that takes the process, waits for a byte, gives the process to the
 * first waiter and dies before it wakes it. Returns when it has the process. */
static pid_t start_careless_child(int go[2])
{
    pid_t pid;
    char byte;

    CHECK_INT(pipe(go), 0);
    pid = fork();
    if (pid == 0) {
        uint32_t row, slot;

        slots = sample_child(sb, &row);
        slot = enter(PSG_ENTER_RUNNING);
        if (read(go[0], &byte, 1) == 1 && psg_group_lock(sb, 0) == 0) {
            psg_group_give_back(sb, 0, slot);
            psg_group_hand_over(sb, 0);
            psg_group_unlock(sb, 0);
        }
        raise(SIGKILL);
    }
    CHECK(pid > 0);
    WAIT_UNTIL(__atomic_load_n(&sb->processes[0].busy, __ATOMIC_RELAXED) == 1);
    return pid;
}

typedef struct {
    uint32_t slot;
    int tid;
    psg_wait_e result;
} sleeper_t;

static void *sleep_in_queue(void *data)
{
    sleeper_t *sleeper = data;

    __atomic_store_n(&sleeper->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
    sleeper->result = psg_slot_wait(sb, sleeper->slot, UINT64_MAX, UINT64_MAX);
    return NULL;
}

/* Whether the kernel says so. */
static int sleeps(const sleeper_t *sleeper)
{
    int tid = __atomic_load_n(&sleeper->tid, __ATOMIC_ACQUIRE);

    return tid != 0
           && strstr(test_read(test_format("/proc/self/task/%d/stat", tid)),
                     ") S ")
                  != NULL;
}

TEST(waiter_wakes_though_its_waker_died)
{
    sleeper_t sleeper = {0};
    pthread_t thread;
    pid_t pid;
    int go[2];

    setup(1);
    pid = start_careless_child(go);
    sleeper.slot = enter(PSG_ENTER_QUEUED);
    CHECK_INT(pthread_create(&thread, NULL, sleep_in_queue, &sleeper), 0);
    WAIT_UNTIL(sleeps(&sleeper));
    CHECK_INT(write(go[1], "x", 1), 1);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    CHECK_INT(sb->slots[sleeper.slot].state, PSG_SLOT_RUNNING);
    CHECK(sleeps(&sleeper));
    CHECK_INT(psg_child_recover(sb, 1), APR_SUCCESS);
    pthread_join(thread, NULL);
    CHECK_INT(sleeper.result, PSG_WAIT_RUNNING);
    CHECK_INT(sb->processes[0].busy, 1);
}

TEST(who_gives_up_leaves_no_trace)
{
    uint32_t running, first, second, third;

    setup(1);
    running = enter(PSG_ENTER_RUNNING);
    first = enter(PSG_ENTER_QUEUED);
    second = enter(PSG_ENTER_QUEUED);
    third = enter(PSG_ENTER_QUEUED);
    psg_slot_abandon(sb, second); /* in the middle of the queue */
    CHECK_INT(sb->slots[first].next, third);
    CHECK_INT(sb->slots[third].prev, first);
    sample_leave(sb, slots, running);
    psg_slot_abandon(sb, first); /* was served meanwhile: hands on */
    CHECK_INT(sb->slots[third].state, PSG_SLOT_RUNNING);
    CHECK_INT(sb->processes[0].busy, 1);
    psg_slot_abandon(sb, third);
    psg_slot_abandon(sb, third); /* nothing to give up any more */
    CHECK_INT(sb->processes[0].busy, 0);
    CHECK_INT(sb->groups[0].served, 1);
    CHECK_INT(sb->groups[0].queued, 0);
}

TEST(question_is_answered_to_who_asked)
{
    uint32_t slot;

    setup(1);
    slot = psg_slot_claim(slots);
    CHECK_INT(psg_slot_answer(sb, slot, 1, 0, 1), 0); /* nobody asked */
    psg_slot_ask(sb, slot, 1);
    CHECK_INT(psg_slot_wait_answer(sb, slot, 1000), PSG_SLOT_ASKING);
    CHECK_INT(psg_slot_answer(sb, slot, 2, 0, 1), 0);
    CHECK_INT(psg_slot_answer(sb, PSG_MAX_SLOTS, 1, 0, 1), 0);
    CHECK_INT(psg_slot_answer(sb, slot, 1, 0, 5), 1);
    CHECK_INT(psg_slot_wait_answer(sb, slot, 10000000), PSG_SLOT_ANSWERED);
    CHECK_INT(sb->slots[slot].group, 0);
    CHECK_INT(sb->slots[slot].group_generation, 5);
    CHECK_INT(psg_slot_answer(sb, slot, 1, 3, 5), 0); /* once only */
    CHECK_INT(sb->slots[slot].group, 0);
    psg_slot_ask(sb, slot, 2);
    CHECK_INT(psg_slot_refuse(sb, slot, 2, PSG_REFUSED_NO_ROOM), 1);
    CHECK_INT(psg_slot_wait_answer(sb, slot, 10000000), PSG_SLOT_REFUSED);
    CHECK_INT(sb->slots[slot].refusal, PSG_REFUSED_NO_ROOM);
}

TEST(late_answer_reaches_nobody)
{
    uint32_t slot;

    setup(1);
    slot = psg_slot_claim(slots);
    psg_slot_ask(sb, slot, 1);
    psg_slot_free(slots, slot);
    CHECK_INT(psg_slot_answer(sb, slot, 1, 0, 1), 0);
    CHECK_INT(psg_slot_claim(slots), slot);
    psg_slot_ask(sb, slot, 2);
    CHECK_INT(psg_slot_answer(sb, slot, 1, 0, 1), 0);
    /* The core stopped in the middle of an answer: who knows when it goes on? */
    sb->slots[slot].state = PSG_SLOT_ANSWERING;
    psg_slot_free(slots, slot);
    CHECK(psg_slot_claim(slots) != slot);
}
