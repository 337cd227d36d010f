/* SPDX-License-Identifier: Apache-2.0 */

/* The core's parts on a real scoreboard, with a fake watchdog and clock. Used by
 * unit tests. */
#include "fake_core.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent_log.h"
#include "app_restore.h"
#include "scoreboard_writer.h"
#include "test.h"

enum {
    STEP = 10000
};

/* Added to the real clock, which the scoreboard uses, too. */
static uint64_t passed;
static const char *log_path;
static int old_stderr;

static uint64_t fake_now(void)
{
    return psg_now() + passed;
}

static fake_core_t *fake_of(core_t *core)
{
    return (fake_core_t *)core; /* its first member */
}

static void note(core_t *core, uint32_t process, int number)
{
    fake_core_t *fake = fake_of(core);

    CHECK(fake->call_count < FAKE_CALLS);
    fake->calls[fake->call_count].process = process;
    fake->calls[fake->call_count++].number = number;
}

static apr_status_t spawn(core_t *core, app_process_t *proc, const char **why)
{
    if (fake_of(core)->refuse_spawn) {
        *why = "the test does not want it";
        return APR_EGENERAL;
    }
    note(core, proc->index, 0);
    return APR_SUCCESS;
}

static void send_signal(core_t *core, const app_process_t *proc, int number)
{
    note(core, proc->index, number);
}

static void schedule(core_t *core, const app_process_t *proc, int in_batches)
{
    (void)core;
    (void)proc;
    fake_of(core)->in_batches += in_batches ? 1 : -1;
}

static const core_starter_t starter = {
    .spawn = spawn, .signal = send_signal, .schedule = schedule};

/* What went wrong is in the log, too, now. */
static void show_log(void *data)
{
    const char *log = fake_log();

    (void)data;
    if (test_has_failed() && write(old_stderr, log, strlen(log)) < 0) {
        _exit(1);
    }
}

static void keep_log(void)
{
    int fd;

    if (!log_path) {
        old_stderr = dup(2);
        test_defer(show_log, NULL);
        log_path = test_file("log", "");
        fd = open(log_path, O_WRONLY | O_APPEND);
        CHECK(fd >= 0);
        CHECK(dup2(fd, 2) == 2);
        close(fd);
        agent_log_set_level(PSG_LOG_DEBUG);
    }
}

const char *fake_log(void)
{
    return test_read(log_path);
}

static fake_core_t *make(psg_scoreboard_t *sb)
{
    fake_core_t *fake = apr_pcalloc(test_pool(), sizeof(*fake));

    keep_log();
    fake->core.pool = test_pool();
    fake->core.sb = sb;
    CHECK_INT(event_loop_create(&fake->core.loop, test_pool()), APR_SUCCESS);
    event_loop_set_clock(fake->core.loop, fake_now);
    fake->core.writer = scoreboard_writer_create(sb, test_pool());
    fake->core.apps = app_pool_create(&fake->core);
    fake->core.starter = &starter;
    fake->core.loaders = "/loaders";
    fake->core.configured = 1;
    return fake;
}

fake_core_t *fake_core(int max_pool_size, int max_instances_per_app)
{
    psg_options_t *options = psg_options_create(test_pool());
    psg_scoreboard_t *sb;
    fake_core_t *fake;
    uint32_t row;
    int fd;

    CHECK_INT(psg_scoreboard_create(&fd), APR_SUCCESS);
    CHECK_INT(psg_scoreboard_attach(&sb, fd), APR_SUCCESS);
    options->max_pool_size = max_pool_size;
    options->max_instances_per_app = max_instances_per_app;
    fake = make(sb);
    fake->core.options = options;
    CHECK_INT(psg_child_claim(sb, &row), APR_SUCCESS);
    CHECK_INT(psg_slot_pool_create(&fake->slots, sb, row, test_pool()),
              APR_SUCCESS);
    return fake;
}

fake_core_t *fake_core_after(fake_core_t *before)
{
    fake_core_t *fake = make(before->core.sb);

    fake->core.options = before->core.options;
    fake->slots = before->slots;
    app_restore_groups(&fake->core);
    return fake;
}

static app_group_t *find(fake_core_t *fake, const char *root, uint32_t owner,
                         const psg_options_t *options)
{
    char encoded[1024];
    psg_msg_group_t msg = {.owner = owner, .owner_gid = owner};
    psg_refusal_e refusal;
    app_group_t *group;

    msg.app_root = (psg_bytes_t){root, strlen(root)};
    msg.app_type = (psg_bytes_t){"python", 6};
    msg.startup_file = (psg_bytes_t){"passenger_wsgi.py", 17};
    msg.base_uri = (psg_bytes_t){"", 0};
    msg.options.data = encoded;
    msg.options.len =
        psg_options_encode(options, 1u << PSG_SCOPE_APP | 1u << PSG_SCOPE_PLACE,
                           encoded, sizeof(encoded));
    CHECK_INT(app_pool_find(&fake->core, &msg, 1, &group, &refusal),
              APR_SUCCESS);
    return group;
}

app_group_t *fake_group(fake_core_t *fake, const char *root,
                        const char *directive, const char *value)
{
    psg_options_t *options = psg_options_create(test_pool());

    if (directive) {
        const char *wrong =
            psg_options_set(options, (psg_option_e)psg_options_find(directive),
                            value, test_pool());

        CHECK_STR(wrong ? wrong : "", "");
    }
    return find(fake, root, 1000, options);
}

app_group_t *fake_group_of(fake_core_t *fake, const char *root, uint32_t owner)
{
    return find(fake, root, owner, psg_options_create(test_pool()));
}

void fake_pass(fake_core_t *fake, double seconds)
{
    for (uint64_t left = (uint64_t)(seconds * 1e6); left > 0;) {
        uint64_t step = left < STEP ? left : STEP;

        passed += step;
        left -= step;
        apr_pool_clear(event_loop_scratch(fake->core.loop));
        event_loop_run_timers(fake->core.loop);
    }
}

int fake_count(const fake_core_t *fake, int number)
{
    int count = 0;

    for (int i = 0; i < fake->call_count; i++) {
        count += fake->calls[i].number == number;
    }
    return count;
}

app_process_t *fake_process(app_group_t *group, psg_process_state_e state)
{
    app_process_t *proc;

    for (proc = group->first; proc; proc = proc->next) {
        if (proc->state == state) {
            return proc;
        }
    }
    return NULL;
}

void fake_ready(app_group_t *group, uint32_t concurrency)
{
    app_process_t *proc = fake_process(group, PSG_PROCESS_SPAWNING);

    CHECK(proc != NULL);
    app_process_ready(proc, PSG_FORMAT_SESSION, concurrency, 1);
}

void fake_exit(app_group_t *group, psg_process_state_e state, int status)
{
    app_process_t *proc = fake_process(group, state);

    CHECK(proc != NULL);
    app_process_exited(proc, status);
}

uint32_t fake_enter(fake_core_t *fake, app_group_t *group)
{
    uint64_t *published = &fake->core.sb->groups[group->index].retry_at,
             retry_at;
    uint32_t slot = psg_slot_claim(fake->slots);
    int must_tell;
    psg_enter_e entered;

    CHECK(slot != PSG_NONE);
    retry_at = *published;
    *published =
        retry_at > passed ? retry_at - passed : 0; /* its clock is real */
    entered = psg_slot_enter(fake->core.sb, slot, group->index,
                             group->generation, &must_tell);
    *published = retry_at;
    if (entered != PSG_ENTER_RUNNING && entered != PSG_ENTER_QUEUED) {
        psg_slot_free(fake->slots, slot);
        return PSG_NONE;
    }
    if (must_tell) {
        app_group_look(group);
    }
    return slot;
}

psg_slot_state_e fake_state(const fake_core_t *fake, uint32_t slot)
{
    return (psg_slot_state_e)fake->core.sb->slots[slot].state;
}

void fake_leave(fake_core_t *fake, uint32_t slot)
{
    psg_scoreboard_t *sb = fake->core.sb;
    uint32_t process = sb->slots[slot].process;
    uint32_t generation = sb->slots[slot].process_generation;
    app_process_t *proc;
    int drained = 0;

    if (fake_state(fake, slot) == PSG_SLOT_RUNNING) {
        psg_slot_leave(sb, slot, &drained);
    }
    else {
        psg_slot_abandon(sb, slot);
    }
    psg_slot_free(fake->slots, slot);
    if (drained) {
        proc = app_pool_process(&fake->core, process, generation);
        CHECK(proc != NULL);
        app_process_check_drained(proc);
    }
}

app_group_t *fake_serving(fake_core_t *fake, const char *root, int count)
{
    app_group_t *group = fake_group(fake, root, NULL, NULL);
    uint32_t slots[16];

    for (int i = 0; i < count; i++) {
        slots[i] = fake_enter(fake, group);
    }
    for (int i = 0; i < count; i++) {
        fake_ready(group, 1);
    }
    for (int i = 0; i < count; i++) {
        fake_leave(fake, slots[i]);
    }
    CHECK_INT(group->count[PSG_PROCESS_READY], count);
    return group;
}

uint32_t fake_old_ready(const app_group_t *group)
{
    uint32_t count = 0;

    for (const app_process_t *proc = group->first; proc; proc = proc->next) {
        count +=
            proc->state == PSG_PROCESS_READY && proc->epoch != group->epoch;
    }
    return count;
}

uint32_t fake_new_ready(const app_group_t *group)
{
    return group->count[PSG_PROCESS_READY] - fake_old_ready(group);
}
