/* SPDX-License-Identifier: Apache-2.0 */

/* Prints the state of all apps. Called by agent_tool. */
#include "status_report.h"

#include <string.h>

#include "agent_log.h"

enum {
    MINUTE = 60,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    KIB_PER_MIB = 1024
};

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static int is_set(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key, apr_pool_t *pool)
{
    const char *value = json_string_value(json_object_get(object, key));
    size_t size = value ? strlen(value) * 4 + 1 : 1;
    char *escaped = apr_palloc(pool, size);

    (void)agent_log_escape(escaped, size, value ? value : "");
    return escaped;
}

static void print_time(FILE *out, json_int_t seconds)
{
    if (seconds >= DAY) {
        fprintf(out, "%lldd %lldh", (long long)(seconds / DAY),
                (long long)(seconds % DAY / HOUR));
    }
    else if (seconds >= HOUR) {
        fprintf(out, "%lldh %lldm", (long long)(seconds / HOUR),
                (long long)(seconds % HOUR / MINUTE));
    }
    else if (seconds >= MINUTE) {
        fprintf(out, "%lldm %llds", (long long)(seconds / MINUTE),
                (long long)(seconds % MINUTE));
    }
    else {
        fprintf(out, "%llds", (long long)seconds);
    }
}

static void print_process(FILE *out, const json_t *process, apr_pool_t *pool)
{
    json_int_t memory = number(process, "memory_kib");

    fprintf(out, "  * PID: %-7lld Requests: %-3lld Processed: %-7lld Uptime: ",
            (long long)number(process, "pid"),
            (long long)number(process, "busy"),
            (long long)number(process, "served"));
    print_time(out, number(process, "uptime"));
    fputs("\n    Memory: ", out);
    if (memory >= 0) {
        fprintf(out, "%lldM", (long long)(memory / KIB_PER_MIB));
    }
    else {
        fputs("unknown", out);
    }
    fputs("  Last used: ", out);
    print_time(out, number(process, "idle"));
    fprintf(out, " ago  State: %s%s\n", text(process, "state", pool),
            is_set(process, "old") ? ", of an old version" : "");
}

static void print_app(FILE *out, const json_t *app, apr_pool_t *pool)
{
    const json_t *error = json_object_get(app, "last_error");
    const json_t *preloader = json_object_get(app, "preloader");
    const json_t *process;
    size_t i;

    fprintf(out, "\n%s (%s):\n", text(app, "name", pool),
            text(app, "environment", pool));
    fprintf(out, "  App root: %s\n", text(app, "app", pool));
    if (text(app, "base_uri", pool)[0]) {
        fprintf(out, "  Base URI: %s\n", text(app, "base_uri", pool));
    }
    if (is_set(app, "restarting")) {
        fputs("  (restarting...)\n", out);
    }
    fprintf(out, "  Requests in queue: %lld\n",
            (long long)number(app, "queued"));
    if (is_set(app, "failing") && json_is_object(error)) {
        fprintf(out, "  Last start failed: error id %s: %s\n",
                text(error, "id", pool), text(error, "summary", pool));
    }
    if (json_is_object(preloader)) {
        fprintf(out, "  Preloader PID: %lld  Memory: %lldM  State: %s\n",
                (long long)number(preloader, "pid"),
                (long long)(number(preloader, "memory_kib") / KIB_PER_MIB),
                text(preloader, "state", pool));
    }
    json_array_foreach(json_object_get(app, "processes"), i, process)
    {
        print_process(out, process, pool);
    }
}

static size_t count_processes(const json_t *apps)
{
    const json_t *app;
    size_t i, count = 0;

    json_array_foreach(apps, i, app)
    {
        count += json_array_size(json_object_get(app, "processes"));
    }
    return count;
}

void status_report_print(FILE *out, const json_t *status, apr_pool_t *pool)
{
    const json_t *apps = json_object_get(status, "apps");
    const json_t *app;
    size_t i;

    fprintf(out, "Version : %s\n\n", text(status, "version", pool));
    fputs("----------- General information -----------\n", out);
    fprintf(out, "Max pool size : %lld\n",
            (long long)number(status, "max_pool_size"));
    fprintf(out, "App groups    : %zu\n", json_array_size(apps));
    fprintf(out, "Processes     : %zu\n\n", count_processes(apps));
    fputs("----------- Application groups -----------\n", out);
    if (json_array_size(apps) == 0) {
        fputs("No app is running that you may see.\n", out);
    }
    json_array_foreach(apps, i, app)
    {
        print_app(out, app, pool);
    }
}
