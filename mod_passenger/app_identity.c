/* SPDX-License-Identifier: Apache-2.0 */

/* Makes the key of an app's group from what differs between apps. Called by
 * agent_client.c for every request an app answers. */

#include "app_identity.h"

#include <string.h>

/* What an app is found by. */
static const psg_option_e rows_to_find[] = {
    PSG_OPT_base_uri,
    PSG_OPT_app_root,
    PSG_OPT_htaccess,
    PSG_OPT_htaccess_interpreters,
};

/* Where the next byte goes; NULL once something did not fit. */
typedef struct {
    char *at;
    const char *end;
} writer_t;

static void put(writer_t *writer, const void *data, size_t len)
{
    if (!writer->at || (size_t)(writer->end - writer->at) < len) {
        writer->at = NULL;
        return;
    }
    memcpy(writer->at, data, len);
    writer->at += len;
}

/* With its NUL, so that "a" "bc" and "ab" "c" differ. */
static void put_text(writer_t *writer, const char *text)
{
    if (!text) {
        text = "";
    }
    put(writer, text, strlen(text) + 1);
}

static void put_list(writer_t *writer, const apr_array_header_t *list)
{
    int count = list ? list->nelts : 0;
    int i;

    put(writer, &count, sizeof(count));
    for (i = 0; i < count; i++) {
        put_text(writer, APR_ARRAY_IDX(list, i, const char *));
    }
}

static void put_table(writer_t *writer, const apr_table_t *table)
{
    const apr_array_header_t *list = table ? apr_table_elts(table) : NULL;

    for (int i = 0; list && i < list->nelts; i++) {
        const apr_table_entry_t *entry =
            &APR_ARRAY_IDX(list, i, apr_table_entry_t);

        put_text(writer, entry->key);
        put_text(writer, entry->val);
    }
    put_text(writer, NULL);
}

static void put_option(writer_t *writer, const psg_options_t *options,
                       unsigned i)
{
    const psg_option_row_t *row = &psg_option_rows[i];
    const void *field = (const char *)options + row->offset;

    switch (row->type) {
    case PSG_FLAG:
    case PSG_NUMBER:
        put(writer, field, sizeof(int));
        break;
    case PSG_TEXT:
    case PSG_WORD:
        put_text(writer, *(const char *const *)field);
        break;
    case PSG_LIST:
    case PSG_PAIRS:
        put_list(writer, *(const apr_array_header_t *const *)field);
        break;
    }
}

psg_row_set_t psg_app_identity_rows(const psg_options_t *options)
{
    psg_row_set_t rows = options->set;
    unsigned i;

    for (i = psg_row_set_next(&rows, 0); i < PSG_ROW_SET_ROOM;
         i = psg_row_set_next(&rows, i + 1)) {
        if (psg_option_rows[i].scope != PSG_SCOPE_APP) {
            psg_row_set_remove(&rows, i);
        }
    }
    for (i = 0; i < sizeof(rows_to_find) / sizeof(rows_to_find[0]); i++) {
        psg_row_set_remove(&rows, rows_to_find[i]);
    }
    return rows;
}

size_t psg_app_identity(char *buf, size_t size, const psg_request_t *req)
{
    const psg_app_t *app = &req->app;
    writer_t writer = {.at = buf, .end = buf + size};
    psg_row_set_t rows = psg_app_identity_rows(req->options);
    unsigned i;

    put(&writer, &app->owner, sizeof(app->owner));
    put(&writer, &app->owner_gid, sizeof(app->owner_gid));
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): which row, not what is in it */
    put(&writer, &app->type, sizeof(app->type));
    put_text(&writer, app->root);
    put_text(&writer, app->base_uri);
    put_text(&writer, app->startup_file);
    put_table(&writer, req->env);
    put(&writer, &rows, sizeof(rows));
    for (i = psg_row_set_next(&rows, 0); i < PSG_ROW_SET_ROOM;
         i = psg_row_set_next(&rows, i + 1)) {
        put_option(&writer, req->options, i);
    }
    return writer.at ? (size_t)(writer.at - buf) : 0;
}
