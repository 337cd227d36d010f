/* SPDX-License-Identifier: Apache-2.0 */

/* Bookkeeping of requests: each has a number of its own, its answer is checked,
 * and the app writes down what it executes, so that afterwards it is known of
 * every request whether it was answered and how often it was executed.
 *
 * The apps ledger-ruby, ledger-python and ledger-node answer /NUMBER/MS after
 * MS milliseconds with
 *     NUMBER SUM VERSION PID
 * where SUM adds up the body's bytes (modulo 65536) and VERSION is what file
 * `version` in the app root held when the app was loaded; "broken" does not
 * load. Before, they append "NUMBER PID" to file `journal`. /look answers
 * likewise, and is written down nowhere. */
#ifndef LEDGER_H
#define LEDGER_H

#include "httpd_server.h"

typedef struct ledger_t ledger_t;

typedef struct {
    int rate;        /* requests a second; default 150 */
    int connections; /* at once, at most; default 24 */
    int wait_ms;     /* what an app works on a request: 0 up to this */
} ledger_plan_t;

typedef struct {
    int requests;
    int answered;              /* with 200 and the right content */
    int lost_gets, lost_posts; /* no answer, or not that */
    int gets_twice;            /* executed more than once, which a GET may be */
    int posts_twice;           /* a POST may not */
    int unexecuted;            /* answered, but not in the journal */
    double median, p99, slowest; /* seconds; waiting to be sent counts */
    const char *problem; /* what happened to the last lost one, or NULL */
} ledger_result_t;

/* Copies the app of that language, version "1", and starts httpd with it. */
httpd_t *ledger_serve(const char *language, const httpd_config_t *config);
/* Writes the file `version`; says nothing to anybody. */
void ledger_deploy(const httpd_t *httpd, const char *version);
/* Makes tmp/restart.txt anew. */
void ledger_restart(const httpd_t *httpd);
/* Third and fourth word of /look; version is NULL if it is not answered. */
typedef struct {
    const char *version;
    pid_t pid;
} ledger_look_t;
ledger_look_t ledger_look(const httpd_t *httpd);

/* Sends requests at an even pace, from a process of its own: GETs over kept and
 * over new connections, POSTs of up to 200,000 bytes over new ones (libcurl
 * itself repeats what it sent on a kept connection that closes). */
ledger_t *ledger_start(const httpd_t *httpd, const ledger_plan_t *plan);

/* Right answers so far. */
int ledger_answered(const ledger_t *ledger);
/* Of the requests sent after that time (test_now()): when the first right
 * answer came; 0 if none did yet. */
double ledger_first_answer(const ledger_t *ledger, double since);

/* Lets the requests in progress end, and reads the journal. */
ledger_result_t ledger_stop(ledger_t *ledger);

#endif
