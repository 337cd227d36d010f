/* SPDX-License-Identifier: Apache-2.0 */

/* What the admin socket understands, and who may what. */
#include "admin_request.h"

#include <string.h>

#include "test.h"

enum {
    ROOT = 0,
    ALICE = 1001,
    BOB = 1002,
    DAEMON = 1,
    NOBODY = -1
};

static admin_request_t parsed;

/* "" if it is understood, else what is wrong. */
static const char *parse(const char *line)
{
    const char *problem;
    apr_status_t rv =
        admin_request_parse(&parsed, &problem, line, strlen(line), test_pool());

    CHECK_INT(rv, problem ? APR_EINVAL : APR_SUCCESS);
    return problem ? problem : "";
}

TEST(commands_are_understood)
{
    CHECK_STR(parse("{\"command\":\"status\"}"), "");
    CHECK_INT(parsed.command, ADMIN_STATUS);
    CHECK_STR(parse("{\"command\":\"restart_app\",\"app\":\"/srv/shop\"}"), "");
    CHECK_INT(parsed.command, ADMIN_RESTART_APP);
    CHECK_STR(parsed.app, "/srv/shop");
    CHECK_STR(parse("{\"command\":\"restart_app\",\"name\":\"shop\"}"), "");
    CHECK_STR(parsed.name, "shop");
    CHECK_STR(parse("{\"command\":\"detach_process\",\"pid\":4711}"), "");
    CHECK_INT(parsed.command, ADMIN_DETACH_PROCESS);
    CHECK_INT(parsed.pid, 4711);
}

TEST(nonsense_is_refused)
{
    CHECK_CONTAINS(parse(""), "JSON");
    CHECK_CONTAINS(parse("{"), "JSON");
    CHECK_CONTAINS(parse("[]"), "JSON");
    CHECK_CONTAINS(parse("{\"command\":\"status\",\"command\":\"status\"}"),
                   "JSON");
    CHECK_CONTAINS(parse("{\"command\":\"restart_app\",\"app\":\"/\\u0000\"}"),
                   "JSON");
    CHECK_CONTAINS(parse("{\"command\":7}"), "command");
    CHECK_CONTAINS(parse("{\"command\":\"STATUS\"}"), "command");
    CHECK_CONTAINS(parse("{\"command\":\"restart_app\"}"), "either");
    CHECK_CONTAINS(
        parse("{\"command\":\"restart_app\",\"app\":\"/a\",\"name\":\"b\"}"),
        "either");
    CHECK_CONTAINS(parse("{\"command\":\"restart_app\",\"app\":\"a\"}"),
                   "absolute");
}

TEST(pids_are_those_of_a_process)
{
    static const char *const bad[] = {"0",      "-1",  "-4711", "2147483648",
                                      "\"12\"", "1.5", "null"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_CONTAINS(
            parse(test_format("{\"command\":\"detach_process\",\"pid\":%s}",
                              bad[i])),
            "pid");
    }
}

/* Deep enough to break a recursive parser. */
TEST(deep_nesting_is_refused)
{
    char line[ADMIN_LINE_MAX];

    memset(line, '[', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    CHECK_CONTAINS(parse(line), "JSON");
}

TEST(folder_contains_itself_and_what_is_below)
{
    CHECK(admin_request_is_inside("/srv/shop", "/srv/shop"));
    CHECK(admin_request_is_inside("/srv/shop", "/srv/shop/"));
    CHECK(admin_request_is_inside("/srv/shop", "/srv"));
    CHECK(admin_request_is_inside("/srv/shop", "/"));
    CHECK(!admin_request_is_inside("/srv/shop2", "/srv/shop"));
    CHECK(!admin_request_is_inside("/srv", "/srv/shop"));
}

/* Who (rows) may what with whose app. */
TEST(owners_and_administrators_may)
{
    static const struct {
        int peer, app, agent_is_root, agent, may;
    } cases[] = {
        {ROOT, ALICE, 1, DAEMON, 1},    {ROOT, NOBODY, 1, DAEMON, 1},
        {ALICE, ALICE, 1, DAEMON, 1},   {ALICE, BOB, 1, DAEMON, 0},
        {ALICE, NOBODY, 1, DAEMON, 0},  {DAEMON, ALICE, 1, DAEMON, 0},
        {NOBODY, NOBODY, 1, DAEMON, 0}, {ALICE, ALICE, 0, ALICE, 1},
        {ALICE, NOBODY, 0, ALICE, 1},   {BOB, ALICE, 0, ALICE, 0},
        {ROOT, ALICE, 0, ALICE, 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (admin_request_may((uid_t)cases[i].peer, (uid_t)cases[i].app,
                              cases[i].agent_is_root, (uid_t)cases[i].agent)
            != cases[i].may) {
            FAIL("case %zu", i);
        }
    }
}
