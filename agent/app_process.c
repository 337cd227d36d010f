/* SPDX-License-Identifier: Apache-2.0 */

/* The life of one app process: a table of what follows from what, and the
 * actions. Events come from watchdog_link (started, ended), from the process
 * itself (handshake, start_probe), from app_group and app_pool (not wanted). */
#include "app_process.h"

#include <signal.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_channels.h"
#include "app_group.h"
#include "app_preloader.h"
#include "app_limits.h"
#include "request_log.h"
#include "scoreboard_writer.h"

enum {
    SECOND = 1000000,
    STOP_TIME = 10 * SECOND,
    LAST_WORDS_TIME = SECOND
};

static const char *const state_words[] = {
#define PROCESS_STATE(NAME, word, help) word,
#include "process_states.def"
};

static const char *const event_words[APP_PROCESS_EVENT_COUNT] = {
    [ON_START] = "start",   [ON_READY] = "ready",
    [ON_FAILED] = "failed", [ON_GARBAGE] = "garbage",
    [ON_DRAIN] = "drain",   [ON_DRAINED] = "drained",
    [ON_STOP] = "stop",     [ON_DEADLINE] = "deadline",
    [ON_EXIT] = "exit",     [ON_LOST] = "lost",
    [ON_FREE] = "free",
};

static void ask_for_start(app_process_t *proc);
static void announce(app_process_t *proc);
static void await_end(app_process_t *proc);
static void give_up(app_process_t *proc);
static void kill_now(app_process_t *proc);
static void look_if_drained(app_process_t *proc);
static void tell_to_stop(app_process_t *proc);
static void bury(app_process_t *proc);
static void dispose(app_process_t *proc);
static void end_overdue(app_process_t *proc);

typedef enum {
    EMPTY = 0,
    GO,
    STAY
} rule_kind_e;

/* clang-format off */
#define TO(state) GO, PSG_PROCESS_##state

/* What is not here cannot happen; if it does, it is logged and ignored. */
static const struct rule_t {
    rule_kind_e kind;
    psg_process_state_e next;
    void (*action)(app_process_t *proc);
} rules[PSG_PROCESS_STATE_COUNT][APP_PROCESS_EVENT_COUNT] = {
    [PSG_PROCESS_UNUSED] = {
        [ON_START]    = { TO(SPAWNING), ask_for_start },
    },
    [PSG_PROCESS_SPAWNING] = {
        [ON_READY]    = { TO(READY),    announce },
        [ON_FAILED]   = { TO(STOPPING), await_end },
        [ON_GARBAGE]  = { TO(STOPPING), kill_now },
        [ON_DRAIN]    = { TO(STOPPING), tell_to_stop },
        [ON_STOP]     = { TO(STOPPING), tell_to_stop },
        [ON_DEADLINE] = { TO(STOPPING), give_up },
        [ON_EXIT]     = { TO(DEAD),     bury },
        [ON_LOST]     = { TO(DEAD),     bury },
    },
    [PSG_PROCESS_READY] = {
        [ON_FAILED]   = { TO(DRAINING), look_if_drained },
        [ON_GARBAGE]  = { TO(DRAINING), look_if_drained },
        [ON_DRAIN]    = { TO(DRAINING), look_if_drained },
        [ON_STOP]     = { TO(STOPPING), tell_to_stop },
        [ON_EXIT]     = { TO(DEAD),     bury },
        [ON_LOST]     = { TO(DEAD),     bury },
    },
    [PSG_PROCESS_DRAINING] = {
        [ON_FAILED]   = { STAY },
        [ON_GARBAGE]  = { STAY },
        [ON_DRAIN]    = { STAY },
        [ON_DRAINED]  = { TO(STOPPING), tell_to_stop },
        [ON_STOP]     = { TO(STOPPING), tell_to_stop },
        [ON_DEADLINE] = { TO(STOPPING), end_overdue },
        [ON_EXIT]     = { TO(DEAD),     bury },
        [ON_LOST]     = { TO(DEAD),     bury },
    },
    [PSG_PROCESS_STOPPING] = {
        /* It may say "ready" while our "stop" is on its way, and so on. */
        [ON_READY]    = { STAY },
        [ON_FAILED]   = { STAY },
        [ON_GARBAGE]  = { STAY },
        [ON_DRAIN]    = { STAY },
        [ON_DRAINED]  = { STAY },
        [ON_STOP]     = { STAY },
        [ON_DEADLINE] = { TO(STOPPING), kill_now },
        [ON_EXIT]     = { TO(DEAD),     bury },
        [ON_LOST]     = { TO(DEAD),     bury },
    },
    [PSG_PROCESS_DEAD] = {
        [ON_FREE]     = { TO(UNUSED),   dispose },
    },
};
#undef TO
/* clang-format on */

static void move(app_process_t *proc, psg_process_state_e next, const char *why)
{
    app_group_t *group = proc->group;

    agent_log(PSG_LOG_INFO,
              "PSG2101: app '%s': process %u (pid %d): %s -> %s: %s",
              group->spec->root, proc->index, proc->pid,
              state_words[proc->state], state_words[next], why);
    app_group_count(proc, proc->state, next);
    proc->state = next;
    if (next != PSG_PROCESS_UNUSED) {
        proc->busy = scoreboard_process_set_state(
            proc->core->writer, group->index, proc->index, next);
    }
}

void app_process_event(app_process_t *proc, app_process_event_e event,
                       const char *why)
{
    const struct rule_t *rule = &rules[proc->state][event];

    if (rule->kind == EMPTY) {
        agent_log(PSG_LOG_WARN,
                  "PSG2102: app '%s': process %u (pid %d) is %s, so '%s' is "
                  "ignored: %s",
                  proc->group->spec->root, proc->index, proc->pid,
                  state_words[proc->state], event_words[event], why);
        return;
    }
    if (rule->kind == GO && rule->next != proc->state) {
        move(proc, rule->next, why);
    }
    if (rule->action) {
        rule->action(proc); /* proc may be gone afterwards */
    }
}

static void on_deadline(void *baton)
{
    app_process_event(baton, ON_DEADLINE, "it took too long");
}

static void set_deadline(app_process_t *proc, uint64_t when)
{
    event_timer_set(&proc->deadline, proc->core->loop, when, on_deadline, proc);
}

static void set_deadline_in(app_process_t *proc, uint64_t usec)
{
    set_deadline(proc, event_loop_now(proc->core->loop) + usec);
}

static uint64_t start_deadline(const app_process_t *proc)
{
    return proc->started
           + (uint64_t)proc->group->spec->options->start_timeout * SECOND;
}

static void ask_for_start(app_process_t *proc)
{
    const char *why = "the watchdog cannot be asked";

    set_deadline(proc, start_deadline(proc));
    if (proc->core->starter->spawn(proc->core, proc, &why) != APR_SUCCESS) {
        app_process_lost(proc, why);
    }
}

static void announce(app_process_t *proc)
{
    event_timer_clear(&proc->deadline);
    if (proc->probe) {
        start_probe_close(proc->probe);
    }
    proc->was_ready = 1;
    proc->ready_since = event_loop_now(proc->core->loop);
    if (proc->kind == PSG_KIND_PRELOADER) {
        app_preloader_ready(proc);
    }
    else {
        app_group_process_ready(proc->group, proc);
    }
}

/* It said why it cannot start and is about to exit; how is worth knowing. */
static void await_end(app_process_t *proc)
{
    set_deadline_in(proc, LAST_WORDS_TIME);
}

/* What it waited for only it knows; what was waited for is ours to say. */
static const char *advice_on_timeout(const app_spec_t *spec)
{
    return spec->command
               ? "The program must accept connections on 127.0.0.1 at the port "
                 "that the variable PORT names, or on the socket it is passed "
                 "as descriptor 3 (LISTEN_FDS=1)."
               : "The startup file was not loaded to its end in that time. "
                 "Look "
                 "what the app waits for while it starts (a database, a lock, "
                 "another server), or raise PassengerStartTimeout.";
}

static void give_up(app_process_t *proc)
{
    proc->failure.step = "start timeout";
    proc->failure.details = advice_on_timeout(proc->group->spec);
    proc->failure.summary =
        apr_psprintf(proc->pool,
                     "it was not ready within %d seconds "
                     "(PassengerStartTimeout)",
                     proc->group->spec->options->start_timeout);
    kill_now(proc);
}

static void kill_now(app_process_t *proc)
{
    if (proc->kills++ > 0) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2103: app '%s': process %d does not end, even though it "
                  "was sent SIGKILL; look what it waits for",
                  proc->group->spec->root, proc->pid);
    }
    else if (proc->unwanted) {
        agent_log(PSG_LOG_WARN,
                  "PSG2104: app '%s': process %d did not end within %d seconds "
                  "when told to; it is killed",
                  proc->group->spec->root, proc->pid, STOP_TIME / SECOND);
    }
    proc->core->starter->signal(proc->core, proc, SIGKILL);
    set_deadline_in(proc, STOP_TIME);
}

static uint64_t drain_time(const app_process_t *proc)
{
    return (uint64_t)proc->group->spec->options->drain_timeout * SECOND;
}

static void look_if_drained(app_process_t *proc)
{
    proc->unwanted = 1;
    if (proc->busy == 0) {
        app_process_event(proc, ON_DRAINED, "it has no requests");
    }
    else {
        set_deadline_in(proc, drain_time(proc));
    }
}

static void tell_to_stop(app_process_t *proc)
{
    int is_loader = !proc->group->spec->command;

    proc->unwanted = 1;
    if (proc->probe) {
        start_probe_close(proc->probe);
    }
    /* A loader listens only when its app is loaded; a program that was started
     * by a command never does, and nothing may be said to it: see launcher.c. */
    if (!proc->control || !is_loader
        || handshake_say_stop(proc->control) != APR_SUCCESS
        || !proc->was_ready) {
        proc->core->starter->signal(proc->core, proc, SIGTERM);
    }
    set_deadline_in(proc, STOP_TIME);
}

static void bury(app_process_t *proc)
{
    app_group_t *group = proc->group;

    event_timer_clear(&proc->deadline);
    app_channels_close(proc);
    if (proc->kind == PSG_KIND_PRELOADER) {
        app_preloader_ended(proc);
    }
    else {
        app_group_process_ended(group, proc);
    }
    app_process_event(proc, ON_FREE, "its end was dealt with");
    app_group_go_on(group);
}

static void dispose(app_process_t *proc)
{
    app_group_count(proc, PSG_PROCESS_UNUSED, PSG_PROCESS_STATE_COUNT);
    scoreboard_process_free(proc->core->writer, proc->index);
    apr_pool_destroy(proc->pool);
}

/* What it still works on is cut off, unless it is done before SIGKILL comes. */
static void end_overdue(app_process_t *proc)
{
    agent_log(PSG_LOG_WARN,
              "PSG2106: app '%s': process %d, which was to end, has requests "
              "after %d seconds (PassengerDrainTimeout); it is ended with them",
              proc->group->spec->root, proc->pid,
              proc->group->spec->options->drain_timeout);
    (void)request_log_running(proc);
    tell_to_stop(proc);
}

void app_process_attach(app_process_t *proc, int pid, const int fds[3])
{
    proc->pid = pid;
    scoreboard_process_set_pid(proc->core->writer, proc->index, pid);
    if (app_channels_open(proc, fds) != APR_SUCCESS) {
        proc->failure.step = "start";
        proc->failure.summary = "the agent cannot watch it";
        app_process_stop(proc, proc->failure.summary);
    }
    if (proc->state == PSG_PROCESS_STOPPING) {
        tell_to_stop(proc); /* what was said before had no way to it */
    }
    else if (proc->state == PSG_PROCESS_DRAINING) {
        set_deadline_in(proc, drain_time(proc)); /* since when is not known */
    }
    else if (proc->state == PSG_PROCESS_SPAWNING) {
        set_deadline(proc, start_deadline(proc));
        app_channels_probe(proc);
    }
}

void app_process_ready(app_process_t *proc, psg_format_e format,
                       uint32_t concurrency, int keep_alive)
{
    int forced = proc->group->spec->options->max_concurrent_requests;

    if (proc->state == PSG_PROCESS_SPAWNING) {
        scoreboard_process_set_service(
            proc->core->writer, proc->index, format,
            forced >= 0 ? (uint32_t)forced : concurrency, keep_alive);
        if (forced < 0 && concurrency == 1 && keep_alive
            && format == PSG_FORMAT_SESSION) {
            scoreboard_process_allow_ahead(proc->core->writer, proc->index);
        }
        app_limits_apply(proc);
    }
    app_process_event(proc, ON_READY, "it takes requests");
}

void app_process_exited(app_process_t *proc, int status)
{
    /* What it said last may still be on its way; nothing follows. */
    if (proc->control) {
        handshake_read(proc->control);
    }
    if (proc->output) {
        app_output_drain(proc->output);
    }
    proc->has_exited = 1;
    proc->exit_status = status;
    app_process_event(proc, ON_EXIT, "it ended");
}

void app_process_lost(app_process_t *proc, const char *why)
{
    if (!proc->failure.summary) {
        proc->failure.step = "start";
        proc->failure.summary = apr_pstrdup(proc->pool, why);
        proc->failure.details = "";
    }
    app_process_event(proc, ON_LOST, why);
}

void app_process_drain(app_process_t *proc, const char *why)
{
    app_process_event(proc, ON_DRAIN, why);
}

void app_process_stop(app_process_t *proc, const char *why)
{
    app_process_event(proc, ON_STOP, why);
}

void app_process_check_drained(app_process_t *proc)
{
    const uint32_t *busy = &proc->core->sb->processes[proc->index].busy;

    if (proc->state == PSG_PROCESS_DRAINING
        && __atomic_load_n(busy, __ATOMIC_ACQUIRE) == 0) {
        app_process_event(proc, ON_DRAINED, "its last request is done");
    }
}

uint64_t app_process_idle_since(const app_process_t *proc)
{
    const psg_process_t *entry = &proc->core->sb->processes[proc->index];
    uint64_t used = __atomic_load_n(&entry->last_used, __ATOMIC_ACQUIRE);

    if (proc->state != PSG_PROCESS_READY
        || __atomic_load_n(&entry->busy, __ATOMIC_ACQUIRE) > 0) {
        return 0;
    }
    return used > proc->ready_since ? used : proc->ready_since;
}
