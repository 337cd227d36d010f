/* SPDX-License-Identifier: Apache-2.0 */

/* A running httpd's scoreboard, as its children and the core see it, for tests
 * that wait for a request to be where they want it, or check the figures. */
#ifndef SCOREBOARD_VIEW_H
#define SCOREBOARD_VIEW_H

#include <stdint.h>

#include "httpd_server.h"

/* Requests that app processes are answering: what the processes say, and what
 * the slots say. At rest both are the same. */
int scoreboard_busy(const httpd_t *httpd);
int scoreboard_running_slots(const httpd_t *httpd);

/* Requests that wait for a process. */
int scoreboard_queued(const httpd_t *httpd);

/* App processes that are ready. */
int scoreboard_ready(const httpd_t *httpd);
/* Their pids, ordered; at most `size` are stored. Returns the number. */
int scoreboard_pids(const httpd_t *httpd, pid_t *pids, int size);

/* The preloader that is ready; 0 if there is none. */
pid_t scoreboard_preloader(const httpd_t *httpd);

/* The core that last took the scoreboard over. */
pid_t scoreboard_core(const httpd_t *httpd);

/* Requests that were served, and starts that failed, over all apps. */
uint64_t scoreboard_served(const httpd_t *httpd);
uint64_t scoreboard_failures(const httpd_t *httpd);

/* The app process that is ready and was started last; 0 if there is none. */
pid_t scoreboard_newest(const httpd_t *httpd);

/* Apps whose restart.txt was looked at by now. */
int scoreboard_watched(const httpd_t *httpd);

#endif
