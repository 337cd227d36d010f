/* SPDX-License-Identifier: Apache-2.0 */

/* What the runner, the supervisor of one test and the test itself share. Only
 * run.c, supervisor.c and test.c include it. */
#ifndef TEST_CASE_H
#define TEST_CASE_H

#include <sys/types.h>

#include "test.h"

enum {
    TEST_PASSED = 0,
    TEST_FAILED = 1,
    TEST_SKIPPED = 77
};

/* Written by the test's process, read by the runner. */
typedef struct {
    char skip_reason[256];
} test_report_t;

typedef struct {
    char *id; /* "noun/promise" */
    test_fn fn;
    int seconds;
    int selected;
    pid_t supervisor; /* while it runs */
    int output;       /* a memfd with what the test printed */
    double started;
    test_report_t *report; /* shared with the test's process */
} test_case_t;

/* Where the folders of this run's tests are. */
extern const char *test_base_dir;

/* Runs fn and ends the process with one of the statuses above. */
__attribute__((noreturn)) void test_case_run(test_case_t *test);

/* Forks the supervisor of a test and returns its pid. The supervisor ends with
 * one of the statuses above, after everything the test started. */
pid_t test_supervisor_start(test_case_t *test);

#endif
