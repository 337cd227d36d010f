/* SPDX-License-Identifier: Apache-2.0 */

/* What a test's httpd may log: nothing of level error or worse, no crash, no
 * sanitizer report, but what the test said it expects. Tests register what
 * they expect, httpd_server.c has the log checked. */
#include "httpd_parts.h"

#include <regex.h>
#include <string.h>

#include <apr_strings.h>

#include "test.h"

/* httpd's "[module:level]", the agent's "[level]"; "exit signal" is AH00052. */
static const char bad_line[] =
    "\\[([a-z0-9_]*:)?(error|crit|alert|emerg)\\]"
    "|exit signal|Sanitizer|runtime error:|Assertion|double free|corrupt";

/* httpd's own, when it is stopped while a worker still has the connection of
 * an answer that was sent: it closes that worker's socket. */
static const char harmless_line[] = "(9)Bad file descriptor: AH0309";

typedef struct {
    const char *text;
    int must; /* be there */
    int seen;
} expectation_t;

static expectation_t expectations[64];
static int expectation_count;

static void expect(const char *text, int must)
{
    int i;

    for (i = 0; i < expectation_count; i++) {
        if (strcmp(expectations[i].text, text) == 0) {
            expectations[i].must |= must;
            return;
        }
    }
    CHECK(expectation_count < 64);
    expectations[expectation_count++] =
        (expectation_t){test_format("%s", text), must, 0};
}

void httpd_expect_log(const char *text)
{
    expect(text, 1);
}

void httpd_allow_log(const char *text)
{
    expect(text, 0);
}

static int is_expected(const char *line)
{
    int i, found = strstr(line, harmless_line) != NULL;

    for (i = 0; i < expectation_count; i++) {
        if (strstr(line, expectations[i].text)) {
            expectations[i].seen = 1;
            found = 1;
        }
    }
    return found;
}

/* httpd without our module says this too, now and then, when it is told to end
 * while a thread of its event MPM is about to keep a connection. */
static int is_httpds_own(const char *line)
{
    return strstr(line, "(9)Bad file descriptor")
           && strstr(line, "apr_pollset_add failure");
}

void httpd_parts_check_log(const char *log)
{
    char *copy = apr_pstrdup(test_pool(), log);
    char *last = NULL, *line = apr_strtok(copy, "\n", &last);
    regex_t bad;
    int i;

    CHECK_INT(regcomp(&bad, bad_line, REG_EXTENDED | REG_NOSUB), 0);
    for (; line; line = apr_strtok(NULL, "\n", &last)) {
        if (!is_expected(line) && !is_httpds_own(line)
            && regexec(&bad, line, 0, NULL, 0) == 0) {
            FAIL("unexpected line in the error log: %s", line);
        }
    }
    regfree(&bad);
    for (i = 0; i < expectation_count; i++) {
        if (expectations[i].must && !expectations[i].seen) {
            FAIL("the error log lacks \"%s\"", expectations[i].text);
        }
    }
}
