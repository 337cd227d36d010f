/* SPDX-License-Identifier: Apache-2.0 */

/* Sticky ids in Cookie headers, as browsers and as others send them. */
#include "test.h"

#include <string.h>

#include "sticky_cookie.h"

enum {
    MAX = 4,
    LONG = 100000
};

static uint32_t ids[MAX];

static unsigned find(const char *header)
{
    memset(ids, 0, sizeof(ids));
    return psg_sticky_cookie_ids(header, "route", ids, 0, MAX);
}

TEST(sticky_cookie_is_found_among_others)
{
    CHECK_INT(find("route=17"), 1);
    CHECK_INT(ids[0], 17);
    CHECK_INT(find("a=1; route=4294967295; b=2"), 1);
    CHECK_INT(ids[0], UINT32_MAX);
    CHECK_INT(find("a=\"route=5\", route=6 ,c"), 1);
    CHECK_INT(ids[0], 6);
    CHECK_INT(find(";; ,route=1;route=2"), 2);
    CHECK_INT(ids[1], 2);
}

TEST(what_is_no_sticky_cookie_is_passed_over)
{
    static const char *const headers[] = {
        "",
        "route",
        "route=",
        "route=x",
        "route=0",
        "route=1x",
        "route=-1",
        "route=4294967296",
        "route=1 2",
        "Route=1",
        "xroute=1",
        "routes=1",
        "route =1",
        "=1",
        "route=\"1\"",
        "route=99999999999999999999999999",
        "; ; ,, ;",
        "route=0x1",
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        CHECK_INT(find(headers[i]), 0);
    }
}

TEST(no_more_sticky_ids_are_taken_than_there_is_room)
{
    char *header = apr_pcalloc(test_pool(), LONG + 1);

    for (size_t at = 0; at < LONG; at++) {
        header[at] = "route=9;"[at % 8];
    }
    CHECK_INT(find(header), MAX);
    for (size_t at = 6; at < LONG; at++) {
        header[at] = '9';
    }
    CHECK_INT(find(header), 0);
}
