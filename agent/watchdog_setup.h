/* SPDX-License-Identifier: Apache-2.0 */

/* The watchdog's start: options, descriptors, the instance dir, and the answer
 * to httpd's parent, which waits for it. */
#ifndef WATCHDOG_SETUP_H
#define WATCHDOG_SETUP_H

#include "watchdog.h"

/* A watchdog that is ready for its loop. NULL: it failed; httpd's parent was
 * told why. */
watchdog_t *watchdog_setup(int argc, char **argv);

#endif
