/* SPDX-License-Identifier: Apache-2.0 */

/* PassengerAppLogFile: what an app prints goes to a file of its own. Called by
 * the launcher with the tenant's rights, in the app root. */
#ifndef APP_LOG_H
#define APP_LOG_H

/* Makes file (relative to the app root or absolute) fd 1 and 2; it is created,
 * readable for its owner and group. If that fails, fd 1 and 2 stay what they
 * are, and get a line that says why. */
void app_log_open(const char *file);

#endif
