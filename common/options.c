/* SPDX-License-Identifier: Apache-2.0 */

/* The directives' values: defaults, merge, checks and wire form, all made from
 * options.def. Called by the module's configuration and by the agent. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "option_check.h"
#include "options.h"

enum {
    /* Lists are copied when they grow; a peer must not make that costly. */
    LIST_MAX = 1024,
};

const psg_option_row_t psg_option_rows[PSG_OPTION_COUNT] = {
#define OPTION(scope, class, type, field, name, def, min, max, help) \
    {PSG_SCOPE_##scope,                                              \
     PSG_CLASS_##class,                                              \
     PSG_##type,                                                     \
     offsetof(psg_options_t, field),                                 \
     name,                                                           \
     min,                                                            \
     max,                                                            \
     help,                                                           \
     #def},
#include "options.def"
};

static const psg_options_t defaults = {
#define OPTION(scope, class, type, field, name, def, min, max, help) \
    .field = def,
#include "options.def"
};

/* What a row is called on the wire. */
static const char *const field_names[PSG_OPTION_COUNT] = {
#define OPTION(scope, class, type, field, name, def, min, max, help) #field,
#include "options.def"
};

/* A row's field; the caller knows its type. */
static void *field_of(psg_options_t *options, unsigned i)
{
    return (char *)options + psg_option_rows[i].offset;
}

static const void *field_in(const psg_options_t *options, unsigned i)
{
    return (const char *)options + psg_option_rows[i].offset;
}

const psg_options_t *psg_options_defaults(void)
{
    return &defaults;
}

psg_options_t *psg_options_create(apr_pool_t *pool)
{
    return apr_pmemdup(pool, &defaults, sizeof(defaults));
}

/* Called for every section and .htaccess of a request: only the rows that are
 * set are looked at. */
void psg_options_apply(psg_options_t *options, const psg_options_t *add,
                       apr_pool_t *pool)
{
    unsigned i;

    for (i = psg_row_set_next(&add->set, 0); i < PSG_ROW_SET_ROOM;
         i = psg_row_set_next(&add->set, i + 1)) {
        psg_option_type_e type = psg_option_rows[i].type;

        if (type == PSG_FLAG || type == PSG_NUMBER) {
            *(int *)field_of(options, i) = *(const int *)field_in(add, i);
        }
        else if (type == PSG_PAIRS && psg_row_set_has(&options->set, i)) {
            *(const void **)field_of(options, i) = apr_array_append(
                pool, *(const apr_array_header_t *const *)field_in(options, i),
                *(const apr_array_header_t *const *)field_in(add, i));
        }
        else { /* a string or a list, shared */
            *(const void **)field_of(options, i) =
                *(const void *const *)field_in(add, i);
        }
    }
    psg_row_set_merge(&options->set, &add->set);
}

static const char *set_flag(int *field, unsigned i, const char *text,
                            apr_pool_t *pool)
{
    if (strcasecmp(text, "on") == 0) {
        *field = 1;
        return NULL;
    }
    if (strcasecmp(text, "off") == 0) {
        *field = 0;
        return NULL;
    }
    return psg_option_wrong(i, text, "is not On or Off", pool);
}

/* Digits only, or a minus where the row allows it: no space, no unit. */
static const char *set_number(int *field, unsigned i, const char *text,
                              apr_pool_t *pool)
{
    const psg_option_row_t *row = &psg_option_rows[i];
    const char *digits = text + (row->min < 0 && *text == '-');
    size_t len = strlen(digits);
    apr_int64_t value = (apr_int64_t)row->min - 1;

    if (len > 0 && len < 16 && strspn(digits, "0123456789") == len) {
        value = apr_atoi64(text);
    }
    if (value < row->min || value > row->max) {
        return psg_option_wrong(
            i, text,
            apr_psprintf(pool, "is not a whole number from %d to %d", row->min,
                         row->max),
            pool);
    }
    *field = (int)value;
    return NULL;
}

static const char *set_text(const char **field, unsigned i, const char *text,
                            apr_pool_t *pool)
{
    const char *problem = psg_option_check_text(i, text, pool);

    if (!problem) {
        *field = apr_pstrdup(pool, text);
    }
    return problem;
}

static const struct {
    unsigned option;
    const char *word, *meaning;
} words[] = {
#define OPTION_WORD(field, word, meaning) {PSG_OPT_##field, word, meaning},
#include "option_words.def"
};

static const char *set_word(const char **field, unsigned i, const char *text,
                            apr_pool_t *pool)
{
    const char *all = NULL;
    size_t w;

    for (w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        if (words[w].option != i) {
            continue;
        }
        if (strcasecmp(words[w].word, text) == 0) {
            *field = words[w].meaning;
            return NULL;
        }
        all = all ? apr_pstrcat(pool, all, ", ", words[w].word, NULL)
                  : words[w].word;
    }
    return psg_option_wrong(i, text,
                            apr_pstrcat(pool, "is none of ", all, NULL), pool);
}

static int list_has(const apr_array_header_t *list, const char *text)
{
    int i;

    for (i = 0; list && i < list->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(list, i, const char *), text) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The list may be shared with what it was merged from: it is never appended to
 * but replaced by a longer one. */
static const char *list_add(const apr_array_header_t **field, unsigned i,
                            const char *text, apr_pool_t *pool)
{
    const char *problem = psg_option_check_text(i, text, pool);
    apr_array_header_t *list;

    if (problem) {
        return problem;
    }
    if (list_has(*field, text)) {
        return NULL;
    }
    if (*field && (*field)->nelts >= LIST_MAX) {
        return psg_option_wrong(
            i, text,
            apr_psprintf(pool, "is one too many: at most %d may be given",
                         LIST_MAX),
            pool);
    }
    list = *field ? apr_array_copy(pool, *field)
                  : apr_array_make(pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(list, const char *) = apr_pstrdup(pool, text);
    *field = list;
    return NULL;
}

const char *psg_options_set(psg_options_t *options, psg_option_e i,
                            const char *text, apr_pool_t *pool)
{
    const char *problem = NULL;
    void *field = field_of(options, i);

    if (i == PSG_OPT_base_uri && strcmp(text, "/") == 0) {
        /* The root needs no base URI: what it asks for is so anyway. */
        return NULL;
    }
    switch (psg_option_rows[i].type) {
    case PSG_FLAG:
        problem = set_flag(field, i, text, pool);
        break;
    case PSG_NUMBER:
        problem = set_number(field, i, text, pool);
        break;
    case PSG_TEXT:
        problem = set_text(field, i, text, pool);
        break;
    case PSG_WORD:
        problem = set_word(field, i, text, pool);
        break;
    case PSG_LIST:
    case PSG_PAIRS:
        problem = list_add(field, i, text, pool);
        break;
    }
    if (!problem) {
        psg_row_set_add(&options->set, i);
    }
    return problem;
}

int psg_options_find(const char *name)
{
    int i;

    for (i = 0; i < PSG_OPTION_COUNT; i++) {
        if (strcasecmp(psg_option_rows[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Appends text and its NUL at buf[*len]; returns 0 if they do not fit. */
static int put_text(char *buf, size_t size, size_t *len, const char *text)
{
    size_t text_len = strlen(text) + 1;

    if (text_len > size - *len) {
        return 0;
    }
    memcpy(buf + *len, text, text_len);
    *len += text_len;
    return 1;
}

static int put_pair(char *buf, size_t size, size_t *len, unsigned i,
                    const char *text)
{
    return put_text(buf, size, len, field_names[i])
           && put_text(buf, size, len, text);
}

static int put_list(char *buf, size_t size, size_t *len, unsigned i,
                    const apr_array_header_t *list)
{
    int item;

    for (item = 0; list && item < list->nelts; item++) {
        if (!put_pair(buf, size, len, i,
                      APR_ARRAY_IDX(list, item, const char *))) {
            return 0;
        }
    }
    return 1;
}

static int put_row(char *buf, size_t size, size_t *len, unsigned i,
                   const psg_options_t *options)
{
    const void *field = field_in(options, i);
    const char *text;
    char number[16];

    switch (psg_option_rows[i].type) {
    case PSG_FLAG:
        return put_pair(buf, size, len, i, *(const int *)field ? "On" : "Off");
    case PSG_NUMBER:
        snprintf(number, sizeof(number), "%d", *(const int *)field);
        return put_pair(buf, size, len, i, number);
    case PSG_TEXT:
    case PSG_WORD:
        text = *(const char *const *)field;
        return !text || put_pair(buf, size, len, i, text);
    case PSG_LIST:
    case PSG_PAIRS:
        return put_list(buf, size, len, i,
                        *(const apr_array_header_t *const *)field);
    }
    return 0;
}

size_t psg_options_encode(const psg_options_t *options, unsigned scopes,
                          char *buf, size_t size)
{
    size_t len = 0;
    unsigned i;

    for (i = 0; i < PSG_OPTION_COUNT; i++) {
        if (psg_row_set_has(&options->set, i)
            && (scopes >> psg_option_rows[i].scope & 1) != 0
            && !put_row(buf, size, &len, i, options)) {
            return 0;
        }
    }
    return put_text(buf, size, &len, "") ? len : 0;
}

static int field_find(const char *field)
{
    int i;

    for (i = 0; i < PSG_OPTION_COUNT; i++) {
        if (strcmp(field_names[i], field) == 0) {
            return i;
        }
    }
    return -1;
}

/* The string at *at, which ends before `end`; NULL if it does not. */
static const char *take_text(const char **at, const char *end)
{
    const char *text = *at;
    const char *nul = memchr(text, '\0', (size_t)(end - text));

    if (!nul) {
        return NULL;
    }
    *at = nul + 1;
    return text;
}

apr_status_t psg_options_decode(psg_options_t **options, const char *buf,
                                size_t len, apr_pool_t *pool)
{
    psg_options_t *decoded = psg_options_create(pool);
    const char *at = buf;
    const char *end = buf + len;

    while (at < end) {
        const char *field = take_text(&at, end);
        const char *text;
        int i;

        if (field && *field == '\0' && at == end) {
            break;
        }
        text = field ? take_text(&at, end) : NULL;
        i = text ? field_find(field) : -1;
        if (i < 0
            || (psg_row_set_has(&decoded->set, (unsigned)i)
                && psg_option_rows[i].type != PSG_LIST
                && psg_option_rows[i].type != PSG_PAIRS)
            || psg_options_set(decoded, (psg_option_e)i, text, pool)) {
            return APR_EINVAL;
        }
    }
    *options = decoded;
    return APR_SUCCESS;
}
