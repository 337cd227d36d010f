/* SPDX-License-Identifier: Apache-2.0 */

/* The socket at which httpd's children ask for groups and tell what they saw.
 * core.c opens it when everything an earlier core left was taken over. */
#ifndef MODULE_SOCKET_H
#define MODULE_SOCKET_H

#include "core.h"

/* Watches CORE_FD_MODULE and accepts children. */
apr_status_t module_socket_create(core_t *core);

#endif
