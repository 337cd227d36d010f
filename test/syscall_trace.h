/* SPDX-License-Identifier: Apache-2.0 */

/* What processes ask the kernel for, by strace: of the agent and all that it
 * starts, and who had become a tenant by then. Calls can be made to fail. */
#ifndef SYSCALL_TRACE_H
#define SYSCALL_TRACE_H

#include "httpd_server.h"

typedef struct syscall_trace_t syscall_trace_t;

/* Traces the watchdog, the core, and all they start from now on. `calls` and
 * `inject` are strace's expressions; inject may be NULL. Skips the test where
 * nobody may trace. */
syscall_trace_t *syscall_trace_start(const httpd_t *httpd, const char *calls,
                                     const char *inject);

/* Lets go of all processes; they run on. */
void syscall_trace_stop(syscall_trace_t *trace);

/* Who is meant by fn's `who`. */
typedef enum {
    SYSCALL_AGENT,  /* watchdog or core, or a child with no tenant's ids yet */
    SYSCALL_TENANT, /* a child, after setresuid() to a tenant, or its child */
} syscall_who_e;

/* Calls fn for each line, in order, once the trace is stopped or all processes
 * ended. A line is what strace says of one call, with the paths of descriptors;
 * the results of some calls are on a line of their own. */
typedef void (*syscall_fn)(void *data, syscall_who_e who, const char *line);
void syscall_trace_read(syscall_trace_t *trace, syscall_fn fn, void *data);

#endif
