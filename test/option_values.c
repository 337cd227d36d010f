/* SPDX-License-Identifier: Apache-2.0 */

#include "option_values.h"

#include <string.h>

#include "test.h"

/* The last word of the row that means something else than its default. */
static const char *word_of(psg_option_e i)
{
    static const struct {
        psg_option_e option;
        const char *word, *meaning;
    } words[] = {
#define OPTION_WORD(field, word, meaning) {PSG_OPT_##field, word, meaning},
#include "option_words.def"
    };
    const char *usual =
        psg_options_text(psg_options_defaults(), i, test_pool());
    const char *found = NULL;

    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        if (words[w].option == i && strcmp(words[w].meaning, usual) != 0) {
            found = words[w].meaning;
        }
    }
    CHECK(found != NULL);
    return found;
}

/* Strings that are checked for more than being strings. */
static const char *text_of(psg_option_e i)
{
    switch (i) {
    case PSG_OPT_app_type:
        return "node";
    case PSG_OPT_sticky_sessions_cookie_name:
        return "cookie";
    case PSG_OPT_startup_file:
    case PSG_OPT_custom_error_page:
        return "some/text";
    default:
        return "/some/text";
    }
}

/* 0 is no limit where a .htaccess may only lower the value. */
static const char *number_of(psg_option_e i)
{
    const psg_option_row_t *row = &psg_option_rows[i];
    int least = row->class == PSG_CLASS_CAPPED && row->min == 0 ? 1 : row->min;
    const char *usual =
        psg_options_text(psg_options_defaults(), i, test_pool());

    return test_format("%d", least + !strcmp(test_format("%d", least), usual));
}

const char *option_good_value(psg_option_e i)
{
    switch (psg_option_rows[i].type) {
    case PSG_FLAG:
        return strcmp(psg_options_text(psg_options_defaults(), i, test_pool()),
                      "On")
                       == 0
                   ? "Off"
                   : "On";
    case PSG_NUMBER:
        return number_of(i);
    case PSG_WORD:
        return word_of(i);
    case PSG_PAIRS:
        return "NAME=value";
    default:
        return text_of(i);
    }
}

const char *option_bad_value(psg_option_e i, int n)
{
    static const char *const no_flags[] = {"", "1", "yes", "On Off", NULL};
    static const char *const no_words[] = {"", "no such word", NULL};
    static const char *const no_texts[] = {"", "two\nlines", "\x7f", NULL};
    static const char *const no_pairs[] = {"",    "NAME",  "=value",
                                           "1=x", "A B=x", NULL};
    const psg_option_row_t *row = &psg_option_rows[i];
    const char *no_numbers[] = {"",
                                "x",
                                "1.5",
                                "1h",
                                " 1",
                                test_format("%lld", row->min - 1LL),
                                test_format("%lld", row->max + 1LL),
                                "99999999999999999999",
                                NULL};

    switch (row->type) {
    case PSG_FLAG:
        return no_flags[n];
    case PSG_NUMBER:
        return no_numbers[n];
    case PSG_WORD:
        return no_words[n];
    case PSG_PAIRS:
        return no_pairs[n];
    default:
        return no_texts[n];
    }
}

const char *option_line(psg_option_e i)
{
    return test_format("%s %s\n", psg_option_rows[i].name,
                       psg_option_rows[i].type == PSG_PAIRS
                           ? "NAME value"
                           : option_good_value(i));
}
