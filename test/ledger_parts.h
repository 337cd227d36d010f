/* SPDX-License-Identifier: Apache-2.0 */

/* What the process that sends and the test that compares share. Only ledger.c
 * and ledger_client.c include it. */
#ifndef LEDGER_PARTS_H
#define LEDGER_PARTS_H

#include <stdatomic.h>
#include <sys/types.h>

#include "ledger.h"
#include "test.h"

enum {
    LEDGER_ENTRIES = 1 << 20 /* requests of one ledger, at most */
};

typedef enum {
    LEDGER_SENT = 0,
    LEDGER_ANSWERED,
    LEDGER_LOST,
} ledger_state_e;

/* One request. Written by the sending process; final once state is not SENT. */
typedef struct {
    atomic_int state; /* ledger_state_e */
    int is_post;
    double due, sent, ended; /* test_now() */
    char problem[40];        /* of a lost one */
} ledger_entry_t;

/* Shared memory. */
typedef struct {
    atomic_int stop;     /* set by the test */
    atomic_int requests; /* entries in use */
    atomic_int answered;
    ledger_entry_t entries[LEDGER_ENTRIES];
} ledger_book_t;

struct ledger_t {
    pid_t pid;
    const char *url, *journal;
    ledger_plan_t plan;
    ledger_book_t *book;
};

/* Sends until book->stop is set, and until all is answered. */
void ledger_client_run(ledger_t *ledger);

#endif
