/* SPDX-License-Identifier: Apache-2.0 */

/* X-Passenger-Request-OOB-Work: an app asks for time without requests, for
 * work such as garbage collection. */
#ifndef PSG_OUT_OF_BAND_H
#define PSG_OUT_OF_BAND_H

#include "mod_passenger.h"
#include "response_head.h"

/* Whether the header is that one, which no visitor gets. If it asks, it is noted
 * for r. */
int psg_out_of_band_note(request_rec *r, const psg_header_t *header);

/* Before a RUNNING slot of this request leaves: its process rests, if it asked
 * and may, and the agent is told. */
void psg_out_of_band_rest(const psg_request_t *request, uint32_t slot);

#endif
