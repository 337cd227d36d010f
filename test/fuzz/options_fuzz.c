/* SPDX-License-Identifier: Apache-2.0 */

/* Options that are decoded and encoded again mean the same: from the second
 * time on the bytes are the same too. Run by `make fuzz`. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>

#include "options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ALL_SCOPES =
        1 << PSG_SCOPE_GLOBAL | 1 << PSG_SCOPE_APP | 1 << PSG_SCOPE_PLACE,
    /* Longer than what it was made from by a value's usual spelling ("On") and
     * the NUL at the end, no more. */
    SLACK = 64,
};

static apr_pool_t *make_pool(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    return pool;
}

static void check(const psg_options_t *first, size_t size, apr_pool_t *pool)
{
    psg_options_t *second;
    char *once = malloc(size + SLACK);
    char *twice = malloc(size + SLACK);
    size_t len, i;

    if (!once || !twice) {
        abort();
    }
    len = psg_options_encode(first, ALL_SCOPES, once, size + SLACK);
    if (len == 0 || psg_options_decode(&second, once, len, pool) != APR_SUCCESS
        || !psg_row_set_equals(&second->set, &first->set)
        || psg_options_encode(second, ALL_SCOPES, twice, size + SLACK) != len
        || memcmp(once, twice, len) != 0) {
        abort();
    }
    for (i = 0; i < len && i < 256; i++) {
        if (psg_options_encode(second, ALL_SCOPES, twice, i) != 0) {
            abort();
        }
    }
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *pool;
    psg_options_t *options;
    apr_status_t rv;

    if (!pool) {
        pool = make_pool();
    }
    rv = psg_options_decode(&options, (const char *)data, size, pool);
    if (rv == APR_SUCCESS) {
        check(options, size, pool);
        psg_options_apply(options, options, pool);
    }
    else if (rv != APR_EINVAL) {
        abort();
    }
    apr_pool_clear(pool);
    return 0;
}
