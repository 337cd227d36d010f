/* SPDX-License-Identifier: Apache-2.0 */

/* httpd -t is run by root, and what it looks for lies in folders of tenants. */
#ifndef PSG_HTTPD_RIGHTS_H
#define PSG_HTTPD_RIGHTS_H

#include <httpd.h>

typedef void (*psg_config_look_fn)(server_rec *s, apr_pool_t *pconf);

/* Calls look with the rights of httpd's children: where we are root, in a child
 * process as User and Group say. Without these rights it is not called, and a
 * warning says so. Nothing that look changes in memory lasts. */
void psg_httpd_rights_use(psg_config_look_fn look, server_rec *s,
                          apr_pool_t *pconf);

#endif
