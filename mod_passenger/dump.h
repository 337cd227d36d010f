/* SPDX-License-Identifier: Apache-2.0 */

/* httpd -t -D DUMP_PASSENGER: the apps that the configuration names, with every
 * option that holds for them and where it was set. Starts nothing. */
#ifndef PSG_DUMP_H
#define PSG_DUMP_H

#include "mod_passenger.h"

/* Prints to standard output, if the dump was asked for. */
void psg_dump_config(apr_pool_t *pconf, server_rec *main_server);

#endif
