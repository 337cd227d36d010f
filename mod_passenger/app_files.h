/* SPDX-License-Identifier: Apache-2.0 */

/* Keeps visitors from an app's source where the DocumentRoot is the app's own
 * folder. Called by request_map.c for regular files. */
#ifndef PSG_APP_FILES_H
#define PSG_APP_FILES_H

#include "mod_passenger.h"

/* Whether the file of the request, which is regular, must not be served. Costs
 * no system call unless its name is one that private_names.def knows. */
int psg_app_file_is_private(request_rec *r, const psg_options_t *options);

/* Whether the file of the request starts the app. */
int psg_app_file_is_startup(request_rec *r, const psg_app_t *app);

#endif
