/* SPDX-License-Identifier: Apache-2.0 */

/* The values of all directives of options.def in one struct, used by httpd's
 * per-directory configuration, on the wire, and by the agent. */
#ifndef PSG_OPTIONS_H
#define PSG_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_tables.h>

#include "row_set.h"

typedef enum {
    PSG_SCOPE_GLOBAL,
    PSG_SCOPE_APP,
    PSG_SCOPE_PLACE
} psg_scope_e;
typedef enum {
    PSG_FLAG,
    PSG_NUMBER,
    PSG_TEXT,
    PSG_WORD,
    PSG_LIST,
    PSG_PAIRS
} psg_option_type_e;

typedef enum {
    PSG_CLASS_ADMIN,
    PSG_CLASS_OWNER,
    PSG_CLASS_TENANT,
    PSG_CLASS_CAPPED,
    PSG_CLASS_LOWERED
} psg_class_e;

/* Indices of the rows. */
typedef enum {
#define OPTION(scope, class, type, field, name, def, min, max, help) \
    PSG_OPT_##field,
#include "options.def"
    PSG_OPTION_COUNT
} psg_option_e;

#define PSG_C_FLAG int
#define PSG_C_NUMBER int
#define PSG_C_TEXT const char *
#define PSG_C_WORD const char *
#define PSG_C_PAIRS const apr_array_header_t * /* of const char * */
#define PSG_C_LIST const apr_array_header_t *  /* of const char * */

/* Unset fields hold the default, so readers need not look at `set`. */
typedef struct {
    psg_row_set_t set; /* the rows that were given explicitly */
#define OPTION(scope, class, type, field, name, def, min, max, help) \
    PSG_C_##type field;
#include "options.def"
} psg_options_t;

_Static_assert((int)PSG_OPTION_COUNT <= (int)PSG_ROW_SET_ROOM,
               "psg_row_set_t has no room for so many rows");

typedef struct {
    psg_scope_e scope;
    psg_class_e class;
    psg_option_type_e type;
    size_t offset; /* of the field */
    const char *name;
    int min, max;
    const char *help;
    const char *default_text; /* as the row has it; for the manual */
} psg_option_row_t;

extern const psg_option_row_t psg_option_rows[PSG_OPTION_COUNT];

/* All defaults, nothing set. */
const psg_options_t *psg_options_defaults(void);

/* A copy of that in pool. */
psg_options_t *psg_options_create(apr_pool_t *pool);

/* What `add` sets wins; add stays as it is. Strings and lists are shared, so
 * options lives no longer than add. PAIRS of both are joined in pool. */
void psg_options_apply(psg_options_t *options, const psg_options_t *add,
                       apr_pool_t *pool);

/* Sets row `i` from a directive's text, checking type and range. Returns NULL,
 * or what is wrong, allocated in pool, naming directive and allowed values. A
 * LIST appends unless text is there already. Text is copied to pool. */
const char *psg_options_set(psg_options_t *options, psg_option_e i,
                            const char *text, apr_pool_t *pool);

/* The value as people write it, "" if there is none; in pool or longer. */
const char *psg_options_text(const psg_options_t *options, psg_option_e i,
                             apr_pool_t *pool);

/* The row called name (letter case ignored, as httpd does), or -1. */
int psg_options_find(const char *name);

/* Wire form: for each row that is set and in a scope of `scopes` (bit 1 << scope):
 * field name NUL text NUL, a LIST as one such pair for each string; then one NUL
 * more. Writes at most size bytes; returns the length (never 0), or 0 with
 * nothing promised if it does not fit. No allocation. */
size_t psg_options_encode(const psg_options_t *options, unsigned scopes,
                          char *buf, size_t size);

/* The reverse; refuses unknown and repeated names, wrong values, and bytes after
 * the last NUL with APR_EINVAL. No bytes at all (len 0) mean nothing is set.
 * Hostile input is expected. Copies what it needs. */
apr_status_t psg_options_decode(psg_options_t **options, const char *buf,
                                size_t len, apr_pool_t *pool);

#endif
