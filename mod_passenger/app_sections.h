/* SPDX-License-Identifier: Apache-2.0 */

/* The app of /shop is the app of /shop wherever the <Location> of / stands:
 * httpd lets the later section win, but panels write one file per app, which
 * httpd reads in the order of their names. */
#ifndef PSG_APP_SECTIONS_H
#define PSG_APP_SECTIONS_H

#include <httpd.h>

/* For each <Location> that names an app (PassengerAppRoot or
 * PassengerAppStartCommand) and that a later one of a shorter URI would give
 * another: adds, at the end, a section with what both say of their apps. Once
 * for each reading of the configuration, before a request comes. */
void psg_app_sections_settle(server_rec *main_server, apr_pool_t *pconf);

#endif
