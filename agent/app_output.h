/* SPDX-License-Identifier: Apache-2.0 */

/* What an app writes to stdout and stderr: line by line into the log, the last
 * bytes kept for reports. app_process owns one for each process. */
#ifndef APP_OUTPUT_H
#define APP_OUTPUT_H

#include <apr_pools.h>

#include "event_loop.h"

typedef struct app_output_t app_output_t;

/* Watches fd, the reading end of the pipe, which it owns from now on. `tag`
 * names the app in the log; it must live as long. */
apr_status_t app_output_create(app_output_t **output, event_loop_t *loop,
                               int fd, int pid, const char *tag,
                               apr_pool_t *pool);

/* Reads what is there now, without waiting for the end: a grandchild may keep
 * the pipe open. */
void app_output_drain(app_output_t *output);

/* The last lines, at most about 4 KiB, as the app wrote them; "" if none. */
const char *app_output_tail(const app_output_t *output, apr_pool_t *pool);

/* Whether the other end, or we, closed it. */
int app_output_is_closed(const app_output_t *output);

void app_output_close(app_output_t *output);

#endif
