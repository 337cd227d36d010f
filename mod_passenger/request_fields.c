/* SPDX-License-Identifier: Apache-2.0 */

/* The visitor's headers on their way to an app: which pass, and how they are
 * written. Called by session_head.c and http_head.c. */
#include <string.h>
#include <strings.h>

#include "request_head.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "byte_class.h"

enum {
    SEEN_BITS = 1024,
    SEARCH_MAX = 128
};

/* Who never hears of a header. */
enum {
    FROM_SESSION = 1,
    FROM_HTTP = 2,
    FROM_ALL = 3
};

typedef struct {
    const char *name;
    unsigned char len;
    unsigned char is_prefix;
    unsigned char hidden; /* FROM_... */
} rule_t;

#define NAME(text, hidden)                \
    {                                     \
        text, sizeof(text) - 1, 0, hidden \
    }
#define PREFIX(text, hidden)              \
    {                                     \
        text, sizeof(text) - 1, 1, hidden \
    }

/* Those of one connection; those that say what we say ourselves; and Proxy,
 * which many programs would take for their own proxy as HTTP_PROXY. */
static const rule_t rules[] = {
    NAME("Connection", FROM_ALL),
    NAME("Keep-Alive", FROM_ALL),
    NAME("TE", FROM_ALL),
    NAME("Trailer", FROM_ALL),
    NAME("Transfer-Encoding", FROM_ALL),
    NAME("Upgrade", FROM_ALL),
    NAME("HTTP2-Settings", FROM_ALL),
    NAME("Proxy", FROM_ALL),
    PREFIX("Proxy-", FROM_ALL),
    NAME("Expect", FROM_ALL),
    NAME("Content-Length", FROM_ALL),
    NAME("Content-Type", FROM_SESSION),
    NAME("X-Forwarded-For", FROM_HTTP),
    NAME("X-Forwarded-Proto", FROM_HTTP),
    NAME("X-Forwarded-Host", FROM_HTTP),
    PREFIX("X-Passenger-", FROM_HTTP),
};

/* Headers that stay although Connection names them: they say who the visitor
 * is or what was asked, perhaps set by the server, and must not be taken away
 * by him. */
static const rule_t kept[] = {
    NAME("Host", 0),
    NAME("Authorization", 0),
    NAME("Cookie", 0),
    NAME("Forwarded", 0),
    NAME("Via", 0),
    NAME("Origin", 0),
    NAME("Referer", 0),
    PREFIX("Content-", 0),
    PREFIX("X-Forwarded-", 0),
    PREFIX("X-Real-", 0),
    PREFIX("X-Client-", 0),
    PREFIX("X-Remote-", 0),
    PREFIX("X-SSL-", 0),
    PREFIX("X-Auth", 0),
    PREFIX("X-User", 0),
    NAME("True-Client-IP", 0),
};

static const rule_t *find_rule(const rule_t *table, size_t count,
                               const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++) {
        const rule_t *rule = &table[i];

        if ((rule->is_prefix ? len > rule->len : len == rule->len)
            && strncasecmp(name, rule->name, rule->len) == 0) {
            return rule;
        }
    }
    return NULL;
}

#define FIND_RULE(table, name, len) \
    find_rule(table, sizeof(table) / sizeof((table)[0]), name, len)

/* Letters, digits and '-' alone: with other signs several names would become
 * the same variable, and one could pose as another. Returns 0 or the length. */
static size_t plain_name_len(const char *name)
{
    size_t len = 0;

    for (; name[len]; len++) {
        if (!apr_isalnum(name[len]) && name[len] != '-') {
            return 0;
        }
    }
    return len;
}

/* Whether the visitor's Connection header names this one. */
static int is_named(const char *connection, const char *name, size_t len)
{
    while (*connection) {
        size_t n;

        connection += strspn(connection, ", \t");
        n = strcspn(connection, ", \t");
        if (n == len && strncasecmp(connection, name, len) == 0) {
            return !FIND_RULE(kept, name, len);
        }
        connection += n;
    }
    return 0;
}

/* httpd joins repeated headers with commas. In Cookie they are joined with
 * semicolons (RFC 6265, section 5.4), and no cookie holds a comma: where a name
 * and '=' follow one, it is httpd's. Works on what was just written. */
static void mend_cookie(char *value, size_t value_len)
{
    char *end = value + value_len;

    for (char *p = value; end - p > 2; p++) {
        const char *name = p + 2;

        if (p[0] != ',' || p[1] != ' ') {
            continue;
        }
        while (name < end && psg_byte_is(*name, PSG_BYTE_TOKEN)) {
            name++;
        }
        if (name < end && name > p + 2 && *name == '=') {
            *p = ';';
        }
    }
}

static int is_cookie(const char *name, size_t len)
{
    return len == 6 && strncasecmp(name, "Cookie", 6) == 0;
}

static void put_session(psg_request_head_t *head, const char *name, size_t len,
                        const char *value, size_t value_len)
{
    char *room = psg_request_head_room(head, 5 + len + 1 + value_len + 1);

    if (!room) {
        return;
    }
    memcpy(room, "HTTP_", 5);
    room += 5;
    for (size_t i = 0; i < len; i++) {
        *room++ = name[i] == '-' ? '_' : apr_toupper(name[i]);
    }
    *room++ = '\0';
    memcpy(room, value, value_len + 1);
    if (is_cookie(name, len)) {
        mend_cookie(room, value_len);
    }
}

/* httpd lets no line end through from visitors, but its own directives may. */
static void put_http(psg_request_head_t *head, const char *name, size_t len,
                     const char *value, size_t value_len)
{
    char *room = psg_request_head_room(head, len + 2 + value_len + 2);

    if (!room) {
        return;
    }
    memcpy(room, name, len);
    room += len;
    *room++ = ':';
    *room++ = ' ';
    for (size_t i = 0; i < value_len; i++) {
        room[i] = value[i] == '\r' || value[i] == '\n' ? ' ' : value[i];
    }
    if (is_cookie(name, len)) {
        mend_cookie(room, value_len);
    }
    room[value_len] = '\r';
    room[value_len + 1] = '\n';
}

static unsigned name_hash(const char *name)
{
    unsigned hash = 5381;

    for (; *name; name++) {
        hash = hash * 33 + (unsigned)(*name | 0x20);
    }
    return hash % SEEN_BITS;
}

/* A search for the name before entry i, which is not worth it for hundreds. */
static int is_repeated(const apr_table_entry_t *entries, int i)
{
    for (int j = 0; j < i && i < SEARCH_MAX; j++) {
        if (entries[j].key && entries[j].key_checksum == entries[i].key_checksum
            && strcasecmp(entries[j].key, entries[i].key) == 0) {
            return 1;
        }
    }
    return i >= SEARCH_MAX;
}

/* Whether two headers have the same name; for very many perhaps without reason. */
static int may_repeat(const apr_array_header_t *fields)
{
    const apr_table_entry_t *entries = (const apr_table_entry_t *)fields->elts;
    uint64_t seen[SEEN_BITS / 64] = {0};

    for (int i = 0; i < fields->nelts; i++) {
        unsigned hash;

        if (!entries[i].key) {
            continue;
        }
        hash = name_hash(entries[i].key);
        if (seen[hash / 64] & (uint64_t)1 << hash % 64
            && is_repeated(entries, i)) {
            return 1;
        }
        seen[hash / 64] |= (uint64_t)1 << hash % 64;
    }
    return 0;
}

static int join_cookie(void *joined, const char *name, const char *value)
{
    apr_table_t *table = joined;
    const char *before = apr_table_get(table, name);

    if (before) {
        value =
            apr_pstrcat(apr_table_elts(table)->pool, before, "; ", value, NULL);
    }
    apr_table_setn(table, "Cookie", value);
    return 1;
}

/* httpd joins what visitors repeat; modules may have added more since then. */
static const apr_array_header_t *joined_fields(request_rec *r)
{
    const apr_array_header_t *fields = apr_table_elts(r->headers_in);
    apr_table_t *copy, *cookie;

    if (!may_repeat(fields)) {
        return fields;
    }
    copy = apr_table_copy(r->pool, r->headers_in);
    cookie = apr_table_make(r->pool, 1);
    apr_table_do(join_cookie, cookie, copy, "Cookie", NULL);
    if (!apr_is_empty_table(cookie)) {
        apr_table_setn(copy, "Cookie", apr_table_get(cookie, "Cookie"));
    }
    apr_table_compress(copy, APR_OVERLAP_TABLES_MERGE);
    return apr_table_elts(copy);
}

void psg_request_fields_put(psg_request_head_t *head, request_rec *r,
                            psg_format_e format)
{
    const char *connection = apr_table_get(r->headers_in, "Connection");
    const apr_array_header_t *fields = joined_fields(r);
    const apr_table_entry_t *entries = (const apr_table_entry_t *)fields->elts;
    int reader = format == PSG_FORMAT_HTTP ? FROM_HTTP : FROM_SESSION;

    for (int i = 0; i < fields->nelts; i++) {
        const char *name = entries[i].key, *value = entries[i].val;
        size_t len = name && value ? plain_name_len(name) : 0;
        const rule_t *rule = len ? FIND_RULE(rules, name, len) : NULL;

        if (len == 0 || (rule && rule->hidden & reader)
            || (connection && is_named(connection, name, len))) {
            continue;
        }
        if (format == PSG_FORMAT_HTTP) {
            put_http(head, name, len, value, strlen(value));
        }
        else {
            put_session(head, name, len, value, strlen(value));
        }
    }
}
