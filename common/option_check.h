/* SPDX-License-Identifier: Apache-2.0 */

/* What a directive's value must be. Thread-safe; each returns NULL or what is
 * wrong, for people, in `pool`. i: a psg_option_e. */
#ifndef PSG_OPTION_CHECK_H
#define PSG_OPTION_CHECK_H

#include "options.h"

/* "PassengerX: 'text' is ..."; what: "is ...". Never NULL. */
const char *psg_option_wrong(unsigned i, const char *text, const char *what,
                             apr_pool_t *pool);

/* What every string must be, and some more than that. */
const char *psg_option_check_text(unsigned i, const char *text,
                                  apr_pool_t *pool);

#endif
