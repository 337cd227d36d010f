/* SPDX-License-Identifier: Apache-2.0 */

/* One app process: what follows from what, and the deadlines. */
#include "test.h"

#include <signal.h>
#include <string.h>

#include "app_process.h"
#include "fake_core.h"

#define ROOT "/srv/app"

static app_group_t *group_of(fake_core_t *fake)
{
    return fake_group(fake, ROOT, NULL, NULL);
}

/* A new process of a new group, brought to that state. */
static app_process_t *bring_to(fake_core_t *fake, psg_process_state_e state)
{
    app_group_t *group = group_of(fake);
    app_process_t *proc;

    CHECK_INT(app_process_start(group), APR_SUCCESS);
    proc = fake_process(group, PSG_PROCESS_SPAWNING);
    CHECK(proc != NULL);
    if (state == PSG_PROCESS_READY || state == PSG_PROCESS_DRAINING) {
        app_process_ready(proc, PSG_FORMAT_SESSION, 1, 1);
    }
    if (state == PSG_PROCESS_DRAINING) {
        CHECK(fake_enter(fake, group) != PSG_NONE);
        app_process_drain(proc, "the test wants it");
    }
    if (state == PSG_PROCESS_STOPPING) {
        app_process_stop(proc, "the test wants it");
    }
    CHECK_INT(proc->state, state);
    return proc;
}

/* What must follow: a state; GONE: the process does not exist any more; NOT:
 * this cannot happen, which is logged, and nothing changes. */
enum {
    GONE = 100,
    NOT = 101
};

/* clang-format off */
#define IN(state) PSG_PROCESS_##state
static const int expected[][APP_PROCESS_EVENT_COUNT] = {
    [IN(SPAWNING)] = {
        [ON_START] = NOT, [ON_READY] = IN(READY), [ON_FAILED] = IN(STOPPING),
        [ON_GARBAGE] = IN(STOPPING), [ON_DRAIN] = IN(STOPPING),
        [ON_DRAINED] = NOT, [ON_STOP] = IN(STOPPING),
        [ON_DEADLINE] = IN(STOPPING), [ON_EXIT] = GONE, [ON_LOST] = GONE,
        [ON_FREE] = NOT },
    [IN(READY)] = {
        [ON_START] = NOT, [ON_READY] = NOT,
        /* no requests: it drains in no time */
        [ON_FAILED] = IN(STOPPING), [ON_GARBAGE] = IN(STOPPING),
        [ON_DRAIN] = IN(STOPPING), [ON_DRAINED] = NOT,
        [ON_STOP] = IN(STOPPING), [ON_DEADLINE] = NOT, [ON_EXIT] = GONE,
        [ON_LOST] = GONE, [ON_FREE] = NOT },
    [IN(DRAINING)] = {
        [ON_START] = NOT, [ON_READY] = NOT, [ON_FAILED] = IN(DRAINING),
        [ON_GARBAGE] = IN(DRAINING), [ON_DRAIN] = IN(DRAINING),
        [ON_DRAINED] = IN(STOPPING), [ON_STOP] = IN(STOPPING),
        [ON_DEADLINE] = IN(STOPPING), [ON_EXIT] = GONE, [ON_LOST] = GONE,
        [ON_FREE] = NOT },
    [IN(STOPPING)] = {
        [ON_START] = NOT, [ON_READY] = IN(STOPPING),
        [ON_FAILED] = IN(STOPPING), [ON_GARBAGE] = IN(STOPPING),
        [ON_DRAIN] = IN(STOPPING), [ON_DRAINED] = IN(STOPPING),
        [ON_STOP] = IN(STOPPING), [ON_DEADLINE] = IN(STOPPING),
        [ON_EXIT] = GONE, [ON_LOST] = GONE, [ON_FREE] = NOT },
};
/* clang-format on */

static int count_of(const char *text, const char *what)
{
    int count = 0;

    while ((text = strstr(text, what))) {
        count++;
        text += strlen(what);
    }
    return count;
}

static void check_cell(psg_process_state_e state, app_process_event_e event)
{
    fake_core_t *fake = fake_core(1000, 0);
    app_process_t *proc = bring_to(fake, state);
    uint32_t index = proc->index, generation = proc->generation;
    int complaints = count_of(fake_log(), "PSG2102");
    int want = expected[state][event];
    const psg_process_t *entry = &fake->core.sb->processes[index];

    app_process_event(proc, event, "the test says so");
    complaints = count_of(fake_log(), "PSG2102") - complaints;
    if (complaints != (want == NOT)) {
        FAIL("state %d, event %d: %d complaints", state, event, complaints);
    }
    if (want == GONE) {
        CHECK(app_pool_process(&fake->core, index, generation) == NULL);
        CHECK(entry->generation != generation);
        return;
    }
    if (want == NOT) {
        want = (int)state;
    }
    if ((int)proc->state != want) {
        FAIL("state %d, event %d: now in %d", state, event, proc->state);
    }
    CHECK_INT(entry->state, want); /* published */
}

TEST(process_every_transition)
{
    for (int state = PSG_PROCESS_SPAWNING; state <= PSG_PROCESS_STOPPING;
         state++) {
        for (int event = 0; event < APP_PROCESS_EVENT_COUNT; event++) {
            check_cell((psg_process_state_e)state, (app_process_event_e)event);
        }
    }
}

TEST(process_is_published_when_it_is_ready)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = bring_to(fake, PSG_PROCESS_SPAWNING);
    const psg_process_t *entry = &fake->core.sb->processes[proc->index];
    const psg_group_t *group = &fake->core.sb->groups[proc->group->index];

    CHECK_INT(entry->state, PSG_PROCESS_SPAWNING);
    CHECK_INT(group->first_process, proc->index);
    app_process_ready(proc, PSG_FORMAT_HTTP, 7, 1);
    CHECK_INT(entry->state, PSG_PROCESS_READY);
    CHECK_INT(entry->format, PSG_FORMAT_HTTP);
    CHECK_INT(entry->concurrency, 7);
    CHECK_INT(entry->keep_alive, 1);
    CHECK_CONTAINS(fake_log(), "spawning -> ready");
}

TEST(process_that_does_not_get_ready_is_killed)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, ROOT, "PassengerStartTimeout", "3");
    uint32_t slot = fake_enter(fake, group);
    app_process_t *proc = fake_process(group, PSG_PROCESS_SPAWNING);

    fake_pass(fake, 2.9);
    CHECK_INT(fake_count(fake, SIGKILL), 0);
    fake_pass(fake, 0.2);
    CHECK_INT(fake_count(fake, SIGKILL), 1);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_QUEUED);
    app_process_exited(proc, SIGKILL);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_FAILED);
    CHECK_CONTAINS(fake->core.sb->groups[group->index].error.summary,
                   "not ready within 3 seconds");
    CHECK_CONTAINS(fake->core.sb->groups[group->index].error.detail,
                   "Step: start timeout");
    CHECK_CONTAINS(fake->core.sb->groups[group->index].error.detail,
                   "was not loaded to its end");
}

TEST(command_that_does_not_get_ready_is_told_where_to_listen)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group =
        fake_group(fake, ROOT, "PassengerAppStartCommand", "sleep 1000");

    CHECK_INT(app_process_start(group), APR_SUCCESS);
    fake_pass(fake, 91);
    app_process_exited(fake_process(group, PSG_PROCESS_STOPPING), SIGKILL);
    CHECK_CONTAINS(fake->core.sb->groups[group->index].error.detail,
                   "127.0.0.1 at the port that the variable PORT names");
}

TEST(process_that_does_not_stop_is_killed_after_ten_seconds)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = bring_to(fake, PSG_PROCESS_READY);

    app_process_stop(proc, "the test wants it");
    CHECK_INT(fake_count(fake, SIGTERM), 1); /* it has no control channel */
    fake_pass(fake, 9.9);
    CHECK_INT(fake_count(fake, SIGKILL), 0);
    fake_pass(fake, 0.2);
    CHECK_INT(fake_count(fake, SIGKILL), 1);
    fake_pass(fake, 10);
    CHECK_INT(fake_count(fake, SIGKILL), 2);
    CHECK_CONTAINS(fake_log(), "does not end, even though");
    app_process_exited(proc, SIGKILL);
    CHECK_LACKS(fake_log(), "could not be started");
}

TEST(process_drains_before_it_is_stopped)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = bring_to(fake, PSG_PROCESS_READY);
    uint32_t slot = fake_enter(fake, proc->group);

    app_process_drain(proc, "the test wants it");
    CHECK_INT(proc->state, PSG_PROCESS_DRAINING);
    fake_pass(fake, 59);
    CHECK_INT(proc->state, PSG_PROCESS_DRAINING);
    fake_leave(fake, slot);
    CHECK_INT(proc->state, PSG_PROCESS_STOPPING);
    CHECK_LACKS(fake_log(), "PassengerDrainTimeout");
}

TEST(process_that_does_not_drain_in_time_is_ended_and_its_request_named)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, ROOT, "PassengerDrainTimeout", "3");
    uint32_t slot = fake_enter(fake, group);
    psg_slot_t *entry = &fake->core.sb->slots[slot];

    fake_ready(group, 1);
    memcpy(entry->method, "POST", 5);
    memcpy(entry->client, "192.0.2.7", 10);
    memset(entry->uri, 'x', sizeof(entry->uri)); /* does not end */
    memcpy(entry->uri, "/slow'\n\x1b", 8);
    app_process_drain(group->first, "the test wants it");
    fake_pass(fake, 2.9);
    CHECK_INT(group->count[PSG_PROCESS_DRAINING], 1);
    fake_pass(fake, 0.2);
    CHECK_INT(group->count[PSG_PROCESS_STOPPING], 1);
    CHECK_CONTAINS(fake_log(), "still works on POST '/slow??\\x1bxxx");
    CHECK_CONTAINS(fake_log(), "xxx' of 192.0.2.7, for 3.");
    CHECK_INT(fake_count(fake, SIGTERM), 1);
    fake_pass(fake, 10);
    CHECK_INT(fake_count(fake, SIGKILL), 1);
}

TEST(process_with_many_requests_does_not_flood_the_log)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, ROOT, "PassengerDrainTimeout", "1");

    for (int i = 0; i < 50; i++) {
        fake_enter(fake, group);
    }
    fake_ready(group, 0);
    app_process_drain(group->first, "the test wants it");
    fake_pass(fake, 1.1);
    CHECK_INT(count_of(fake_log(), "still works on"), 20);
    CHECK_CONTAINS(fake_log(), "works on 30 more requests");
}

TEST(process_whose_end_of_draining_nobody_told_is_stopped)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = bring_to(fake, PSG_PROCESS_DRAINING);

    fake->core.sb->processes[proc->index].busy = 0;
    app_pool_tick(&fake->core);
    CHECK_INT(proc->state, PSG_PROCESS_STOPPING);
}

TEST(process_that_crashes_is_logged_with_its_status)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = bring_to(fake, PSG_PROCESS_READY);

    app_process_exited(proc, SIGSEGV);
    CHECK_CONTAINS(fake_log(), "ended by itself (signal 11");
}

TEST(process_that_was_told_to_end_is_not_an_error)
{
    fake_core_t *fake = fake_core(6, 0);
    app_process_t *proc = bring_to(fake, PSG_PROCESS_READY);

    app_process_stop(proc, "the test wants it");
    app_process_exited(proc, 0);
    CHECK_LACKS(fake_log(), "[passenger:error]");
    CHECK_LACKS(fake_log(), "[passenger:warn]");
}
