/* SPDX-License-Identifier: Apache-2.0 */

/* Values for any row of options.def, by its type, so that tests go over all
 * rows, those of tomorrow too. */
#ifndef OPTION_VALUES_H
#define OPTION_VALUES_H

#include "options.h"

/* One that the row takes and that is not its default; small, if it is a number.
 * PAIRS: NAME=VALUE, as psg_options_set() wants it. */
const char *option_good_value(psg_option_e i);

/* The n-th that it must refuse; NULL after the last. */
const char *option_bad_value(psg_option_e i, int n);

/* The whole line of a configuration file. */
const char *option_line(psg_option_e i);

#endif
