/* SPDX-License-Identifier: Apache-2.0 */

/* Puts together what is known about a failed start: the step, how the process
 * ended, the interpreter, what the app said last. Used by app_backoff. */
#include "spawn_report.h"

#include <string.h>
#include <sys/wait.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_group.h"
#include "app_interpreter.h"

/* Of the output of a process that ended by itself. */
enum {
    LAST_LINES = 10
};

const char *spawn_report_how_it_ended(const app_process_t *proc,
                                      apr_pool_t *pool)
{
    int status = proc->exit_status;

    if (!proc->has_exited) {
        return "it was not there any more";
    }
    if (status == (int)PSG_NONE) {
        return "how is not known, since an earlier agent had started it";
    }
    if (WIFSIGNALED(status)) {
        return apr_psprintf(pool, "signal %d (%s)%s", WTERMSIG(status),
                            strsignal(WTERMSIG(status)),
                            proc->kills ? ", sent by the agent" : "");
    }
    return apr_psprintf(pool, "exit status %d", WEXITSTATUS(status));
}

static const char *summary_of(const app_process_t *proc, apr_pool_t *pool)
{
    if (proc->failure.summary) {
        return proc->failure.summary;
    }
    return apr_psprintf(pool,
                        proc->was_ready ? "it ends soon after it is ready (%s)"
                                        : "it ended before it was ready (%s)",
                        spawn_report_how_it_ended(proc, pool));
}

static const char *step_of(const app_process_t *proc)
{
    return proc->failure.step ? proc->failure.step : "start";
}

/* What people need to find the reason; the app's own words come last. */
static const char *detail_of(const app_process_t *proc, apr_pool_t *pool)
{
    const app_spec_t *spec = proc->group->spec;
    const char *details = proc->failure.details;
    const char *said = proc->output ? app_output_tail(proc->output, pool) : "";
    const char *why = proc->interpreter_why;

    return apr_psprintf(
        pool,
        "Step: %s\nEnded: %s\nApp: %s\n%s: %s\nInterpreter: %s%s%s\n"
        "Environment: %s\n%s%s%s%s%s",
        step_of(proc), spawn_report_how_it_ended(proc, pool), spec->root,
        spec->command ? "Command" : "Startup file",
        spec->command ? spec->command : spec->startup_file,
        app_interpreter_of(proc), why && why[0] ? ": " : "", why ? why : "",
        spec->options->app_env, details && details[0] ? "\n" : "",
        details ? details : "", said[0] ? "\nOutput of the app:\n" : "", said,
        details && details[0] ? "\n" : "");
}

psg_spawn_error_t *spawn_report_make(const app_process_t *proc,
                                     apr_pool_t *pool)
{
    psg_spawn_error_t *error = apr_pcalloc(pool, sizeof(*error));
    const char *detail = detail_of(proc, pool);
    size_t len = strlen(detail);

    if (len > sizeof(error->detail)) {
        len = sizeof(error->detail);
    }
    error->when = event_loop_now(proc->core->loop);
    psg_error_id_make(error->id);
    (void)apr_cpystrn(error->summary, summary_of(proc, pool),
                      sizeof(error->summary));
    memcpy(error->detail, detail, len);
    error->detail_len = (uint32_t)len;
    return error;
}

/* Each line of text as a line of the log, so that a trace can be read. id: what
 * it belongs to. */
static void log_lines(const char *id, const char *text)
{
    while (text[0]) {
        size_t len = strcspn(text, "\n");

        agent_log(PSG_LOG_ERROR, "PSG2131: [%s] %.*s", id,
                  len > 2000 ? 2000 : (int)len, text);
        text += len + (text[len] == '\n');
    }
}

void spawn_report_log(const psg_spawn_error_t *error, const app_process_t *proc,
                      unsigned seconds)
{
    const app_spec_t *spec = proc->group->spec;
    apr_pool_t *scratch = event_loop_scratch(proc->core->loop);

    agent_log(PSG_LOG_ERROR,
              "PSG2130: app '%s': could not be started: %s; error id %s, step "
              "'%s', %s, interpreter '%s', %s '%s'; it is tried again in %u s "
              "at the earliest",
              spec->root, error->summary, error->id, step_of(proc),
              spawn_report_how_it_ended(proc, scratch),
              app_interpreter_of(proc),
              spec->command ? "command" : "startup file",
              spec->command ? spec->command : spec->startup_file, seconds);
    if (proc->failure.details) {
        log_lines(error->id, proc->failure.details);
    }
}

/* The last so many lines of text. */
static const char *last_lines(const char *text, int count)
{
    const char *at = text + strlen(text);

    if (at > text && at[-1] == '\n') {
        at--;
    }
    while (at > text && (at[-1] != '\n' || --count > 0)) {
        at--;
    }
    return at;
}

void spawn_report_log_end(const app_process_t *proc)
{
    apr_pool_t *scratch = event_loop_scratch(proc->core->loop);
    const char *said =
        proc->output ? app_output_tail(proc->output, scratch) : "";

    agent_log(PSG_LOG_ERROR,
              "PSG2122: app '%s': process %d, which was ready, ended by itself "
              "(%s); its requests are lost, another one is started when needed"
              "%s",
              proc->group->spec->root, proc->pid,
              spawn_report_how_it_ended(proc, scratch),
              said[0] ? "; its last words follow" : "");
    log_lines(apr_psprintf(scratch, "process %d", proc->pid),
              last_lines(said, LAST_LINES));
}
