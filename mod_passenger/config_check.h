/* SPDX-License-Identifier: Apache-2.0 */

/* httpd -t: what is wrong with the configuration beyond its syntax, and can be
 * seen without starting an app. These are warnings: an app that is not there
 * keeps no other from being served. */
#ifndef PSG_CONFIG_CHECK_H
#define PSG_CONFIG_CHECK_H

#include "mod_passenger.h"

/* Each problem is told once, on the terminal, with file and line. */
void psg_config_check(server_rec *main_server, apr_pool_t *pool);

#endif
