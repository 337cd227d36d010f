/* SPDX-License-Identifier: Apache-2.0 */

/* What the long tests print: a line each in the file $CHAOS_TABLE (or on
 * standard output), and how long they may take. `make chaos` sets all three. */
#ifndef CHAOS_TABLE_H
#define CHAOS_TABLE_H

/* $CHAOS_SECONDS, default 20: for each kind of strike. */
double chaos_seconds(void);
/* $CHAOS_SOAK, default 600. */
double chaos_soak_seconds(void);

/* A line of text; the newline is added. */
void chaos_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "  what: value unit, at most limit: holds"; fails the test at its end, not
 * now, if it does not hold. */
void chaos_limit(const char *what, double value, double limit,
                 const char *unit);
/* Fails the test if a limit did not hold. */
void chaos_verdict(void);

#endif
