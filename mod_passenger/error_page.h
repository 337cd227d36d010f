/* SPDX-License-Identifier: Apache-2.0 */

/* What a visitor sees when an app could not be started. */
#ifndef PSG_ERROR_PAGE_H
#define PSG_ERROR_PAGE_H

#include "mod_passenger.h"

/* Answers r with that status, 500 or 503. What went wrong is shown only where
 * PassengerFriendlyErrorPages or the app's environment allows it; else the app's
 * own page, if it has one, or ours with the error id. Returns OK. */
int psg_error_page_send(request_rec *r, const psg_request_t *request,
                        int status, const psg_spawn_error_t *error);

/* Answers r with 500 and the id, and where details are shown with the problem: why
 * no app was found. Returns OK. */
int psg_error_page_explain(request_rec *r, const psg_options_t *options,
                           const char *problem, const char *id);

#endif
