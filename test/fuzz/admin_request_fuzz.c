/* SPDX-License-Identifier: Apache-2.0 */

/* Any bytes are a request to the admin socket or are refused with a reason; what
 * is understood is within its bounds. Run by `make fuzz`. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>

#include "admin_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static apr_pool_t *make_pool(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    return pool;
}

static void check(const admin_request_t *request)
{
    switch (request->command) {
    case ADMIN_RESTART_APP:
        if (!request->app == !request->name
            || (request->app && request->app[0] != '/')) {
            abort();
        }
        if (request->app
            && (!admin_request_is_inside(request->app, request->app)
                || !admin_request_is_inside(request->app, "/"))) {
            abort();
        }
        break;
    case ADMIN_DETACH_PROCESS:
        if (request->pid < 1) {
            abort();
        }
        break;
    case ADMIN_STATUS:
        break;
    default:
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *pool;
    admin_request_t request;
    const char *problem = NULL;
    apr_status_t rv;

    if (!pool) {
        pool = make_pool();
    }
    rv =
        admin_request_parse(&request, &problem, (const char *)data, size, pool);
    if (rv == APR_SUCCESS) {
        check(&request);
    }
    else if (rv != APR_EINVAL || !problem || !*problem) {
        abort();
    }
    apr_pool_clear(pool);
    return 0;
}
