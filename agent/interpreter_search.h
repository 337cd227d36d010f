/* SPDX-License-Identifier: Apache-2.0 */

/* Looks for the interpreter that a user means without saying so to httpd: a
 * virtual environment, or the version that a file of the app asks for. Called
 * by interpreter.c with the tenant's rights. */
#ifndef INTERPRETER_SEARCH_H
#define INTERPRETER_SEARCH_H

#include <apr_pools.h>

typedef struct {
    const char *file;  /* the program, or NULL: look in the PATH */
    const char *why;   /* what led to it, for people; "" if nothing did */
    const char *tried; /* what was not there, for people; or "" */
} interpreter_search_t;

/* name: "ruby", "python3" or "node"; for others nothing is found. app_root and
 * home are absolute; home may be "". Everything is in pool. */
void interpreter_search(interpreter_search_t *search, const char *name,
                        const char *app_root, const char *home,
                        apr_pool_t *pool);

#endif
