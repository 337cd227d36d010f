/* SPDX-License-Identifier: Apache-2.0 */

/* What it means for an app that its processes fail: when the next one may start,
 * and what those are told who wait meanwhile. Called by app_group and
 * app_restart.
 *
 * After a failed start the next one comes after 1, 2, 4, ... 60 seconds. A
 * process that ends by itself soon after it was ready, having served next to
 * nothing, is replaced at once the first time, then after 1, 2, 4, ... seconds;
 * always after 1 if it was killed by somebody (SIGKILL, SIGTERM), unless that was
 * the agent, for PassengerHardMemoryLimit. A kill for PassengerMaxRequestTime
 * does not count: one slow page must not cost the visitors of all others.
 *
 * In development no delay is longer than a second. A process that lived well, a
 * restart, or a reload of httpd makes all that forgotten. Requests that find no
 * process are answered at once as long as a start is not tried (see retry_at in
 * scoreboard.h); only after the first few crashes they wait.
 */
#ifndef APP_BACKOFF_H
#define APP_BACKOFF_H

#include "app_group.h"

/* A process could not be started: logs why, keeps it for error pages, tells
 * those who wait unless another process will serve them. */
void app_backoff_start_failed(app_group_t *group, const app_process_t *proc);

/* A process that had been ready ended, and nobody wanted that; or it was killed
 * because it is_over_limit. */
void app_backoff_ended(app_group_t *group, const app_process_t *proc);

/* A process got ready: requests wait again; once it lived well, failures are
 * forgotten. */
void app_backoff_ready(app_group_t *group);
void app_backoff_tidy(app_group_t *group, uint64_t now);

/* The app was restarted or configured anew: what was wrong may be right now. */
void app_backoff_forget(app_group_t *group);

/* Writes to the scoreboard whether requests are to be answered at once; to be
 * called when the app may have got or lost its last process. */
void app_backoff_publish(app_group_t *group);

/* A new core goes on with what the one before it published. */
void app_backoff_restore(app_group_t *group, uint64_t retry_at);

#endif
