/* SPDX-License-Identifier: Apache-2.0 */

/* What a request is told that gets no process, and what the log is told about
 * it. Called by handler.c. Each returns what the handler is to return. */
#ifndef PSG_REFUSAL_H
#define PSG_REFUSAL_H

#include "mod_passenger.h"

/* 503: worth another try after that many seconds. */
int psg_refusal_unavailable(request_rec *r, unsigned seconds);

/* The app's queue is full. Logged at most once a second. */
int psg_refusal_full(request_rec *r, const psg_request_t *request);

/* No process had time before the deadline. */
int psg_refusal_late(request_rec *r, const psg_request_t *request);

/* It waited for as long as PassengerMaxRequestQueueTime allows. Logged at most
 * once a second. */
int psg_refusal_queue_time(request_rec *r, const psg_request_t *request);

/* The request waited for an app that could not be started: a page with the
 * error's id. *is_answered is set if r was answered. The slot may have been
 * given back: reading the page may take the visitor long. */
int psg_refusal_failed(request_rec *r, const psg_request_t *request,
                       uint32_t group, uint32_t group_generation,
                       int *is_answered);

/* The app fails and is not tried for some seconds: 503, with the same page if
 * there is an error to show. Logged at most once a second. */
int psg_refusal_failing(request_rec *r, const psg_request_t *request,
                        uint32_t group, uint32_t group_generation,
                        int *is_answered);

#endif
