/* SPDX-License-Identifier: Apache-2.0 */

/* Makes error ids. Called by the agent for starts that failed, and by the module
 * where no app is found. */
#include "error_id.h"

#include <stdio.h>
#include <string.h>

#include <apr_general.h>

#include "scoreboard.h"

void psg_error_id_make(char id[PSG_ERROR_ID_SIZE])
{
    unsigned char bytes[4];

    if (apr_generate_random_bytes(bytes, sizeof(bytes)) != APR_SUCCESS) {
        uint64_t now = psg_now();

        memcpy(bytes, &now, sizeof(bytes));
    }
    (void)snprintf(id, PSG_ERROR_ID_SIZE, "%02x%02x%02x%02x", bytes[0],
                   bytes[1], bytes[2], bytes[3]);
}
