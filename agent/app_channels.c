/* SPDX-License-Identifier: Apache-2.0 */

/* Connects a process with what comes from it: its control channel, its output,
 * and the probe for programs that say nothing. Called by app_process. */
#include "app_channels.h"

#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_group.h"
#include "app_interpreter.h"
#include "app_rest.h"
#include "scoreboard_writer.h"

/* "ready" of a program that does not know us. */
static void on_probe(void *baton, int by_port)
{
    app_process_t *proc = baton;

    if (!by_port) {
        proc->port = 0;
        scoreboard_process_set_port(proc->core->writer, proc->index, 0);
    }
    app_process_ready(proc, PSG_FORMAT_HTTP, 0, 0);
}

static void note_failure(app_process_t *proc, const handshake_event_t *event)
{
    if (!proc->failure.summary) {
        proc->failure.step = apr_pstrdup(proc->pool, event->step);
        proc->failure.summary = apr_pstrdup(proc->pool, event->summary);
        proc->failure.details = apr_pstrdup(proc->pool, event->details);
    }
    if (proc->was_ready) {
        agent_log(PSG_LOG_ERROR,
                  "PSG2105: app '%s': process %d, which was ready, says: %s; "
                  "it is ended",
                  proc->group->spec->root, proc->pid, event->summary);
    }
}

/* Who says "ready" in the wrong way: what another kind of process would say. */
static int is_of_wrong_kind(const app_process_t *proc,
                            const handshake_event_t *event)
{
    return (event->kind == HANDSHAKE_READY && proc->kind == PSG_KIND_PRELOADER)
           || (event->kind == HANDSHAKE_PRELOADED
               && proc->kind != PSG_KIND_PRELOADER);
}

static const handshake_event_t wrong_kind = {
    .kind = HANDSHAKE_GARBAGE,
    .step = "start",
    .summary = "its loader says \"ready\" in a format that is for another kind "
               "of process (preloaders: \"fork\", no others)",
    .details = ""};

static void on_control(void *baton, const handshake_event_t *event)
{
    app_process_t *proc = baton;

    if (is_of_wrong_kind(proc, event)) {
        event = &wrong_kind;
    }
    switch (event->kind) {
    case HANDSHAKE_PRELOADED:
        app_process_event(proc, ON_READY, "it can fork processes");
        break;
    case HANDSHAKE_READY:
        if (proc->state == PSG_PROCESS_SPAWNING && proc->port != 0) {
            proc->port = 0;
            scoreboard_process_set_port(proc->core->writer, proc->index, 0);
        }
        app_process_ready(proc, event->format, event->concurrency,
                          event->keep_alive);
        break;
    case HANDSHAKE_RESTED:
        app_rest_done(proc);
        break;
    case HANDSHAKE_INTERPRETER:
        app_interpreter_found(proc, event->summary, event->details);
        break;
    case HANDSHAKE_FAILED:
        note_failure(proc, event);
        app_process_event(proc, ON_FAILED, event->summary);
        break;
    case HANDSHAKE_GARBAGE:
        note_failure(proc, event);
        app_process_event(proc, ON_GARBAGE, event->summary);
        break;
    case HANDSHAKE_END: /* most probably it is ending, which we will be told */
        break;
    }
}

apr_status_t app_channels_open(app_process_t *proc, const int fds[3])
{
    event_loop_t *loop = proc->core->loop;
    apr_status_t rv, result;

    proc->listen_fd = fds[2];
    result = handshake_create(&proc->control, loop, fds[0], on_control, proc,
                              proc->pool);
    if (result != APR_SUCCESS) {
        (void)close(fds[0]);
    }
    rv = app_output_create(&proc->output, loop, fds[1], proc->pid,
                           proc->group->spec->root, proc->pool);
    if (rv != APR_SUCCESS) {
        (void)close(fds[1]);
        result = rv;
    }
    return result;
}

void app_channels_probe(app_process_t *proc)
{
    if (proc->group->spec->command) {
        proc->probe =
            start_probe_create(proc->core->loop, proc->listen_fd, proc->port,
                               proc->pid, on_probe, proc, proc->pool);
    }
}

void app_channels_close(app_process_t *proc)
{
    app_rest_forget(proc);
    if (proc->probe) {
        start_probe_close(proc->probe);
    }
    if (proc->control) {
        handshake_close(proc->control);
    }
    if (proc->output) {
        app_output_close(proc->output);
    }
    if (proc->listen_fd >= 0) {
        (void)close(proc->listen_fd);
        proc->listen_fd = -1;
    }
}
