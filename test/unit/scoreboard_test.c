/* SPDX-License-Identifier: Apache-2.0 */

/* The scoreboard: its memory, its locks, its rows. */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sample_scoreboard.h"

/* Runs fn in a child that kills itself afterwards, as the kernel would kill an
 * httpd child; returns when it is dead and reaped. */
static void run_and_die(void (*fn)(psg_scoreboard_t *sb), psg_scoreboard_t *sb)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        fn(sb);
        raise(SIGKILL);
    }
    CHECK(pid > 0);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(fresh_scoreboard_costs_little_memory)
{
    psg_scoreboard_t *sb;
    struct stat st;
    uint32_t row;
    int fd;

    CHECK_INT(psg_scoreboard_create(&fd), APR_SUCCESS);
    CHECK_INT(psg_scoreboard_attach(&sb, fd), APR_SUCCESS);
    CHECK_INT(fstat(fd, &st), 0);
    CHECK_INT(st.st_blocks * 512, 4096);
    CHECK_INT(psg_group_init_lock(sb, 0), APR_SUCCESS);
    sample_child(sb, &row);
    CHECK_INT(fstat(fd, &st), 0);
    CHECK(st.st_blocks * 512 <= 65536);
}

TEST(scoreboard_cannot_change_its_size)
{
    int fd;

    CHECK_INT(psg_scoreboard_create(&fd), APR_SUCCESS);
    CHECK(ftruncate(fd, 4096) != 0);
    CHECK(ftruncate(fd, (off_t)sizeof(psg_scoreboard_t) + 4096) != 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST(attach_refuses_what_is_not_a_scoreboard)
{
    psg_scoreboard_t *sb = NULL;
    int unsealed = memfd_create("test", MFD_CLOEXEC);
    int small = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int fd;

    CHECK_INT(ftruncate(unsealed, sizeof(psg_scoreboard_t)), 0);
    CHECK_INT(psg_scoreboard_attach(&sb, unsealed), APR_EGENERAL);
    CHECK_INT(ftruncate(small, 4096), 0);
    CHECK_INT(fcntl(small, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    CHECK_INT(psg_scoreboard_attach(&sb, small), APR_EGENERAL);
    CHECK(psg_scoreboard_attach(&sb, -1) != APR_SUCCESS);
    CHECK(sb == NULL);

    CHECK_INT(psg_scoreboard_create(&fd), APR_SUCCESS);
    CHECK_INT(psg_scoreboard_attach(&sb, fd), APR_SUCCESS);
    sb->header.version++;
    psg_scoreboard_detach(sb);
    CHECK_INT(psg_scoreboard_attach(&sb, fd), APR_EGENERAL);
}

TEST(group_has_a_lock_once_the_core_used_it)
{
    psg_scoreboard_t *sb = sample_scoreboard();

    CHECK_INT(psg_group_lock(sb, 0), APR_EINVAL);
    CHECK_INT(psg_group_init_lock(sb, 0), APR_SUCCESS);
    CHECK_INT(sb->header.groups_used, 1);
    CHECK_INT(psg_group_lock(sb, 0), APR_SUCCESS);
    CHECK_INT(psg_group_init_lock(sb, 0), APR_SUCCESS); /* does nothing */
    psg_group_unlock(sb, 0);
    CHECK_INT(psg_group_lock(sb, 1), APR_EINVAL);
    CHECK_INT(psg_group_lock(sb, PSG_NONE), APR_EINVAL);
    CHECK_INT(psg_group_lock_timed(sb, PSG_MAX_GROUPS, 0), APR_EINVAL);
    CHECK_INT(psg_group_init_lock(sb, PSG_MAX_GROUPS), APR_EINVAL);
}

TEST(timed_lock_gives_up)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    int told[2];
    char byte;
    pid_t pid;
    uint64_t start;

    sample_group(sb, 0);
    CHECK_INT(pipe(told), 0);
    pid = fork();
    if (pid == 0) {
        psg_group_lock(sb, 0);
        if (write(told[1], "x", 1) != 1) {
            _exit(1);
        }
        pause();
        _exit(0);
    }
    CHECK_INT(read(told[0], &byte, 1), 1);
    start = psg_now();
    CHECK_INT(psg_group_lock_timed(sb, 0, 50000), APR_TIMEUP);
    CHECK(psg_now() - start >= 50000);
    kill(pid, SIGKILL);
    CHECK_INT(psg_group_lock_timed(sb, 0, 5000000), APR_SUCCESS);
    psg_group_unlock(sb, 0);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
}

/* Takes the lock and ruins what it protects. */
static void die_with_lock(psg_scoreboard_t *sb)
{
    psg_group_lock(sb, 0);
    sb->processes[0].busy = 77;
    sb->groups[0].queue_head = 12345;
    sb->groups[0].queued = 3;
}

TEST(lock_of_a_killed_holder_is_repaired)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    psg_slot_pool_t *slots;
    uint32_t row, running, first, second;

    sample_group(sb, 0);
    sample_process(sb, 0, 0, 1);
    slots = sample_child(sb, &row);
    running = sample_enter(sb, slots, 0, PSG_ENTER_RUNNING);
    first = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    second = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    run_and_die(die_with_lock, sb);

    CHECK_INT(psg_group_lock(sb, 0), APR_SUCCESS);
    CHECK_INT(sb->processes[0].busy, 1);
    CHECK_INT(sb->groups[0].queued, 2);
    CHECK_INT(sb->groups[0].queue_head, first);
    CHECK_INT(sb->groups[0].queue_tail, second);
    psg_group_unlock(sb, 0);
    sample_leave(sb, slots, running);
    CHECK_INT(sb->slots[first].state, PSG_SLOT_RUNNING);
}

/* Dies between giving back and handing over. */
static void die_after_giving_back(psg_scoreboard_t *sb)
{
    psg_group_lock(sb, 0);
    sb->processes[0].state = PSG_PROCESS_READY;
}

TEST(repair_hands_free_capacity_to_waiters)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    psg_slot_pool_t *slots;
    uint32_t row, waiter;

    sample_group(sb, 0);
    sample_process(sb, 0, 0, 1);
    sb->processes[0].state = PSG_PROCESS_DRAINING;
    slots = sample_child(sb, &row);
    waiter = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    run_and_die(die_after_giving_back, sb);
    CHECK_INT(psg_group_lock(sb, 0), APR_SUCCESS);
    CHECK_INT(sb->slots[waiter].state, PSG_SLOT_RUNNING);
    CHECK_INT(sb->groups[0].wanted, 0);
    psg_group_unlock(sb, 0);
}

TEST(repair_survives_nonsense)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    psg_slot_pool_t *slots;
    uint32_t row, i, waiter[5];

    sample_group(sb, 0);
    sample_process(sb, 0, 0, 1);
    sample_process(sb, 0, 1, 1);
    slots = sample_child(sb, &row);
    sample_enter(sb, slots, 0, PSG_ENTER_RUNNING);
    sample_enter(sb, slots, 0, PSG_ENTER_RUNNING);
    for (i = 0; i < 5; i++) {
        waiter[i] = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    }
    sb->processes[1].next = 0; /* a ring */
    sb->slots[waiter[2]].next = waiter[0];
    sb->slots[waiter[3]].prev = PSG_MAX_SLOTS;
    sb->groups[0].queue_tail = 0xfffffff0;
    CHECK_INT(psg_group_lock(sb, 0), APR_SUCCESS);
    psg_group_repair(sb, 0);
    CHECK_INT(sb->groups[0].queued, 5);
    CHECK_INT(sb->groups[0].first_process, 0);
    CHECK_INT(sb->processes[0].next, 1);
    CHECK_INT(sb->processes[1].next, PSG_NONE);
    CHECK_INT(sb->processes[0].busy + sb->processes[1].busy, 2);
    for (i = 0; i < 5; i++) {
        CHECK_INT(sb->slots[waiter[i]].next, i < 4 ? waiter[i + 1] : PSG_NONE);
        CHECK_INT(sb->slots[waiter[i]].prev, i > 0 ? waiter[i - 1] : PSG_NONE);
    }
    psg_group_unlock(sb, 0);
}

TEST(nonsense_is_repaired_where_it_is_met)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    psg_slot_pool_t *slots;
    uint32_t row, running, first, second, third;

    sample_group(sb, 0);
    sample_process(sb, 0, 0, 1);
    slots = sample_child(sb, &row);
    running = sample_enter(sb, slots, 0, PSG_ENTER_RUNNING);
    first = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    second = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    sb->groups[0].queue_tail = PSG_MAX_SLOTS + 1;
    third = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    sb->groups[0].queue_head = running;
    sample_leave(sb, slots, running);
    CHECK_INT(sb->slots[first].state, PSG_SLOT_RUNNING);
    sb->slots[second].next = second;
    psg_slot_abandon(sb, second);
    sb->groups[0].first_process = 70000;
    sample_leave(sb, slots, first);
    CHECK_INT(sb->slots[third].state, PSG_SLOT_RUNNING);
    CHECK_INT(sb->groups[0].queued, 0);
    CHECK_INT(sb->processes[0].busy, 1);
}

TEST(dispatch_serves_in_order_and_evenly)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    psg_slot_pool_t *slots;
    uint32_t row, i, waiter[6];

    sample_group(sb, 0);
    slots = sample_child(sb, &row);
    for (i = 0; i < 6; i++) {
        waiter[i] = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    }
    sample_process(sb, 0, 3, 2);
    CHECK_INT(sb->slots[waiter[1]].state, PSG_SLOT_RUNNING);
    CHECK_INT(sb->slots[waiter[2]].state, PSG_SLOT_QUEUED);
    CHECK_INT(sb->processes[3].busy, 2);
    sample_process(sb, 0, 4, 0); /* takes any number */
    CHECK_INT(sb->processes[4].busy, 4);
    CHECK_INT(sb->slots[waiter[5]].process, 4);
    CHECK_INT(sb->groups[0].queued, 0);
    sample_leave(sb, slots, waiter[0]);
    waiter[0] = sample_enter(sb, slots, 0, PSG_ENTER_RUNNING);
    CHECK_INT(sb->slots[waiter[0]].process, 3); /* 1 of 2 is less than 4 */
}

TEST(failed_waiters_leave_the_queue)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    psg_slot_pool_t *slots;
    uint32_t row, first, second;

    sample_group(sb, 0);
    slots = sample_child(sb, &row);
    first = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    second = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    CHECK_INT(psg_group_lock(sb, 0), APR_SUCCESS);
    psg_group_fail_waiters(sb, 0);
    psg_group_unlock(sb, 0);
    CHECK_INT(psg_slot_wait(sb, first, UINT64_MAX, UINT64_MAX),
              PSG_WAIT_FAILED);
    CHECK_INT(psg_slot_wait(sb, second, UINT64_MAX, UINT64_MAX),
              PSG_WAIT_FAILED);
    CHECK_INT(sb->groups[0].queued, 0);
    CHECK_INT(sb->groups[0].queue_head, PSG_NONE);
}

TEST(every_child_has_a_row_of_its_own)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    uint32_t i, row, generation;

    for (i = 0; i < PSG_MAX_CHILDREN; i++) {
        CHECK_INT(psg_child_claim(sb, &row), APR_SUCCESS);
        CHECK_INT(row, i);
    }
    CHECK_INT(psg_child_claim(sb, &row), APR_ENOSPC);
    CHECK(psg_child_alive(sb, 5));
    generation = sb->children[5].generation;
    sb->children[5].closing = 1;
    CHECK_INT(psg_child_recover(sb, 5), APR_SUCCESS);
    CHECK(!psg_child_alive(sb, 5));
    CHECK_INT(psg_child_claim(sb, &row), APR_SUCCESS);
    CHECK_INT(row, 5);
    CHECK_INT(sb->children[5].generation, generation + 1);
}

static void claim_row(psg_scoreboard_t *sb)
{
    uint32_t row;

    psg_child_claim(sb, &row);
}

TEST(dead_child_is_not_alive)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    uint32_t row;
    pid_t pid = fork();

    if (pid == 0) {
        claim_row(sb);
        raise(SIGKILL);
    }
    WAIT_UNTIL(sb->children[0].pid != 0
               && !psg_child_alive(sb, 0)); /* zombie */
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    CHECK(!psg_child_alive(sb, 0));

    CHECK_INT(psg_child_claim(sb, &row), APR_SUCCESS);
    CHECK(psg_child_alive(sb, row));
    sb->children[row].start_time--; /* as if the pid were another's now */
    CHECK(!psg_child_alive(sb, row));
}

/* Uses slots in every state and dies. */
static void die_with_slots(psg_scoreboard_t *sb)
{
    psg_slot_pool_t *slots;
    uint32_t row;

    slots = sample_child(sb, &row);
    sample_enter(sb, slots, 0, PSG_ENTER_RUNNING);
    sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    psg_slot_ask(sb, psg_slot_claim(slots), 1);
}

TEST(recovered_child_gives_everything_back)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    psg_slot_pool_t *slots;
    uint32_t row, i, waiter;

    sample_group(sb, 0);
    sample_process(sb, 0, 0, 1);
    run_and_die(die_with_slots, sb);
    slots = sample_child(sb, &row);
    CHECK_INT(row, 1);
    waiter = sample_enter(sb, slots, 0, PSG_ENTER_QUEUED);
    CHECK_INT(psg_child_recover(sb, 0), APR_SUCCESS);
    CHECK_INT(sb->children[0].pid, 0);
    CHECK_INT(sb->children[0].slots_used, 3);
    for (i = 0; i < 3; i++) {
        CHECK_INT(sb->slots[i].state, PSG_SLOT_FREE);
    }
    CHECK_INT(sb->slots[waiter].state, PSG_SLOT_RUNNING);
    CHECK_INT(sb->processes[0].busy, 1);
    CHECK_INT(sb->groups[0].queued, 0);
}

TEST(recovering_does_not_wait_for_ever)
{
    psg_scoreboard_t *sb = sample_scoreboard();
    psg_slot_pool_t *slots;
    uint32_t row, slot;

    sample_group(sb, 0);
    sample_process(sb, 0, 0, 1);
    slots = sample_child(sb, &row);
    slot = sample_enter(sb, slots, 0, PSG_ENTER_RUNNING);
    CHECK_INT(psg_group_lock(sb, 0), APR_SUCCESS);
    if (fork() == 0) {
        _exit(psg_child_recover(sb, row) == APR_TIMEUP ? 0 : 1);
    }
    else {
        int status;

        CHECK(wait(&status) > 0);
        CHECK_INT(status, 0);
    }
    CHECK(sb->children[row].pid != 0);
    psg_group_unlock(sb, 0);
    CHECK_INT(psg_child_recover(sb, row), APR_SUCCESS);
    CHECK_INT(sb->slots[slot].state, PSG_SLOT_FREE);
}
