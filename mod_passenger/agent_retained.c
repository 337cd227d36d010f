/* SPDX-License-Identifier: Apache-2.0 */

/* The data that outlives this very code, which httpd unloads and loads again,
 * and its descriptors, which nobody may inherit. Called by agent_daemon.c. */

#include "agent_retained.h"

#include <pthread.h>
#include <unistd.h>

#include <http_core.h>
#include <http_log.h>

#include "agent_launch.h"
#include "wire.h"

APLOG_USE_MODULE(passenger);

#define RETAINED_KEY "mod_passenger agent"

enum {
    /* Of this file's record, and of what module and agent share. */
    RETAINED_VERSION = 2 << 16 | PSG_SB_VERSION << 8 | PSG_WIRE_VERSION,
};

void psg_retained_close(int *fds, int count)
{
    for (; count > 0; count--, fds++) {
        if (*fds >= 0) {
            close(*fds);
        }
        *fds = -1;
    }
}

/* In each process that httpd's parent forks, its own children and daemons of
 * other modules: none of them may keep the apps alive, or hide our end. Our
 * own fork of the watchdog has copies. */
static void let_go_after_fork(void)
{
    psg_retained_t *kept = ap_retained_data_get(RETAINED_KEY);

    if (kept && kept->version == RETAINED_VERSION) {
        psg_retained_close(kept->store, 2);
        psg_retained_close(&kept->socket, 1);
    }
}

void psg_retained_guard_forks(void)
{
    static int done; /* new with this code, when httpd loads it again */

    if (!done) {
        done = pthread_atfork(NULL, NULL, let_go_after_fork) == 0;
    }
}

psg_retained_t *psg_retained_get(server_rec *s)
{
    psg_retained_t *kept = ap_retained_data_get(RETAINED_KEY);

    if (kept && kept->version == RETAINED_VERSION) {
        return kept;
    }
    if (kept) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "PSG0012: mod_passenger was replaced by a version that "
                     "cannot work with the running passenger agent: the agent "
                     "and all apps are started anew");
        if (kept->agent) {
            psg_agent_end(kept->agent, kept->socket);
        }
        psg_retained_close(&kept->scoreboard, 1);
        psg_retained_close(kept->store, 2);
    }
    kept = ap_retained_data_create(RETAINED_KEY, sizeof(*kept));
    kept->version = RETAINED_VERSION;
    kept->socket = kept->scoreboard = kept->store[0] = kept->store[1] = -1;
    return kept;
}
