/* SPDX-License-Identifier: Apache-2.0 */

/* Checks the strings among the directives' values. Called by options.c. */
#include "option_check.h"

#include <string.h>

#include <apr_strings.h>

#include "app_type.h"

const char *psg_option_wrong(unsigned i, const char *text, const char *what,
                             apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s: '%.200s' %s", psg_option_rows[i].name, text,
                        what);
}

static int has_control_character(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return 1;
        }
    }
    return 0;
}

/* RFC 9110, 5.6.2: what a cookie may be called. */
static int is_token(const char *text)
{
    return text[strspn(text, "!#$%&'*+-.^_`|~0123456789"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz")]
           == '\0';
}

static int is_pair(const char *text)
{
    size_t len =
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw"
                     "xyz_0123456789");

    return len > 0 && text[len] == '=' && (text[0] < '0' || text[0] > '9');
}

const char *psg_option_check_text(unsigned i, const char *text,
                                  apr_pool_t *pool)
{
    if (*text == '\0') {
        return psg_option_wrong(i, text, "is empty", pool);
    }
    if (has_control_character(text)) {
        return apr_pstrcat(pool, psg_option_rows[i].name,
                           ": the value contains a control character", NULL);
    }
    if (i == PSG_OPT_base_uri && *text != '/') {
        return psg_option_wrong(i, text, "does not begin with a slash", pool);
    }
    if (i == PSG_OPT_base_uri && text[strlen(text) - 1] == '/') {
        return psg_option_wrong(i, text, "ends with a slash", pool);
    }
    if (psg_option_rows[i].type == PSG_PAIRS && !is_pair(text)) {
        return apr_pstrcat(pool, psg_option_rows[i].name,
                           ": the name is not made of letters, digits and '_'",
                           NULL);
    }
    if (i == PSG_OPT_sticky_sessions_cookie_name && !is_token(text)) {
        return psg_option_wrong(i, text, "is no name of a cookie", pool);
    }
    if (i == PSG_OPT_app_type && !psg_app_type_find(text)) {
        return psg_option_wrong(
            i, text,
            apr_pstrcat(pool, "is none of ", psg_app_type_names(), NULL), pool);
    }
    return NULL;
}
