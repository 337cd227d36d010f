/* SPDX-License-Identifier: Apache-2.0 */

/* What the configuration says for a place: the administrator's part and the
 * tenants', kept apart until a request comes, since httpd merges in any order
 * of brackets. Without httpd's headers, so that unit tests can use it. Merged
 * ones share strings and lists with what they were made from. */
#ifndef PSG_DIR_CONFIG_H
#define PSG_DIR_CONFIG_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_user.h>

#include "options.h"

/* One .htaccess, or several that were merged. */
typedef struct psg_htaccess_t {
    const char *file;
    apr_uid_t owner;              /* valid if !untrusted */
    const char *untrusted;        /* why nothing of it may count, or NULL */
    apr_array_header_t *problems; /* of const char * */
    psg_options_t said;
    int line[PSG_OPTION_COUNT];
} psg_htaccess_t;

/* The per-directory configuration. Options of scope GLOBAL are read from
 * psg_global_options(). */
typedef struct {
    psg_options_t options;          /* the administrator's */
    const psg_htaccess_t *htaccess; /* what tenants say, or NULL */
    apr_array_header_t *origins; /* of psg_origin_t; NULL but with httpd -t */
    int is_repeated;             /* says again what another section said */
} psg_dir_config_t;

/* What holds where add is inside of base, or comes after it: a new one in pool,
 * both stay as they are. What a section says that comes after a .htaccess, a
 * <Location>, counts more than the file. */
psg_dir_config_t *psg_dir_config_merge(const psg_dir_config_t *base,
                                       const psg_dir_config_t *add,
                                       apr_pool_t *pool);

/* Why no .htaccess at all may set row i to text, in pool; NULL if it may. */
const char *psg_dir_config_objection(psg_option_e i, const char *text,
                                     apr_pool_t *pool);

/* What holds: the administrator's options, and of the tenants' what those
 * allow; of other lines it says in problems (const char *) why they do not
 * count. */
const psg_options_t *psg_dir_config_weigh(const psg_dir_config_t *config,
                                          apr_array_header_t *problems,
                                          apr_pool_t *pool);

#endif
