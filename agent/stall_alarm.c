/* SPDX-License-Identifier: Apache-2.0 */

/* Called by core and watchdog where they read or close what a tenant has the
 * other end of. */
#include "stall_alarm.h"

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    PATIENCE = 10000 /* microseconds */
};

static void on_alarm(int number)
{
    (void)number;
}

/* The watchdog blocks nearly all signals. */
static void prepare(void)
{
    static int is_prepared;
    struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
    sigset_t alarm;

    if (!is_prepared) {
        is_prepared = 1;
        sigemptyset(&alarm);
        sigaddset(&alarm, SIGALRM);
        sigaction(SIGALRM, &action, NULL);
        sigprocmask(SIG_UNBLOCK, &alarm, NULL);
    }
}

static void set_timer(suseconds_t usec)
{
    const struct itimerval timer = {{0, usec}, {0, usec}};

    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void stall_alarm_set(void)
{
    prepare();
    set_timer(PATIENCE);
}

void stall_alarm_clear(void)
{
    set_timer(0);
}

void stall_alarm_close(int fd)
{
    stall_alarm_set();
    (void)close(fd);
    stall_alarm_clear();
}
