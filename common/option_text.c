/* SPDX-License-Identifier: Apache-2.0 */

/* An option's value as people write it. Called by the module's dump. */
#include <apr_strings.h>

#include "options.h"

const char *psg_options_text(const psg_options_t *options, psg_option_e i,
                             apr_pool_t *pool)
{
    const psg_option_row_t *row = &psg_option_rows[i];
    const void *field = (const char *)options + row->offset;
    const char *text = NULL;

    switch (row->type) {
    case PSG_FLAG:
        return *(const int *)field ? "On" : "Off";
    case PSG_NUMBER:
        return apr_itoa(pool, *(const int *)field);
    case PSG_TEXT:
    case PSG_WORD:
        text = *(const char *const *)field;
        break;
    case PSG_LIST:
    case PSG_PAIRS:
        if (*(const apr_array_header_t *const *)field) {
            text = apr_array_pstrcat(
                pool, *(const apr_array_header_t *const *)field, ' ');
        }
        break;
    }
    return text ? text : "";
}
