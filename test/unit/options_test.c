/* SPDX-License-Identifier: Apache-2.0 */

/* The values of the directives. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "options.h"

enum {
    ALL_SCOPES =
        1 << PSG_SCOPE_GLOBAL | 1 << PSG_SCOPE_APP | 1 << PSG_SCOPE_PLACE,
};

static psg_options_t *create(void)
{
    return psg_options_create(test_pool());
}

/* NULL, or what is wrong. */
static const char *set(psg_options_t *options, const char *name,
                       const char *text)
{
    int i = psg_options_find(name);

    CHECK(i >= 0);
    return psg_options_set(options, (psg_option_e)i, text, test_pool());
}

static void set_ok(psg_options_t *options, const char *name, const char *text)
{
    const char *problem = set(options, name, text);

    if (problem) {
        FAIL("%s", problem);
    }
}

static int list_len(const apr_array_header_t *list)
{
    return list ? list->nelts : 0;
}

TEST(defaults_are_those_of_the_table)
{
    psg_options_t *options = create();

    CHECK(psg_row_set_is_empty(&options->set));
    CHECK_INT(options->enabled, 1);
    CHECK_INT(options->start_timeout, 90);
    CHECK_STR(options->app_env, "production");
    CHECK(options->ruby == NULL && options->base_uri == NULL);
    CHECK_STR(psg_option_rows[PSG_OPT_start_timeout].name,
              "PassengerStartTimeout");
    CHECK_STR(psg_option_rows[PSG_OPT_start_timeout].default_text, "90");
    CHECK_INT(psg_option_rows[PSG_OPT_max_pool_size].scope, PSG_SCOPE_GLOBAL);
}

TEST(names_are_found_in_any_case)
{
    CHECK_INT(psg_options_find("passengerRUBY"), PSG_OPT_ruby);
    CHECK_INT(psg_options_find("PassengerRub"), -1);
    CHECK_INT(psg_options_find(""), -1);
}

TEST(flags_are_on_or_off)
{
    psg_options_t *options = create();

    set_ok(options, "PassengerEnabled", "oFF");
    CHECK_INT(options->enabled, 0);
    set_ok(options, "PassengerEnabled", "ON");
    CHECK_INT(options->enabled, 1);
    CHECK_STR(set(options, "PassengerEnabled", "yes"),
              "PassengerEnabled: 'yes' is not On or Off");
    CHECK_STR(set(options, "PassengerEnabled", ""),
              "PassengerEnabled: '' is not On or Off");
}

TEST(numbers_have_a_range)
{
    static const char *const wrong[] = {
        "abc",
        "",
        "0",
        "86401",
        "-1",
        "+5",
        " 5",
        "5 ",
        "5s",
        "0x10",
        "1.5",
        "1e3",
        "99999999999999999999",
        "18446744073709551617",
    };
    psg_options_t *options = create();
    size_t i;

    set_ok(options, "PassengerStartTimeout", "1");
    CHECK_INT(options->start_timeout, 1);
    set_ok(options, "PassengerStartTimeout", "86400");
    CHECK_INT(options->start_timeout, 86400);
    CHECK_INT(psg_row_set_next(&options->set, 0), PSG_OPT_start_timeout);
    CHECK_INT(psg_row_set_next(&options->set, PSG_OPT_start_timeout + 1),
              PSG_ROW_SET_ROOM);
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_STR(set(options, "PassengerStartTimeout", wrong[i]),
                  test_format("PassengerStartTimeout: '%s' is not a whole "
                              "number from 1 to 86400",
                              wrong[i]));
    }
    CHECK_INT(options->start_timeout, 86400);
}

TEST(text_has_no_control_characters)
{
    psg_options_t *options = create();

    set_ok(options, "PassengerAppRoot", "/srv/m\xc3\xb6we 1");
    CHECK_STR(options->app_root, "/srv/m\xc3\xb6we 1");
    CHECK_STR(set(options, "PassengerAppRoot", "/srv/a\nb"),
              "PassengerAppRoot: the value contains a control character");
    CHECK(set(options, "PassengerAppRoot", "\x7f") != NULL);
    CHECK_STR(set(options, "PassengerAppRoot", ""),
              "PassengerAppRoot: '' is empty");
    CHECK_STR(options->app_root, "/srv/m\xc3\xb6we 1");
}

TEST(app_type_is_one_we_know)
{
    psg_options_t *options = create();

    set_ok(options, "PassengerAppType", "wsgi");
    CHECK_STR(set(options, "PassengerAppType", "cobol"),
              "PassengerAppType: 'cobol' is none of ruby, python, node");
}

TEST(base_uris_gather)
{
    psg_options_t *options = create();

    set_ok(options, "PassengerBaseURI", "/");
    CHECK(psg_row_set_is_empty(&options->set));
    set_ok(options, "PassengerBaseURI", "/shop");
    set_ok(options, "PassengerBaseURI", "/blog");
    set_ok(options, "PassengerBaseURI", "/shop");
    CHECK_INT(list_len(options->base_uri), 2);
    CHECK_STR(APR_ARRAY_IDX(options->base_uri, 1, const char *), "/blog");
    CHECK_STR(set(options, "PassengerBaseURI", "shop"),
              "PassengerBaseURI: 'shop' does not begin with a slash");
    CHECK_STR(set(options, "PassengerBaseURI", "/shop/"),
              "PassengerBaseURI: '/shop/' ends with a slash");
}

TEST(lists_have_an_end)
{
    psg_options_t *options = create();
    int i;

    for (i = 0; i < 1024; i++) {
        set_ok(options, "PassengerBaseURI", test_format("/%d", i));
    }
    CHECK_STR(set(options, "PassengerBaseURI", "/more"),
              "PassengerBaseURI: '/more' is one too many: at most 1024 may be "
              "given");
    set_ok(options, "PassengerBaseURI", "/7"); /* there already */
    CHECK_INT(list_len(options->base_uri), 1024);
}

TEST(merging_takes_what_is_set)
{
    psg_options_t *base = create(), *add = create(), *merged;
    psg_row_set_t both;

    set_ok(base, "PassengerRuby", "/opt/ruby");
    set_ok(base, "PassengerMinInstances", "3");
    set_ok(base, "PassengerBaseURI", "/a");
    set_ok(add, "PassengerMinInstances", "1"); /* the default, but set */
    set_ok(add, "PassengerEnabled", "off");
    set_ok(add, "PassengerBaseURI", "/b");
    merged = apr_pmemdup(test_pool(), base, sizeof(*base));
    psg_options_apply(merged, add, test_pool());
    CHECK_STR(merged->ruby, "/opt/ruby");
    CHECK_INT(merged->min_instances, 1);
    CHECK_INT(merged->enabled, 0);
    CHECK(merged->base_uri == add->base_uri); /* replaced, not united */
    both = base->set;
    psg_row_set_merge(&both, &add->set);
    CHECK(psg_row_set_equals(&merged->set, &both));
    CHECK_INT(base->min_instances, 3);

    set_ok(merged, "PassengerBaseURI", "/c");
    CHECK_INT(list_len(merged->base_uri), 2);
    CHECK_INT(list_len(add->base_uri), 1); /* nobody else's list grew */
}

TEST(wire_form_says_everything_that_is_set)
{
    static const char expected[] = "enabled\0Off\0base_uri\0/a\0base_uri\0/b\0"
                                   "app_root\0/srv\0min_instances\0007\0";
    psg_options_t *options = create(), *decoded;
    char buf[1024];
    size_t len, i;

    set_ok(options, "PassengerAppRoot", "/srv");
    set_ok(options, "PassengerEnabled", "Off");
    set_ok(options, "PassengerMinInstances", "7");
    set_ok(options, "PassengerBaseURI", "/a");
    set_ok(options, "PassengerBaseURI", "/b");
    len = psg_options_encode(options, ALL_SCOPES, buf, sizeof(buf));
    CHECK_INT(len, sizeof(expected));
    CHECK(memcmp(buf, expected, len) == 0);
    for (i = 0; i < len; i++) {
        CHECK_INT(psg_options_encode(options, ALL_SCOPES, buf, i), 0);
    }
    len = psg_options_encode(options, ALL_SCOPES, buf, len);
    CHECK_INT(psg_options_decode(&decoded, buf, len, test_pool()), APR_SUCCESS);
    memset(buf, 'x', sizeof(buf)); /* what was decoded is a copy */
    CHECK(psg_row_set_equals(&decoded->set, &options->set));
    CHECK_STR(decoded->app_root, "/srv");
    CHECK_INT(decoded->min_instances, 7);
    CHECK_INT(list_len(decoded->base_uri), 2);
}

TEST(wire_form_has_scopes)
{
    psg_options_t *options = create();
    char buf[1024];

    CHECK_INT(psg_options_encode(options, ALL_SCOPES, buf, sizeof(buf)), 1);
    set_ok(options, "PassengerMaxPoolSize", "9");
    CHECK_INT(psg_options_encode(options, 1 << PSG_SCOPE_APP, buf, 1024), 1);
    CHECK_INT(psg_options_encode(options, 1 << PSG_SCOPE_GLOBAL, buf, 1024),
              sizeof("max_pool_size\0009\0"));
}

typedef struct {
    const char *data;
    size_t len;
} blob_t;

#define BLOB(data)             \
    {                          \
        data, sizeof(data) - 1 \
    }

TEST(bad_wire_forms_are_refused)
{
    static const blob_t bad[] = {
        BLOB("ruby\0/usr/bin/ruby"),  /* no end */
        BLOB("ruby"),                 /* no text */
        BLOB("ruby\0"),               /* no text */
        BLOB("no_such\0x\0"),         /* unknown */
        BLOB("PassengerRuby\0x\0"),   /* unknown here */
        BLOB("ruby\0a\0ruby\0b\0"),   /* twice */
        BLOB("min_instances\0-1\0"),  /* wrong value */
        BLOB("enabled\0maybe\0"),     /* wrong value */
        BLOB("app_root\0a\nb\0"),     /* wrong value */
        BLOB("\0\0"),                 /* no name */
        BLOB("\0x"),                  /* something after the end */
        BLOB("ruby\0a\0\0ruby\0b\0"), /* something after the end */
    };
    psg_options_t *decoded = NULL;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *copy = malloc(bad[i].len);

        memcpy(copy, bad[i].data, bad[i].len);
        if (psg_options_decode(&decoded, copy, bad[i].len, test_pool())
            != APR_EINVAL) {
            FAIL("not refused: case %d", (int)i);
        }
        free(copy);
    }
    CHECK(decoded == NULL);
    CHECK_INT(psg_options_decode(&decoded, "", 0, test_pool()), APR_SUCCESS);
    CHECK(psg_row_set_is_empty(&decoded->set));
}
