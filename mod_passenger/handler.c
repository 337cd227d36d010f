/* SPDX-License-Identifier: Apache-2.0 */

/* Life of a request, step by step: slot, body, group, process, exchange, answer.
 * Called by httpd for requests that request_map.c gave to us. */
#include <string.h>
#include <time.h>

#include "handler.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>

#include "agent_client.h"
#include "app_connection.h"
#include "app_exchange.h"
#include "client_watch.h"
#include "out_of_band.h"
#include "refusal.h"
#include "request_body.h"
#include "slot_label.h"
#include "sticky.h"
#include "thread_policy.h"

APLOG_USE_MODULE(passenger);

enum {
    SECOND_USEC = 1000000,
    ANSWER_USEC = 10 * SECOND_USEC, /* for the core to make a group */
    QUEUE_TICK_USEC =
        SECOND_USEC / 4, /* how often a waiting request looks up */
    START_MARGIN_SECONDS = 5,
    TRIES_MAX = 4,          /* processes tried, and groups asked for */
    DEATH_STEP_USEC = 2000, /* how often the state of a suspect is looked at */
    DEATH_WAIT_USEC = SECOND_USEC,
    /* Known to logs as "client closed request"; nobody receives it. */
    STATUS_CLIENT_GONE = 499,
};

/* What has to be given back. */
typedef enum {
    NO_SLOT,
    CLAIMED,
    QUEUED,
    RUNNING
} holding_e;

/* A request on its way. Steps return OK to go on, or what the handler returns. */
typedef struct {
    request_rec *r;
    const psg_request_t *request;
    psg_scoreboard_t *sb;
    holding_e holding;
    uint32_t slot, group, group_generation;
    uint64_t deadline;
    int is_queue_time; /* the deadline is by PassengerMaxRequestQueueTime */
    int is_answered;   /* nothing remains to be done */
    int may_have_run;  /* an app got this request and may have acted on it */
    psg_request_body_t body;
    psg_exchange_t exchange;
} life_t;

static const char *app_name(const life_t *life)
{
    return life->request->app.root;
}

/* Gives the process back, or the place in its queue; the slot stays claimed. */
static void let_go(life_t *life)
{
    int drained = 0;

    if (life->holding == RUNNING) {
        const psg_slot_t was = life->sb->slots[life->slot];

        psg_out_of_band_rest(life->request, life->slot);
        psg_slot_leave(life->sb, life->slot, &drained);
        if (drained) {
            psg_agent_tell_drained(was.process, was.process_generation);
        }
    }
    else if (life->holding == QUEUED) {
        psg_slot_abandon(life->sb, life->slot);
    }
    if (life->holding != NO_SLOT) {
        life->holding = CLAIMED;
    }
}

/* Runs at the end of the handler, and with the request's pool should the
 * handler ever be left another way. */
static apr_status_t release(void *data)
{
    life_t *life = data;

    let_go(life);
    if (life->holding == CLAIMED) {
        psg_slot_free(psg_child->slots, life->slot);
        life->holding = NO_SLOT;
    }
    return APR_SUCCESS;
}

static int claim_slot(life_t *life)
{
    request_rec *r = life->r;

    life->slot = psg_slot_claim(psg_child->slots);
    if (life->slot == PSG_NONE) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "PSG0101: app '%s': all %d places for requests of this "
                      "httpd process are taken; lower ThreadsPerChild or "
                      "H2MaxWorkers",
                      app_name(life), PSG_SLOTS_PER_CHILD);
        return psg_refusal_unavailable(r, 1);
    }
    life->holding = CLAIMED;
    psg_slot_label(&life->sb->slots[life->slot], r, life->request->options);
    return OK;
}

static int find_group(life_t *life)
{
    apr_status_t status = psg_agent_find_group(
        life->r, life->request, life->slot, psg_now() + ANSWER_USEC,
        &life->group, &life->group_generation);

    if (status == APR_SUCCESS) {
        return OK;
    }
    if (status == APR_ENOSPC) {
        return HTTP_INTERNAL_SERVER_ERROR; /* PSG0035; no later try helps */
    }
    if (APR_STATUS_IS_TIMEUP(status)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, life->r,
                      "PSG0102: app '%s': the agent did not answer within %d "
                      "seconds; see its lines in this log",
                      app_name(life), ANSWER_USEC / SECOND_USEC);
        return psg_refusal_unavailable(life->r, 1);
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, status, life->r,
                  "PSG0103: app '%s': the agent refused to take it on (reason "
                  "%u); see its lines in this log",
                  app_name(life), life->sb->slots[life->slot].refusal);
    return status == APR_EINVAL ? HTTP_INTERNAL_SERVER_ERROR
                                : psg_refusal_unavailable(life->r, 1);
}

/* Nobody reads an answer any more. */
static int client_gone(life_t *life)
{
    life->r->connection->keepalive = AP_CONN_CLOSE;
    life->r->connection->aborted = 1;
    if (!life->exchange.relay.buffer.is_headed) {
        life->r->status = STATUS_CLIENT_GONE;
    }
    life->is_answered = 1;
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, life->r,
                  "PSG0105: app '%s': the visitor left before '%s' was "
                  "answered",
                  app_name(life), life->r->uri);
    return OK;
}

/* A process is ours. If it gets no other request, its successor may boot now. */
static int run(life_t *life)
{
    const psg_slot_t *slot = &life->sb->slots[life->slot];

    life->holding = RUNNING;
    psg_thread_policy_note(psg_slot_is_crowded(life->sb, life->slot));
    if (psg_slot_is_last(life->sb, life->slot)) {
        psg_agent_tell_exhausted(slot->process, slot->process_generation);
    }
    return OK;
}

static int wait_in_queue(life_t *life)
{
    psg_client_t client;

    psg_client_watch(&client, life->r->connection);
    for (;;) {
        switch (psg_slot_wait(life->sb, life->slot, life->deadline,
                              QUEUE_TICK_USEC)) {
        case PSG_WAIT_RUNNING:
            return run(life);
        case PSG_WAIT_FAILED:
            life->holding = CLAIMED;
            release(life);
            return psg_refusal_failed(life->r, life->request, life->group,
                                      life->group_generation,
                                      &life->is_answered);
        case PSG_WAIT_TIMED_OUT:
            life->holding = CLAIMED;
            return life->is_queue_time
                       ? psg_refusal_queue_time(life->r, life->request)
                       : psg_refusal_late(life->r, life->request);
        case PSG_WAIT_TICK:
            if (psg_client_gone(&client)) {
                return client_gone(life);
            }
            psg_agent_check();
            break;
        }
    }
}

/* Until a process is ours. Groups vanish when they were not used for long. */
static int enter_group(life_t *life)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        int must_tell = 0;
        int status = find_group(life);

        if (status != OK) {
            return status;
        }
        if (life->request->options->sticky_sessions && !life->exchange.r) {
            psg_sticky_wish(life->r, life->slot, life->group);
        }
        switch (psg_slot_enter(life->sb, life->slot, life->group,
                               life->group_generation, &must_tell)) {
        case PSG_ENTER_RUNNING:
            return run(life);
        case PSG_ENTER_QUEUED:
            life->holding = QUEUED;
            if (must_tell) {
                psg_agent_tell_waiters(life->group, life->group_generation);
            }
            return wait_in_queue(life);
        case PSG_ENTER_FAILING:
            release(life);
            return psg_refusal_failing(life->r, life->request, life->group,
                                       life->group_generation,
                                       &life->is_answered);
        case PSG_ENTER_FULL:
            return psg_refusal_full(life->r, life->request);
        case PSG_ENTER_GONE:
            psg_agent_forget_group(life->group, life->group_generation);
            break;
        }
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, life->r,
                  "PSG0108: app '%s': the agent gave it up again and again",
                  app_name(life));
    return psg_refusal_unavailable(life->r, 1);
}

/* number: of the line; next: what becomes of the request. */
static void log_exchange(const life_t *life, const char *number,
                         const char *next)
{
    const psg_exchange_t *exchange = &life->exchange;
    const char *problem = exchange->problem;

    ap_log_rerror(APLOG_MARK, APLOG_ERR, exchange->error, life->r,
                  "%s: app '%s' (pid %d): answer to '%s': %s; %s", number,
                  app_name(life), (int)exchange->process.pid, life->r->uri,
                  problem ? problem : "no reason is known", next);
}

/* A process that died still looks ready until the agent has heard of it, and
 * would be taken again and again. */
static void await_news(life_t *life)
{
    const struct timespec step = {.tv_nsec = DEATH_STEP_USEC * 1000L};
    uint64_t end = psg_now() + DEATH_WAIT_USEC;
    const psg_process_t *process;

    if (life->exchange.index >= PSG_MAX_PROCESSES) {
        return;
    }
    process = &life->sb->processes[life->exchange.index];
    while (psg_now() < end
           && __atomic_load_n(&process->generation, __ATOMIC_RELAXED)
                  == life->exchange.generation
           && __atomic_load_n(&process->state, __ATOMIC_RELAXED)
                  == PSG_PROCESS_READY) {
        nanosleep(&step, NULL);
    }
}

/* The answer is read: the process goes back before the visitor has it. */
static int finish(life_t *life, int is_broken)
{
    apr_status_t status;

    release(life);
    if (is_broken) {
        log_exchange(life, "PSG0110", "the visitor gets a broken answer");
    }
    life->is_answered = 1;
    if (life->exchange.relay.override) {
        psg_response_buffer_drop(&life->exchange.relay.buffer);
        return life->exchange.relay.override;
    }
    status = psg_exchange_finish(&life->exchange, is_broken);
    return status == AP_FILTER_ERROR ? AP_FILTER_ERROR : OK;
}

static int is_failure(psg_exchange_e result)
{
    return result == PSG_EXCHANGE_UNSENT || result == PSG_EXCHANGE_UNANSWERED
           || result == PSG_EXCHANGE_BAD;
}

/* Whether the core ended the process since this request took too long, or was
 * about to. It is not for another process, then. (One that was sent ahead and
 * not read waited for the one that took too long.) */
static int is_overrun(const life_t *life)
{
    const psg_slot_t *slot = &life->sb->slots[life->slot];

    return slot->time_limit != 0
           && psg_now() - slot->running > slot->time_limit * 1000ull;
}

/* One process, one try. Returns OK with is_answered unset to try another. */
static int try_process(life_t *life, int is_last)
{
    psg_exchange_e result = psg_exchange_run(
        &life->exchange, life->r, life->request, &life->body, life->slot);

    if (is_failure(result) && result != PSG_EXCHANGE_UNSENT
        && is_overrun(life)) {
        log_exchange(life, "PSG0114",
                     "it took longer than PassengerMaxRequestTime; the visitor "
                     "gets a 504");
        return HTTP_GATEWAY_TIME_OUT;
    }
    switch (result) {
    case PSG_EXCHANGE_DONE:
    case PSG_EXCHANGE_BROKEN:
        return finish(life, result == PSG_EXCHANGE_BROKEN);
    case PSG_EXCHANGE_CLIENT_GONE:
        return client_gone(life);
    case PSG_EXCHANGE_UNSENT:
    case PSG_EXCHANGE_UNANSWERED:
        if (!is_last
            && (result == PSG_EXCHANGE_UNSENT || !life->may_have_run)) {
            life->may_have_run |= result == PSG_EXCHANGE_UNANSWERED;
            let_go(life);
            life->sb->slots[life->slot].wish = 0;
            await_news(life);
            return OK;
        }
        /* fall through */
    case PSG_EXCHANGE_BAD:
        log_exchange(life, "PSG0109",
                     "the visitor gets a 502; see what the app said above");
        return HTTP_BAD_GATEWAY;
    case PSG_EXCHANGE_SILENT:
        log_exchange(life, "PSG0111", "the visitor gets a 504");
        return HTTP_GATEWAY_TIME_OUT;
    case PSG_EXCHANGE_NO_ROOM:
        log_exchange(life, "PSG0113",
                     "the visitor gets a 503; raise httpd's limit of open "
                     "files (ulimit -n)");
        return psg_refusal_unavailable(life->r, 1);
    case PSG_EXCHANGE_CUT:
        return life->exchange.relay.buffer.is_headed
                   ? client_gone(life)
                   : life->body.upload->refusal;
    case PSG_EXCHANGE_TOO_LARGE:
        return HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    }
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* What an app may have acted on is sent once more at most, and only if that is
 * harmless (see app_exchange.c). */
static int talk_to_app(life_t *life)
{
    int status = OK;

    for (int i = 1; status == OK && !life->is_answered; i++) {
        status = enter_group(life);
        if (status == OK && !life->is_answered) {
            status = try_process(life, i == TRIES_MAX);
        }
    }
    return status;
}

/* Until when the request waits for a process. */
static void set_deadline(life_t *life)
{
    const psg_options_t *options = life->request->options;
    uint64_t start = (uint64_t)options->start_timeout + START_MARGIN_SECONDS;
    uint64_t queue = (uint64_t)options->max_request_queue_time * SECOND_USEC;
    uint64_t wait = (uint64_t)life->r->server->timeout;

    if (wait < start * SECOND_USEC) {
        wait = start * SECOND_USEC;
    }
    life->is_queue_time = queue != 0 && queue <= wait;
    life->deadline = psg_now() + (life->is_queue_time ? queue : wait);
}

static int live(life_t *life)
{
    int status = claim_slot(life);

    if (status == OK) {
        status = psg_request_body_read(&life->body, life->r, life->request);
    }
    if (status != OK) {
        return status;
    }
    life->sb->slots[life->slot].repeatable = !life->body.present;
    set_deadline(life);
    status = talk_to_app(life);
    if (life->body.upload) {
        psg_upload_end(life->body.upload);
    }
    return status;
}

int psg_handler(request_rec *r)
{
    const psg_request_t *request;
    life_t *life;
    int status;

    if (!r->handler || strcmp(r->handler, PSG_HANDLER) != 0) {
        return DECLINED;
    }
    request = psg_request_get(r);
    if (!request) {
        return DECLINED;
    }
    if (!psg_child) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "PSG0100: app '%s': there is no agent; see why in the "
                      "log of httpd's start",
                      request->app.root);
        return psg_refusal_unavailable(r, 1);
    }
    life = apr_pcalloc(r->pool, sizeof(*life));
    life->r = r;
    life->request = request;
    life->sb = psg_child->sb;
    apr_pool_cleanup_register(r->pool, life, release, apr_pool_cleanup_null);
    status = live(life);
    release(life);
    psg_app_connection_sweep();
    return status;
}
