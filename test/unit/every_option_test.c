/* SPDX-License-Identifier: Apache-2.0 */

/* What holds for every row of options.def: value, default, merge, wire form. */
#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "option_values.h"
#include "test.h"

enum {
    ALL_SCOPES =
        1 << PSG_SCOPE_GLOBAL | 1 << PSG_SCOPE_APP | 1 << PSG_SCOPE_PLACE,
};

#define FOR_ALL_ROWS(i) \
    for (psg_option_e i = (psg_option_e)0; i < PSG_OPTION_COUNT; i++)

static const char *text_of(const psg_options_t *options, psg_option_e i)
{
    return psg_options_text(options, i, test_pool());
}

/* Options of which only row i is set. */
static psg_options_t *with(psg_option_e i, const char *value)
{
    psg_options_t *options = psg_options_create(test_pool());
    const char *problem = psg_options_set(options, i, value, test_pool());

    if (problem) {
        FAIL("%s", problem);
    }
    return options;
}

TEST(good_values_are_taken)
{
    FOR_ALL_ROWS(i)
    {
        const char *value = option_good_value(i);
        const psg_options_t *options = with(i, value);

        CHECK_STR(text_of(options, i), value);
        CHECK_INT(psg_row_set_has(&options->set, i), 1);
        FOR_ALL_ROWS(other)
        {
            if (other != i) {
                CHECK_STR(text_of(options, other),
                          text_of(psg_options_defaults(), other));
            }
        }
    }
}

TEST(ends_of_ranges_are_taken)
{
    FOR_ALL_ROWS(i)
    {
        const psg_option_row_t *row = &psg_option_rows[i];

        if (row->type == PSG_NUMBER) {
            CHECK_STR(text_of(with(i, test_format("%d", row->min)), i),
                      test_format("%d", row->min));
            CHECK_STR(text_of(with(i, test_format("%d", row->max)), i),
                      test_format("%d", row->max));
        }
    }
}

TEST(bad_values_are_refused_by_name)
{
    FOR_ALL_ROWS(i)
    {
        const char *bad;

        for (int n = 0; (bad = option_bad_value(i, n)) != NULL; n++) {
            psg_options_t *options = psg_options_create(test_pool());
            const char *problem = psg_options_set(options, i, bad, test_pool());

            if (!problem) {
                FAIL("%s takes '%s'", psg_option_rows[i].name, bad);
            }
            CHECK_CONTAINS(problem, psg_option_rows[i].name);
            CHECK_INT(psg_row_set_is_empty(&options->set), 1);
        }
    }
}

/* The table writes flags as 1 and 0, strings with quotes. */
TEST(defaults_are_what_the_table_says)
{
    FOR_ALL_ROWS(i)
    {
        const psg_option_row_t *row = &psg_option_rows[i];
        const char *told = row->default_text;
        size_t len = strlen(told);

        if (strcmp(told, "NULL") == 0) {
            told = "";
        }
        else if (row->type == PSG_FLAG) {
            told = strcmp(told, "1") == 0 ? "On" : "Off";
        }
        else if (told[0] == '"') {
            told = apr_pstrmemdup(test_pool(), told + 1, len - 2);
        }
        CHECK_STR(text_of(psg_options_defaults(), i), told);
        if (*told) {
            with(i, told); /* and may be said */
        }
    }
}

TEST(inner_value_wins_if_it_is_set)
{
    FOR_ALL_ROWS(i)
    {
        const char *value = option_good_value(i);
        const char *usual = text_of(psg_options_defaults(), i);
        psg_options_t *outer = with(i, value);
        psg_options_t *inner = psg_options_create(test_pool());

        psg_options_apply(outer, inner, test_pool());
        CHECK_STR(text_of(outer, i), value);
        psg_options_apply(inner, outer, test_pool());
        CHECK_STR(text_of(inner, i), value);
        if (*usual) {
            psg_options_apply(inner, with(i, usual), test_pool());
            CHECK_STR(text_of(inner, i), usual);
        }
    }
}

TEST(wire_form_keeps_the_value)
{
    FOR_ALL_ROWS(i)
    {
        const psg_options_t *options = with(i, option_good_value(i));
        psg_options_t *decoded;
        char buf[1024];
        size_t len = psg_options_encode(options, ALL_SCOPES, buf, sizeof(buf));

        CHECK_INT(psg_options_decode(&decoded, buf, len, test_pool()),
                  APR_SUCCESS);
        CHECK_STR(text_of(decoded, i), text_of(options, i));
        CHECK_INT(psg_row_set_equals(&decoded->set, &options->set), 1);
    }
}

TEST(rows_are_complete)
{
    FOR_ALL_ROWS(i)
    {
        const psg_option_row_t *row = &psg_option_rows[i];
        const char *end = row->help + strlen(row->help);

        CHECK_STR(apr_pstrmemdup(test_pool(), row->name, 9), "Passenger");
        CHECK(row->help < end && end[-1] == '.');
        CHECK(row->type != PSG_NUMBER || row->min < row->max);
        /* Only numbers can be lowered. */
        CHECK(
            (row->class != PSG_CLASS_CAPPED && row->class != PSG_CLASS_LOWERED)
            || row->type == PSG_NUMBER);
    }
}

TEST(no_name_is_there_twice)
{
    static const char *const names[] = {
#define OPTION(scope, class, type, field, name, def, min, max, help) name,
#include "options.def"
#define OPTION_ALIAS(scope, type, name, field) name,
#include "option_aliases.def"
#define OPTION_IGNORED(scope, name, why) name,
#include "option_ignored.def"
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (size_t other = 0; other < i; other++) {
            CHECK(strcasecmp(names[i], names[other]) != 0);
        }
    }
}

TEST(aliases_say_what_their_rows_say)
{
    static const struct {
        psg_option_e option;
        psg_scope_e scope;
        psg_option_type_e type;
    } aliases[] = {
#define OPTION_ALIAS(scope, type, name, field) \
    {PSG_OPT_##field, PSG_SCOPE_##scope, PSG_##type},
#include "option_aliases.def"
    };

    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        const psg_option_row_t *row = &psg_option_rows[aliases[i].option];

        CHECK_INT(aliases[i].scope, row->scope);
        CHECK_INT(aliases[i].type, row->type);
    }
}
