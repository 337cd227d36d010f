/* SPDX-License-Identifier: Apache-2.0 */

/* A tenant swaps something on a path for a link to what is another tenant's or
 * root's, and back, as fast as the kernel can, while that path is in use. */
#ifndef PATH_RACE_H
#define PATH_RACE_H

typedef struct {
    long swaps;  /* by the tenant */
    int served;  /* requests answered by a process that ran as the tenant */
    int refused; /* requests answered 5xx */
} path_race_t;

/* Races for so many seconds over the surface of that name (the table is in
 * path_race.c). Fails the test if anything ran as somebody else, if a secret
 * was shown, or if a file or process of others changed. */
path_race_t path_race_run(const char *surface, double seconds);

#endif
