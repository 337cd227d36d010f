/* SPDX-License-Identifier: Apache-2.0 */

/* The core's channel to its watchdog: asks for processes, hears what became of
 * them, and gets the configuration. core.c opens it, spawner sends. */
#ifndef WATCHDOG_LINK_H
#define WATCHDOG_LINK_H

#include "core.h"
#include "wire.h"

/* Watches CORE_FD_WATCHDOG, which it owns. Whether the watchdog is root is
 * known afterwards. */
apr_status_t watchdog_link_create(core_t *core);

/* Sends a message; waits at most a second for room in the socket. */
apr_status_t watchdog_link_send(core_t *core, const psg_message_t *msg);

/* Whether everything an earlier core left was handed over. */
int watchdog_link_is_complete(const core_t *core);

/* Whether the watchdog is gone: there is nothing left to do but, if it said so
 * (core->stopping), to hear what apps say when they end. */
int watchdog_link_has_ended(const core_t *core);

#endif
