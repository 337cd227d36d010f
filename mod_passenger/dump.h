/* SPDX-License-Identifier: Apache-2.0 */

/* httpd -t -D DUMP_PASSENGER: the apps that the configuration names, with every
 * option that holds for them and where it was set. Starts nothing. */
#ifndef PSG_DUMP_H
#define PSG_DUMP_H

#include "mod_passenger.h"

/* Where an option was set. */
typedef struct {
    psg_option_e option;
    const char *file;
    int line;
} psg_origin_t;

/* Whether the dump was asked for; only then origins are noted. */
int psg_dump_is_wanted(void);

/* Hook test_config: prints to standard output. */
void psg_dump_config(apr_pool_t *pconf, server_rec *main_server);

#endif
