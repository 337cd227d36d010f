/* SPDX-License-Identifier: Apache-2.0 */

/* See survival.h: the loop of strikes and the comparison of before and after.
 * The strikes are in survival_cases.c. */
#include "survival.h"

#include <math.h>
#include <string.h>

#include <apr_strings.h>

#include "process_size.h"
#include "process_tree.h"
#include "scoreboard_view.h"
#include "test.h"

enum {
    APPS_MAX = 64,
    CHILDREN_MAX = 64,
    ANSWERS_BETWEEN = 20,
    REST_SECONDS = 5, /* to be as before, after the load */
    FDS_OF_CHILD = 2, /* a connection and a pidfd */
};

/* What must be as it was. */
typedef struct {
    pid_t apps[APPS_MAX];
    int app_count;
    uint64_t served;
    int fds;     /* of watchdog, core and httpd's parent; without those the core
                 has for each of httpd's children */
    long memory; /* likewise, KiB, without files */
} state_t;

static const pid_t *agents(const httpd_t *httpd)
{
    pid_t *pids = apr_palloc(test_pool(), 3 * sizeof(*pids));

    pids[0] = httpd->pid;
    pids[1] = httpd_watchdog(httpd);
    pids[2] = httpd_core(httpd);
    return pids;
}

static state_t take_state(const httpd_t *httpd)
{
    state_t state = {.served = scoreboard_served(httpd)};
    const pid_t *pids = agents(httpd);
    pid_t children[CHILDREN_MAX];
    int i;

    state.fds =
        -FDS_OF_CHILD
        * process_find_all(httpd->pid, "httpd.conf", children, CHILDREN_MAX);
    state.app_count = scoreboard_pids(httpd, state.apps, APPS_MAX);
    for (i = 0; i < 3; i++) {
        process_size_t size = process_size(pids[i]);

        state.fds += size.fds;
        state.memory += size.anon;
    }
    return state;
}

static int is_rest(const httpd_t *httpd)
{
    return scoreboard_busy(httpd) == 0 && scoreboard_running_slots(httpd) == 0
           && scoreboard_queued(httpd) == 0;
}

static int await_rest(const httpd_t *httpd, double seconds)
{
    double end = test_now() + seconds * test_deadline_factor();

    while (!is_rest(httpd) && test_now() < end) {
        test_pause();
    }
    return is_rest(httpd);
}

/* What is there in the end. A new process of the app may still be starting, an
 * old one ending; of several restarts another one may come at any moment. */
static state_t await_size(const httpd_t *httpd, const state_t *before)
{
    double end = test_now() + REST_SECONDS * test_deadline_factor();
    state_t now = take_state(httpd);

    while ((now.fds > before->fds || now.app_count < before->app_count)
           && test_now() < end) {
        test_pause();
        now = take_state(httpd);
    }
    return now;
}

static int is_back(const survival_t *survival)
{
    return (!survival->what->is_back || survival->what->is_back(survival))
           && ledger_first_answer(survival->ledger, survival->at) > 0;
}

/* Returns the seconds until all was back, INFINITY if that did not happen. */
static double strike(survival_t *survival)
{
    const survival_case_t *what = survival->what;
    double limit =
        what->back_within > 0 ? what->back_within : TEST_WAIT_DEFAULT;
    double end;

    survival->at = test_now();
    what->strike(survival);
    survival->struck++;
    end = survival->at + 2 * limit * test_deadline_factor();
    while (!is_back(survival)) {
        if (test_now() > end) {
            return INFINITY;
        }
        test_pause();
    }
    return (what->is_back ? test_now()
                          : ledger_first_answer(survival->ledger, survival->at))
           - survival->at;
}

/* At least so many answers between two strikes, so that each meets requests. */
static void await_answers(survival_t *survival, int more)
{
    int answered = ledger_answered(survival->ledger);

    WAIT_UNTIL_FOR(ledger_answered(survival->ledger) >= answered + more, 30);
}

static const char *judge_ledger(const survival_t *survival,
                                const ledger_result_t *result)
{
    const survival_case_t *what = survival->what;
    double slowest = what->slowest * test_deadline_factor();

    if (result->lost_gets > what->lost_gets * survival->struck) {
        return test_format("%d GETs lost (%s)", result->lost_gets,
                           result->problem);
    }
    if (result->lost_posts > what->lost_posts * survival->struck) {
        return test_format("%d POSTs lost (%s)", result->lost_posts,
                           result->problem);
    }
    if (result->posts_twice > 0) {
        return test_format("%d POSTs executed twice", result->posts_twice);
    }
    if (result->unexecuted > 0) {
        return test_format("%d answered, but not executed", result->unexecuted);
    }
    if (slowest > 0 && result->slowest > slowest) {
        return test_format("an answer took %.3f s", result->slowest);
    }
    return NULL;
}

static const char *judge_state(const survival_t *survival,
                               const state_t *before, const state_t *after,
                               const ledger_result_t *result)
{
    const survival_case_t *what = survival->what;

    if (what->keeps_apps
        && (after->app_count != before->app_count
            || memcmp(after->apps, before->apps, sizeof(after->apps)) != 0)) {
        return "the apps' processes are not those of before";
    }
    if (what->keeps_slots
        && after->served - before->served != (uint64_t)result->answered) {
        return test_format("%d answered, but counted %d", result->answered,
                           (int)(after->served - before->served));
    }
    if (after->app_count < before->app_count) {
        return test_format("%d app processes, not %d", after->app_count,
                           before->app_count);
    }
    return after->fds > before->fds
               ? test_format("%d descriptors more", after->fds - before->fds)
               : NULL;
}

static void allow_logs(const char *logs)
{
    char *list = apr_pstrdup(test_pool(), logs ? logs : "");
    char *last = NULL, *text = apr_strtok(list, "|", &last);

    for (; text; text = apr_strtok(NULL, "|", &last)) {
        httpd_allow_log(text);
    }
}

/* All the app's processes there, so that before and after compare. */
static void warm_up(survival_t *survival)
{
    ledger_t *load = ledger_start(survival->httpd, &survival->what->plan);

    WAIT_UNTIL_FOR(ledger_answered(load) >= 100, 30);
    CHECK_STR(ledger_stop(load).problem, NULL);
    WAIT_UNTIL(take_state(survival->httpd).app_count == SURVIVAL_APPS);
    CHECK(await_rest(survival->httpd, REST_SECONDS));
    test_file("www/journal", "");
}

static void strike_all(survival_t *survival, survival_result_t *result,
                       int count, double seconds)
{
    double end = test_now() + seconds;
    double limit = survival->what->back_within * test_deadline_factor();

    while (survival->struck < count && test_now() < end && !result->broken) {
        double took;

        await_answers(survival, survival->what->answers_between
                                    ? survival->what->answers_between
                                    : ANSWERS_BETWEEN);
        took = strike(survival);
        result->recovered = took > result->recovered ? took : result->recovered;
        if (isinf(took) || (limit > 0 && took > limit)) {
            result->broken = test_format("strike %d: back after %.3f s",
                                         survival->struck, took);
        }
    }
}

survival_result_t survival_run(const survival_case_t *what, int count,
                               double seconds)
{
    survival_t survival = {.what = what};
    survival_result_t result = {.struck = 0};
    state_t before, after;

    allow_logs(what->logs);
    survival.httpd = ledger_serve(what->language, &what->config);
    warm_up(&survival);
    before = take_state(survival.httpd);
    survival.ledger = ledger_start(survival.httpd, &what->plan);
    strike_all(&survival, &result, count, seconds);
    result.struck = survival.struck;
    result.ledger = ledger_stop(survival.ledger);
    if (!result.broken) {
        result.broken = judge_ledger(&survival, &result.ledger);
    }
    if (!result.broken && !await_rest(survival.httpd, 1)) {
        result.broken = "busy figures are not 0 a second after the load";
    }
    after = await_size(survival.httpd, &before);
    if (!result.broken) {
        result.broken = judge_state(&survival, &before, &after, &result.ledger);
    }
    result.growth = after.memory - before.memory;
    return result;
}
