/* SPDX-License-Identifier: Apache-2.0 */

/* Answers requests that get no process. Called by handler.c. */
#include "refusal.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>

#include "agent_client.h"
#include "error_page.h"
#include "log.h"

APLOG_USE_MODULE(passenger);

enum {
    RETRY_AFTER_LEN = 12,
};

int psg_refusal_unavailable(request_rec *r, unsigned seconds)
{
    char text[RETRY_AFTER_LEN];

    apr_snprintf(text, sizeof(text), "%u", seconds);
    apr_table_set(r->err_headers_out, "Retry-After", text);
    return HTTP_SERVICE_UNAVAILABLE;
}

int psg_refusal_full(request_rec *r, const psg_request_t *request)
{
    static uint64_t next_line;

    if (psg_log_is_due(&next_line)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "PSG0104: app '%s': its queue is full "
                      "(PassengerMaxRequestQueueSize %d); requests are "
                      "answered 503",
                      request->app.root,
                      request->options->max_request_queue_size);
    }
    return psg_refusal_unavailable(r, 1);
}

int psg_refusal_late(request_rec *r, const psg_request_t *request)
{
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  "PSG0107: app '%s': no process had time for '%s' before the "
                  "deadline; see PassengerMaxPoolSize and Timeout",
                  request->app.root, r->uri);
    return psg_refusal_unavailable(r, 1);
}

int psg_refusal_queue_time(request_rec *r, const psg_request_t *request)
{
    static uint64_t next_line;

    if (psg_log_is_due(&next_line)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "PSG0115: app '%s': no process had time for '%s' within "
                      "%d s (PassengerMaxRequestQueueTime); such requests are "
                      "answered 504",
                      request->app.root, r->uri,
                      request->options->max_request_queue_time);
    }
    return HTTP_GATEWAY_TIME_OUT;
}

/* A copy, since the lock must not be held for long; NULL if the entry is another
 * app's by now, and so is the error. */
static psg_spawn_error_t *copy_error(request_rec *r, uint32_t group,
                                     uint32_t generation)
{
    psg_scoreboard_t *sb = psg_child->sb;
    psg_spawn_error_t *error;
    int is_ours;

    if (psg_group_lock(sb, group) != APR_SUCCESS) {
        return NULL;
    }
    error = apr_pmemdup(r->pool, &sb->groups[group].error, sizeof(*error));
    is_ours = sb->groups[group].generation == generation;
    psg_group_unlock(sb, group);
    return is_ours ? error : NULL;
}

int psg_refusal_failed(request_rec *r, const psg_request_t *request,
                       uint32_t group, uint32_t group_generation,
                       int *is_answered)
{
    psg_spawn_error_t *error = copy_error(r, group, group_generation);

    if (!error) {
        return psg_refusal_unavailable(r, 1);
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "PSG0106: app '%s' could not be started, error id %.*s: %.*s",
                  request->app.root, (int)sizeof(error->id), error->id,
                  (int)sizeof(error->summary), error->summary);
    *is_answered = 1;
    return psg_error_page_send(r, request, HTTP_INTERNAL_SERVER_ERROR, error);
}

int psg_refusal_failing(request_rec *r, const psg_request_t *request,
                        uint32_t group, uint32_t group_generation,
                        int *is_answered)
{
    static uint64_t next_line;
    unsigned seconds = psg_group_retry_after(psg_child->sb, group);
    psg_spawn_error_t *error = copy_error(r, group, group_generation);
    int status = psg_refusal_unavailable(r, seconds ? seconds : 1);

    if (psg_log_is_due(&next_line)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "PSG0118: app '%s': it fails; requests are answered 503 "
                      "until it is tried again in %u s; error id %.*s",
                      request->app.root, seconds,
                      error ? (int)sizeof(error->id) : 0,
                      error ? error->id : "");
    }
    if (!error || error->when == 0) {
        return status;
    }
    *is_answered = 1;
    return psg_error_page_send(r, request, status, error);
}
