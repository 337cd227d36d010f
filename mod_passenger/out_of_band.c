/* SPDX-License-Identifier: Apache-2.0 */

/* Notes that an app asks for time without requests, and gives it to the process
 * when the request leaves. Called by response_header.c and handler.c. */
#include "out_of_band.h"

#include <strings.h>

#include "agent_client.h"

int psg_out_of_band_note(request_rec *r, const psg_header_t *header)
{
    static const char name[] = "X-Passenger-Request-OOB-Work";
    psg_request_t *request;

    if (header->name_len != sizeof(name) - 1
        || strncasecmp(header->name, name, sizeof(name) - 1) != 0) {
        return 0;
    }
    request = psg_request_get(r);
    if (request
        && (!strcasecmp(header->value, "true")
            || !strcmp(header->value, "1"))) {
        request->wants_rest = 1;
    }
    return 1;
}

void psg_out_of_band_rest(const psg_request_t *request, uint32_t slot)
{
    const psg_slot_t *s = &psg_child->sb->slots[slot];
    uint32_t process = s->process, generation = s->process_generation;

    if (request->wants_rest && psg_slot_rest(psg_child->sb, slot)) {
        psg_agent_tell_resting(process, generation);
    }
}
