/* SPDX-License-Identifier: Apache-2.0 */

/* Decides which requests an app answers and which httpd does, and keeps
 * mod_dir away from folders that are an app's. Hooks, called by httpd. */
#ifndef PSG_REQUEST_MAP_H
#define PSG_REQUEST_MAP_H

#include "mod_passenger.h"

/* Hook type_checker: makes the request ours if an app owns its URI. */
int psg_map_choose(request_rec *r);

/* Hook fixups, before mod_dir: serves a cached page, else hides a folder. */
int psg_map_hide_folder(request_rec *r);
/* Hook fixups, after mod_dir: what was hidden is there again. */
int psg_map_show_folder(request_rec *r);

/* Hook handler: answers 500 where an app cannot be looked for. */
int psg_map_refuse(request_rec *r);

#endif
