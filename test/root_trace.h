/* SPDX-License-Identifier: Apache-2.0 */

/* Follows a program that root starts, and all it starts in turn, for as long as
 * they have root's rights; each time one of them asks the kernel for a file, the
 * path is judged (path_judge.h). Who gave up these rights runs on by itself, at
 * full speed. httpd_server.c does so with every httpd if TEST_TRACE=1. */
#ifndef ROOT_TRACE_H
#define ROOT_TRACE_H

#include <sys/types.h>

typedef struct root_trace_t root_trace_t;

/* Whether it is asked for. Only root's processes have rights to misuse. */
int root_trace_is_wanted(void);

/* In this order: before the fork; in the child, before it executes the program;
 * in the parent. Where nobody may trace, the program runs all the same, and the
 * last one returns 0. */
root_trace_t *root_trace_create(void);
void root_trace_await(const root_trace_t *trace);
int root_trace_follow(root_trace_t *trace, pid_t pid);

/* Waits until all have ended or given up their rights. Returns what they should
 * not have done, a line for each call; "" if there is nothing, or nobody was
 * followed. */
const char *root_trace_offences(root_trace_t *trace);
/* How many paths were judged so far; 0 if nobody was followed. */
long root_trace_judged(const root_trace_t *trace);

#endif
