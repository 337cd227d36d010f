/* SPDX-License-Identifier: Apache-2.0 */

/* Answers requests that belong to apps. */
#ifndef PSG_HANDLER_H
#define PSG_HANDLER_H

#include "mod_passenger.h"

/* The handler hook. */
int psg_handler(request_rec *r);

#endif
