/* SPDX-License-Identifier: Apache-2.0 */

/* Writes what a request is into its slot. Called by handler.c. */
#include "slot_label.h"

#include <string.h>

static void copy_for_people(char *to, size_t size, const char *text)
{
    size_t len = text ? strnlen(text, size) : 0;

    memcpy(to, text ? text : "", len);
    if (len < size) {
        to[len] = '\0';
    }
}

/* In milliseconds. 0 = no limit; so is what has no room there, seven weeks. */
static uint32_t time_limit(const psg_options_t *options)
{
    uint64_t limit = (uint64_t)options->max_request_time * 1000;

    return limit <= UINT32_MAX ? (uint32_t)limit : 0;
}

void psg_slot_label(psg_slot_t *slot, const request_rec *r,
                    const psg_options_t *options)
{
    slot->wish = 0;
    slot->time_limit = time_limit(options);
    copy_for_people(slot->method, sizeof(slot->method), r->method);
    copy_for_people(slot->client, sizeof(slot->client), r->useragent_ip);
    copy_for_people(slot->uri, sizeof(slot->uri), r->unparsed_uri);
}
