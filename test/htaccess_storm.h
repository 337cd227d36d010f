/* SPDX-License-Identifier: Apache-2.0 */

/* A tenant writes one .htaccess after the other, made up at random, and asks
 * for what is in that folder; another tenant's site must not notice. */
#ifndef HTACCESS_STORM_H
#define HTACCESS_STORM_H

#include <stdint.h>

typedef struct {
    uint64_t seed;
    int files;
    int statuses[6]; /* answers of the folder by hundreds of their status */
} htaccess_storm_t;

/* $HTACCESS_SEED, or another seed each time. Fails the test if the other site
 * ever answers otherwise than before, if a request gets no answer, or if any
 * process of httpd or the agent ends. */
htaccess_storm_t htaccess_storm_run(int files);

#endif
