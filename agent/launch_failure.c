/* SPDX-License-Identifier: Apache-2.0 */

/* Writes down what a launch found and why it failed, in a loader's form. Called by
 * the launcher just before the process ends. */
#include "launcher.h"

#include <jansson.h>

#include <apr_strings.h>

/* Paths may be any bytes, JSON is UTF-8. Where text is not, all its bytes
 * beyond ASCII are replaced: it is for people to read. */
static json_t *to_json(const char *text, apr_pool_t *pool)
{
    json_t *string = json_string(text);
    char *copy, *c;

    if (string) {
        return string;
    }
    copy = apr_pstrdup(pool, text);
    for (c = copy; *c; c++) {
        if (*c & 0x80) {
            *c = '?';
        }
    }
    return json_string(copy);
}

/* The text of object, which it frees; NULL if there is no memory for jansson. */
static const char *to_line(json_t *object, apr_pool_t *pool)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    const char *line = text ? apr_pstrcat(pool, text, "\n", NULL) : NULL;

    free(text);
    json_decref(object);
    return line;
}

const char *launch_interpreter_line(const char *path, const char *why,
                                    apr_pool_t *pool)
{
    const char *line =
        to_line(json_pack("{s:s, s:o, s:o}", "event", "interpreter", "path",
                          to_json(path, pool), "why", to_json(why, pool)),
                pool);

    return line ? line : "";
}

const char *launch_failure_line(const launch_failure_t *failure,
                                apr_pool_t *pool)
{
    const char *line = to_line(
        json_pack("{s:s, s:o, s:o, s:o}", "event", "failed", "step",
                  to_json(failure->step, pool), "summary",
                  to_json(failure->summary, pool), "details",
                  to_json(failure->details ? failure->details : "", pool)),
        pool);

    return line ? line
                : "{\"event\":\"failed\",\"step\":\"exec\",\"summary\":"
                  "\"out of memory\",\"details\":\"\"}\n";
}
