/* SPDX-License-Identifier: Apache-2.0 */

/* What processes have: memory, descriptors, threads, CPU time. Tests that look
 * for leaks compare it before and after. */
#ifndef PROCESS_SIZE_H
#define PROCESS_SIZE_H

#include <sys/types.h>

typedef struct {
    long pss;  /* KiB, proportional set size */
    long anon; /* of it: memory of its own and shared memory, without files,
                  whose share depends on who else has them open */
    long full; /* as anon, but in full what it has in common with its parent
                  since the fork, so that the end of others changes nothing */
    int fds;   /* open descriptors */
    int threads;
    double cpu; /* seconds used so far, ended children not counted */
} process_size_t;

/* All 0 if there is no such process. */
process_size_t process_size(pid_t pid);

#endif
