/* SPDX-License-Identifier: Apache-2.0 */

/* What a new core makes of what an earlier one left. */
#include "test.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app_policy.h"
#include "app_restore.h"
#include "fake_core.h"

/* Descriptors of a process, as the watchdog passes them on. */
static void adopt(fake_core_t *fake, const app_process_t *proc, apr_status_t rv)
{
    int fds[3], other;

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    other = fds[1];
    CHECK_INT(pipe(fds + 1), 0);
    CHECK(dup2(other, other) == other);
    CHECK_INT(app_restore_process(&fake->core, proc->index, proc->generation,
                                  4711, fds),
              rv);
}

TEST(restore_is_taken_over_by_a_new_core)
{
    fake_core_t *fake = fake_core(6, 0), *next;
    app_group_t *old = fake_group(fake, "/a", "PassengerMinInstances", "2");
    uint32_t running = fake_enter(fake, old), waiting, lost;
    app_process_t *ready, *spawning;
    app_group_t *group;

    fake_ready(old, 1);
    ready = fake_process(old, PSG_PROCESS_READY);
    lost = fake_enter(fake, old);
    fake_ready(old, 1); /* this one will be dead when the new core comes */
    waiting = fake_enter(fake, old);
    fake_pass(fake, 0.3);
    spawning = fake_process(old, PSG_PROCESS_SPAWNING);
    CHECK(spawning != NULL);

    next = fake_core_after(fake);
    adopt(next, ready, APR_SUCCESS);
    adopt(next, spawning, APR_SUCCESS);
    app_restore_end(&next->core);

    group = app_pool_group(&next->core, old->index, old->generation);
    CHECK(group != NULL);
    CHECK_STR(group->key, old->key);
    CHECK_INT(group->spec->options->min_instances, 2);
    CHECK_INT(group->count[PSG_PROCESS_READY], 1);
    CHECK_INT(group->count[PSG_PROCESS_SPAWNING], 1);
    CHECK_INT(app_pool_size(&next->core), 2);
    CHECK_INT(fake_state(next, running), PSG_SLOT_RUNNING);
    CHECK_INT(fake_state(next, waiting), PSG_SLOT_QUEUED);
    CHECK_INT(next->core.sb->processes[ready->index].busy, 1);
    fake_ready(group, 1);
    CHECK_INT(fake_state(next, waiting), PSG_SLOT_RUNNING);
    fake_leave(next, lost); /* its process is gone: harms nobody */
    fake_leave(next, running);
    CHECK_INT(next->core.sb->processes[ready->index].busy, 0);
    CHECK(fake_group(next, "/a", "PassengerMinInstances", "2") == group);
}

/* The new core does not know how the old one had it scheduled. */
TEST(restored_process_is_scheduled_as_usual_without_a_crowd)
{
    fake_core_t *fake = fake_core(6, 0), *next;
    app_group_t *old = fake_serving(fake, "/a", 1);
    app_process_t *ready = fake_process(old, PSG_PROCESS_READY);

    next = fake_core_after(fake);
    adopt(next, ready, APR_SUCCESS);
    app_restore_end(&next->core);
    for (int i = 0; i < APP_POLICY_CALM; i++) {
        app_policy_tick(&next->core);
    }
    CHECK_INT(next->in_batches, -1);
}

TEST(restore_gives_up_groups_that_make_no_sense)
{
    fake_core_t *fake = fake_core(6, 0), *next;
    app_group_t *a = fake_group(fake, "/a", NULL, NULL);
    app_group_t *b = fake_group(fake, "/b", NULL, NULL);
    uint32_t slot = fake_enter(fake, a);
    app_process_t *proc = fake_process(a, PSG_PROCESS_SPAWNING);
    psg_group_t *entry = &fake->core.sb->groups[a->index];

    memset(entry->options, 0xff, sizeof(entry->options));
    entry->options_len = 0xffffffff;
    next = fake_core_after(fake);
    adopt(next, proc, APR_ENOENT);
    app_restore_end(&next->core);
    CHECK_INT(fake_state(next, slot), PSG_SLOT_FAILED);
    CHECK(app_pool_group(&next->core, a->index, a->generation) == NULL);
    CHECK(app_pool_group(&next->core, b->index, b->generation) != NULL);
    CHECK_INT(entry->state, PSG_GROUP_FREE);
    CHECK_INT(next->core.sb->processes[proc->index].state, PSG_PROCESS_UNUSED);
}
