/* SPDX-License-Identifier: Apache-2.0 */

/* What a slot says of its request before it enters a group. */
#ifndef PSG_SLOT_LABEL_H
#define PSG_SLOT_LABEL_H

#include "mod_passenger.h"

/* For people: method, client, URI; for the core: how long it may run. It wishes
 * for no process yet. */
void psg_slot_label(psg_slot_t *slot, const request_rec *r,
                    const psg_options_t *options);

#endif
