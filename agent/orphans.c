/* SPDX-License-Identifier: Apache-2.0 */

/* Finds and ends what app processes left behind. Called by the watchdog when
 * httpd ended. */
#include "orphans.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include <apr_strings.h>

#include "scoreboard.h" /* psg_now */

/* Our children according to the kernel. Their pids are ours to signal: they
 * cannot be used anew before we reap. NULL where the kernel does not tell. */
static FILE *open_children(watchdog_t *dog)
{
    const char *path = apr_psprintf(dog->scratch, "/proc/self/task/%d/children",
                                    (int)dog->pid);

    return fopen(path, "re");
}

void orphans_signal(watchdog_t *dog, int number)
{
    FILE *children = open_children(dog);
    long pid;

    if (!children) {
        return;
    }
    while (fscanf(children, "%ld", &pid) == 1) {
        if (pid != dog->core.pid
            && !child_table_find_pid(dog->children, (pid_t)pid)) {
            kill((pid_t)pid, number);
        }
    }
    fclose(children);
}

/* Whether there is a child left. Reaping one may bring us its children. */
static int reap_all(void)
{
    pid_t pid;

    do {
        pid = waitpid(-1, NULL, WNOHANG);
    } while (pid > 0 || (pid < 0 && errno == EINTR));
    return pid == 0;
}

void orphans_kill(watchdog_t *dog, uint64_t usec)
{
    uint64_t end = psg_now() + usec;

    while (reap_all() && psg_now() < end) {
        orphans_signal(dog, SIGKILL);
        poll(NULL, 0, 5); /* they need a moment to die */
    }
}
