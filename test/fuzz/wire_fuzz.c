/* SPDX-License-Identifier: Apache-2.0 */

/* Any bytes are a frame, half a frame or none; a frame that is decoded and
 * encoded again gives the same bytes. Run by `make fuzz`. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char again[PSG_FRAME_MAX];
    psg_message_t msg;
    size_t used = 0, len;
    apr_status_t rv = psg_wire_decode(&msg, &used, (const char *)data, size);

    if (rv == APR_EAGAIN || rv == APR_EINVAL) {
        return 0;
    }
    if (rv != APR_SUCCESS || used > size || used < PSG_FRAME_HEADER) {
        abort();
    }
    if (strcmp(psg_wire_name(msg.number), "unknown message") == 0) {
        abort();
    }
    len = psg_wire_encode(&msg, again, sizeof(again));
    if (len != used || memcmp(again, data, len) != 0) {
        abort();
    }
    if (psg_wire_decode(&msg, &used, again, len) != APR_SUCCESS
        || used != len) {
        abort();
    }
    return 0;
}
