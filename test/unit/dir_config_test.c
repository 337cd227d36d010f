/* SPDX-License-Identifier: Apache-2.0 */

/* Merging of what servers, sections and .htaccess files say, by chance: the same
 * in whatever brackets httpd does it, never more than the administrator allows,
 * and what a plain reading of the layers says. */
#include "mod_passenger/dir_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "app_type.h"
#include "scoreboard.h"
#include "test.h"

enum {
    ROUNDS = 300,
    BRACKETS = 5, /* for each round */
    LAYERS = 8,
    ROWS = 12, /* set by a layer at most */
    ENCODED = 65536,
    LOCAL = 1 << PSG_SCOPE_APP | 1 << PSG_SCOPE_PLACE,
};

static int chance(int n)
{
    return rand() % n;
}

/* One of the words the row allows. */
static const char *some_word(psg_option_e i)
{
    static const struct {
        psg_option_e option;
        const char *word;
    } words[] = {
#define OPTION_WORD(field, word, meaning) {PSG_OPT_##field, word},
#include "option_words.def"
    };
    int at = chance((int)(sizeof(words) / sizeof(words[0])));

    while (words[at].option != i) {
        at = (at + 1) % (int)(sizeof(words) / sizeof(words[0]));
    }
    return words[at].word;
}

static int some_number(const psg_option_row_t *row)
{
    int small = row->min + chance(20);

    switch (chance(4)) {
    case 0:
        return row->min;
    case 1:
        return row->max;
    default:
        return small < row->max ? small : row->max;
    }
}

/* A value that the row takes. */
static const char *some_text(psg_option_e i)
{
    switch (i) {
    case PSG_OPT_app_type:
        return chance(2) ? "ruby" : "node";
    case PSG_OPT_sticky_sessions_cookie_name:
        return test_format("name%d", chance(5));
    default:
        return test_format("/text/%d", chance(5));
    }
}

static const char *some_value(psg_option_e i)
{
    const psg_option_row_t *row = &psg_option_rows[i];

    switch (row->type) {
    case PSG_FLAG:
        return chance(2) ? "On" : "Off";
    case PSG_NUMBER:
        return test_format("%d", some_number(row));
    case PSG_WORD:
        return some_word(i);
    case PSG_PAIRS:
        return test_format("NAME_%d=%d", chance(4), chance(100));
    default:
        return some_text(i);
    }
}

static psg_dir_config_t *empty_layer(void)
{
    psg_dir_config_t *layer = apr_pcalloc(test_pool(), sizeof(*layer));

    layer->options = *psg_options_defaults();
    return layer;
}

/* A server, a <Directory> or a <Location>. */
static psg_dir_config_t *some_section(void)
{
    psg_dir_config_t *layer = empty_layer();

    for (int n = chance(ROWS); n > 0; n--) {
        psg_option_e i = (psg_option_e)chance(PSG_OPTION_COUNT);

        if (psg_option_rows[i].scope != PSG_SCOPE_GLOBAL) {
            CHECK_STR(
                psg_options_set(&layer->options, i, some_value(i), test_pool()),
                NULL);
        }
    }
    return layer;
}

/* A .htaccess whose owner tries everything, as config.c would read it. */
static psg_dir_config_t *some_htaccess(void)
{
    psg_dir_config_t *layer = empty_layer();
    psg_htaccess_t *file = apr_pcalloc(test_pool(), sizeof(*file));

    file->file = "/srv/.htaccess";
    file->owner = (apr_uid_t)(chance(3) ? 1001 : chance(2) ? 0 : 1002);
    file->untrusted = chance(10) ? NULL : "it is a link";
    file->problems = apr_array_make(test_pool(), 1, sizeof(const char *));
    file->said = *psg_options_defaults();
    for (int n = 1 + chance(ROWS); n > 0; n--) {
        psg_option_e i = (psg_option_e)chance(PSG_OPTION_COUNT);
        const char *value = some_value(i);

        if (!psg_dir_config_objection(i, value, test_pool())) {
            file->line[i] = n;
            CHECK_STR(psg_options_set(&file->said, i, value, test_pool()),
                      NULL);
        }
    }
    layer->htaccess = file;
    return layer;
}

static const psg_dir_config_t *merge_in_order(psg_dir_config_t *const *layers,
                                              int count)
{
    const psg_dir_config_t *merged = layers[0];

    for (int i = 1; i < count; i++) {
        merged = psg_dir_config_merge(merged, layers[i], test_pool());
    }
    return merged;
}

static const psg_dir_config_t *
merge_in_brackets(psg_dir_config_t *const *layers, int count)
{
    int left = count > 1 ? 1 + chance(count - 1) : 0;

    return left == 0
               ? layers[0]
               : psg_dir_config_merge(
                   merge_in_brackets(layers, left),
                   merge_in_brackets(layers + left, count - left), test_pool());
}

static const char *describe(const psg_options_t *options)
{
    static char encoded[ENCODED];
    size_t len = psg_options_encode(options, LOCAL, encoded, ENCODED);

    CHECK(len > 0);
    for (size_t i = 0; i < len; i++) {
        encoded[i] = encoded[i] ? encoded[i] : '\n';
    }
    return apr_pstrmemdup(test_pool(), encoded, len);
}

/* All that matters of it: what holds, what is complained of, whose it is. */
static const char *outcome(const psg_dir_config_t *config)
{
    apr_array_header_t *problems =
        apr_array_make(test_pool(), 1, sizeof(const char *));
    const psg_options_t *holds =
        psg_dir_config_weigh(config, problems, test_pool());
    const psg_htaccess_t *file = config->htaccess;
    const char *text = test_format("%s--\n%s--\n", describe(&config->options),
                                   describe(holds));

    for (int i = 0; i < problems->nelts; i++) {
        text = test_format("%s%s\n", text,
                           APR_ARRAY_IDX(problems, i, const char *));
    }
    if (file) {
        text = test_format("%s%s %d\n", text,
                           file->untrusted ? "untrusted" : "trusted",
                           file->untrusted ? 0 : (int)file->owner);
    }
    return text;
}

static int number_of(const psg_options_t *options, int i)
{
    return *(const int *)((const char *)options + psg_option_rows[i].offset);
}

static int is_above(const psg_option_row_t *row, int value, int most)
{
    return row->class == PSG_CLASS_LOWERED
               ? value > most
               : most != 0 && (value == 0 || value > most);
}

/* What is the administrator's is as the administrator says, or below that. */
static void check_caps(const psg_dir_config_t *config)
{
    apr_array_header_t *problems =
        apr_array_make(test_pool(), 1, sizeof(const char *));
    const psg_options_t *admin = &config->options;
    const psg_options_t *holds =
        psg_dir_config_weigh(config, problems, test_pool());
    int is_full = strcmp(admin->htaccess, "full") == 0;
    int is_off = strcmp(admin->htaccess, "off") == 0;

    for (int i = 0; i < PSG_OPTION_COUNT; i++) {
        const psg_option_row_t *row = &psg_option_rows[i];
        const char *allowed =
            psg_options_text(admin, (psg_option_e)i, test_pool());
        const char *held =
            psg_options_text(holds, (psg_option_e)i, test_pool());

        if (is_off || row->scope == PSG_SCOPE_GLOBAL
            || row->class == PSG_CLASS_ADMIN) {
            CHECK_STR(held, allowed);
        }
        else if ((row->class == PSG_CLASS_CAPPED
                  || row->class == PSG_CLASS_LOWERED)
                 && !is_full) {
            CHECK(!is_above(row, number_of(holds, i), number_of(admin, i)));
        }
    }
}

/* The last layer that sets row i decides; a section takes from files above. */
static void check_row(const psg_dir_config_t *config,
                      psg_dir_config_t *const *layers, int count, int i)
{
    const char *admin = NULL, *tenant = NULL;

    for (int n = 0; n < count; n++) {
        const psg_htaccess_t *file = layers[n]->htaccess;

        if (psg_row_set_has(&layers[n]->options.set, (unsigned)i)) {
            admin = psg_options_text(&layers[n]->options, (psg_option_e)i,
                                     test_pool());
            tenant = NULL;
        }
        if (file && psg_row_set_has(&file->said.set, (unsigned)i)) {
            tenant =
                psg_options_text(&file->said, (psg_option_e)i, test_pool());
        }
    }
    CHECK_INT(psg_row_set_has(&config->options.set, (unsigned)i),
              admin != NULL);
    if (admin) {
        CHECK_STR(
            psg_options_text(&config->options, (psg_option_e)i, test_pool()),
            admin);
    }
    CHECK_INT(config->htaccess
                  && psg_row_set_has(&config->htaccess->said.set, (unsigned)i),
              tenant != NULL);
    if (tenant) {
        CHECK_STR(psg_options_text(&config->htaccess->said, (psg_option_e)i,
                                   test_pool()),
                  tenant);
    }
}

static void check_layers(const psg_dir_config_t *config,
                         psg_dir_config_t *const *layers, int count)
{
    for (int i = 0; i < PSG_OPTION_COUNT; i++) {
        if (psg_option_rows[i].type != PSG_PAIRS) { /* those add up */
            check_row(config, layers, count, i);
        }
    }
}

/* TEST_SEED: the one that a failed test printed. */
static void seed_by_chance(void)
{
    const char *given = getenv("TEST_SEED");
    unsigned seed =
        given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)psg_now();

    printf("TEST_SEED=%u\n", seed);
    srand(seed);
}

TEST(merging_is_the_same_in_any_brackets)
{
    seed_by_chance();
    for (int round = 0; round < ROUNDS; round++) {
        psg_dir_config_t *layers[LAYERS] = {some_section()}; /* a server */
        int count = 1 + chance(LAYERS);
        const psg_dir_config_t *merged;

        for (int i = 1; i < count; i++) {
            layers[i] = chance(2) ? some_section() : some_htaccess();
        }
        merged = merge_in_order(layers, count);
        for (int i = 0; i < BRACKETS; i++) {
            CHECK_STR(outcome(merge_in_brackets(layers, count)),
                      outcome(merged));
        }
        check_layers(merged, layers, count);
        check_caps(merged);
    }
}

TEST(no_row_of_the_administrator_is_the_tenants)
{
    seed_by_chance();
    for (int i = 0; i < PSG_OPTION_COUNT; i++) {
        const char *objection = psg_dir_config_objection(
            (psg_option_e)i, some_value((psg_option_e)i), test_pool());
        int is_admins = psg_option_rows[i].scope == PSG_SCOPE_GLOBAL
                        || psg_option_rows[i].class == PSG_CLASS_ADMIN;

        if (is_admins) {
            CHECK_CONTAINS(objection, "administrator only");
        }
        else if (i != PSG_OPT_startup_file && i != PSG_OPT_custom_error_page) {
            CHECK_STR(objection, NULL);
        }
    }
}

TEST(tenant_names_no_file_outside_of_the_apps_folder)
{
    static const psg_option_e rows[] = {PSG_OPT_startup_file,
                                        PSG_OPT_custom_error_page};
    static const char *const outside[] = {"/x", "..", "../x", "x/../../y",
                                          "x/.."};
    static const char *const inside[] = {"x", "x/y", "..x", "x..", "x/..y/z"};

    for (int i = 0; i < 2; i++) {
        for (int n = 0; n < 5; n++) {
            CHECK_CONTAINS(
                psg_dir_config_objection(rows[i], outside[n], test_pool()),
                "outside of the app's folder");
            CHECK_STR(psg_dir_config_objection(rows[i], inside[n], test_pool()),
                      NULL);
        }
    }
}
