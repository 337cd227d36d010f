/* SPDX-License-Identifier: Apache-2.0 */

/* Strikes at a server under load, again and again, and says what it cost. Each
 * strike is a survival_case_t; e2e/survival_test.c does a few of each, the tests
 * of chaos/ many. */
#ifndef SURVIVAL_H
#define SURVIVAL_H

#include <stdint.h>

#include "ledger.h"

typedef struct survival_t survival_t;

enum {
    SURVIVAL_APPS = 2 /* processes of the app, in all cases */
};

/* What one strike is and what must hold. */
typedef struct {
    const char *name;
    const char *language; /* of the ledger's app */
    httpd_config_t config;
    ledger_plan_t plan;
    void (*strike)(survival_t *survival);
    /* Whether the struck one is back; NULL: not asked. A request sent after
     * the strike must be answered, too. */
    int (*is_back)(const survival_t *survival);
    int answers_between; /* two strikes; 0 = 20 */
    double back_within;  /* seconds; 0 = 10 */
    double slowest;      /* seconds an answer may take; 0 = any time */
    int lost_gets;       /* a strike, at most */
    int lost_posts;      /* a strike, at most */
    int keeps_apps;      /* the apps' pids stay */
    int keeps_slots;     /* the served counter shows each answered request */
    const char *logs;    /* what may be in the error log, separated by | */
} survival_case_t;

struct survival_t {
    const survival_case_t *what;
    httpd_t *httpd;
    ledger_t *ledger;
    int struck;       /* times so far */
    double at;        /* when last */
    pid_t victim;     /* of the last strike: set and used by the case */
    char version[32]; /* likewise: the one that must appear */
    uint64_t mark;    /* likewise: a counter before */
};

typedef struct {
    int struck;
    double recovered; /* the longest time until all was back, seconds */
    ledger_result_t ledger;
    long
        growth; /* KiB of memory of watchdog, core and httpd's parent together */
    const char *broken; /* the first promise that did not hold, or NULL */
} survival_result_t;

/* At most `count` strikes, none begun after `seconds`. */
survival_result_t survival_run(const survival_case_t *what, int count,
                               double seconds);

/* The case of that name; fails the test if there is none. */
const survival_case_t *survival_case(const char *name);

#endif
