/* SPDX-License-Identifier: Apache-2.0 */

/* What .htaccess files say of apps: they are written by tenants, so each word
 * is weighed by the class of its directive (see options.def). A line that is
 * wrong or not allowed is one line of the log, and counts for nothing. */
#ifndef PSG_HTACCESS_H
#define PSG_HTACCESS_H

#include "mod_passenger.h"

/* Whether cmd stands in a .htaccess. */
int psg_htaccess_is_one(const cmd_parms *cmd);

/* Sets row i to what the file says, in config->htaccess, which is made at the
 * first time. Returns NULL, or what is wrong with that. */
const char *psg_htaccess_set(psg_dir_config_t *config, cmd_parms *cmd,
                             psg_option_e i, const char *text);

/* Takes note of what is wrong with the line. */
void psg_htaccess_complain(psg_dir_config_t *config, cmd_parms *cmd,
                           const char *problem);

/* Tells the log why the line does nothing, at most once a minute. */
void psg_htaccess_explain(cmd_parms *cmd, const char *why);

/* What holds: the administrator's options, and of the tenants' what those
 * allow. Also logs what was wrong with lines, each at most once a minute. */
const psg_options_t *psg_htaccess_apply(request_rec *r,
                                        const psg_dir_config_t *config);

/* NULL if what the files say may hold for an app that runs as uid; else why
 * not, in pool. */
const char *psg_htaccess_check(const psg_dir_config_t *config, apr_uid_t uid,
                               apr_pool_t *pool);

#endif
