/* SPDX-License-Identifier: Apache-2.0 */

/* doc/SECURITY names tests for what it says: they exist. */
#include "test.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

#include <apr_strings.h>

/* NOUN/PROMISE, "..." for any part of a promise, "fuzz" for none of ours. */
static int is_name(const char *word, size_t len)
{
    const char *slash = memchr(word, '/', len);

    for (size_t i = 0; i < len; i++) {
        if (!islower((unsigned char)word[i]) && !strchr("_/.", word[i])) {
            return 0;
        }
    }
    return slash && slash > word && slash + 3 < word + len;
}

static int is_there(const char *pattern, const char *list)
{
    char *state, *copy = apr_pstrdup(test_pool(), list);

    for (char *line = apr_strtok(copy, "\n", &state); line;
         line = apr_strtok(NULL, "\n", &state)) {
        if (fnmatch(pattern, line, 0) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "..." as fnmatch(3) has it, without what ends a sentence. */
static const char *pattern_of(const char *word, size_t len)
{
    const char *rest = apr_pstrmemdup(test_pool(), word, len), *dots;
    const char *pattern = "";

    while ((dots = strstr(rest, "...")) != NULL) {
        pattern = test_format("%s%.*s*", pattern, (int)(dots - rest), rest);
        rest = dots + 3;
    }
    return test_format("%s%.*s", pattern, (int)strcspn(rest, "."), rest);
}

TEST(tests_that_the_page_names_exist)
{
    const char *at = test_read(TEST_SRCDIR "/doc/SECURITY"), *list;
    int count = 0;

    CHECK_INT(test_shell(&list, "'%s/test_run' --list", TEST_OUTDIR), 0);
    at = strstr(at, "\n5. ");
    CHECK(at != NULL);
    while (*at) {
        size_t len = strcspn(at, " \n,;:()");
        const char *word = at;

        at += len + (at[len] != '\0');
        if (!is_name(word, len) || strncmp(word, "out/", 4) == 0
            || strncmp(word, "common/", 7) == 0) {
            continue;
        }
        if (!is_there(pattern_of(word, len), list)) {
            FAIL("no test is called '%.*s'", (int)len, word);
        }
        count++;
    }
    CHECK(count > 40);
}
