/* SPDX-License-Identifier: Apache-2.0 */

/* See chaos_table.h. All long tests call it. */
#include "chaos_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "test.h"

static int broken;

static double seconds_of(const char *variable, double usual)
{
    const char *text = getenv(variable);
    double seconds = text ? strtod(text, NULL) : 0;

    return seconds > 0 ? seconds : usual;
}

double chaos_seconds(void)
{
    return seconds_of("CHAOS_SECONDS", 20);
}

double chaos_soak_seconds(void)
{
    return seconds_of("CHAOS_SOAK", 600);
}

void chaos_print(const char *format, ...)
{
    const char *path = getenv("CHAOS_TABLE");
    FILE *file = path ? fopen(path, "ae") : NULL;
    va_list args;

    va_start(args, format);
    vfprintf(file ? file : stdout, format, args);
    va_end(args);
    fputs("\n", file ? file : stdout);
    if (file) {
        fclose(file);
    }
}

void chaos_limit(const char *what, double value, double limit, const char *unit)
{
    int holds = value <= limit;

    broken += !holds;
    chaos_print("  %-46s %10.2f %-6s at most %8.2f  %s", what, value, unit,
                limit, holds ? "holds" : "DOES NOT HOLD");
}

void chaos_verdict(void)
{
    CHECK_INT(broken, 0);
}
