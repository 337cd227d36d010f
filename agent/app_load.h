/* SPDX-License-Identifier: Apache-2.0 */

/* How busy a process is that takes any number of requests at once, so that no
 * queue shows when an app needs more of them. Pure functions; app_limits feeds
 * and asks them once a second.
 *
 * A process is busy while it runs, and while it could run but others have the
 * CPUs: else an app would get no help where it needs it most. It is overloaded if
 * it was busy for 80 % of the time in each of the last three looks and had two requests at a time on average. An app whose processes are
 * all overloaded gets one more. It can do with one less if all of them together
 * are busy for less than 40 % of the time of each of the others. */
#ifndef APP_LOAD_H
#define APP_LOAD_H

#include <stdint.h>

enum {
    APP_LOAD_LOOKS = 3
};

/* Zero at first. */
typedef struct {
    uint64_t when, busy; /* at the last look; when: 0 = there was none */
    uint32_t looks;      /* that are kept below, newest at looks - 1 */
    uint32_t percent[APP_LOAD_LOOKS]; /* of the time */
    uint32_t requests[APP_LOAD_LOOKS];
} app_load_t;

/* One look. now: microseconds; busy: microseconds it ran, or waited for a CPU, so
 * far; requests: how many it has. The first one only says where to count from. */
void app_load_add(app_load_t *load, uint64_t now, uint64_t busy,
                  uint32_t requests);

int app_load_is_high(const app_load_t *load);

/* Percent of the time in the looks that are kept, on average. */
uint32_t app_load_percent(const app_load_t *load);

/* Whether so many processes could do with one less; percent: of all. */
int app_load_is_low(uint32_t percent, uint32_t processes);

#endif
