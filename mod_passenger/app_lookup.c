/* SPDX-License-Identifier: Apache-2.0 */

/* Answers one question: which app owns this URI? Called by request_map.c for
 * every request that is not for a file. */

#include "app_lookup.h"

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>

#include "app_search.h"
#include "lookup_cache.h"

enum {
    REMEMBERED = 4096, /* answers of one child */
    KEY_SIZE = 2048,   /* longer ones are looked up every time */
    ANSWER_SIZE = 2048,
    LIFETIME = 1000000, /* microseconds, of what is there and of what is not */
};

/* An answer as it is remembered: the strings follow, each with its NUL. An
 * empty string stands for NULL. */
typedef struct {
    uint64_t expires;
    apr_status_t status;
    const psg_app_type_t *type;
    apr_uid_t owner;
    apr_gid_t owner_gid;
    uint32_t text_len;
} record_t;

static psg_lookup_cache_t *cache;

apr_status_t psg_app_lookup_init(apr_pool_t *child_pool)
{
    return psg_lookup_cache_create(&cache, REMEMBERED, child_pool);
}

/* The longest entry of PassengerBaseURI that uri is, or is below; "" if none. */
static const char *find_base_uri(const apr_array_header_t *list,
                                 const char *uri)
{
    const char *best = "";
    size_t best_len = 0;
    int i;

    for (i = 0; list && i < list->nelts; i++) {
        const char *base = APR_ARRAY_IDX(list, i, const char *);
        size_t len = strlen(base);

        if (len > best_len && !strncmp(uri, base, len)
            && (uri[len] == '\0' || uri[len] == '/')) {
            best = base;
            best_len = len;
        }
    }
    return best;
}

/* Appends text and its NUL; NULL when there is no room (or was none). */
static char *put_text(char *at, const char *end, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 1;

    if (!at || (size_t)(end - at) < size) {
        return NULL;
    }
    memcpy(at, text ? text : "", size);
    return at + size;
}

/* Everything that psg_app_search() looks at, as bytes. Returns the length or 0. */
static size_t make_key(char *key, const psg_app_place_t *place)
{
    const psg_options_t *options = place->options;
    const char *end = key + KEY_SIZE;
    char *at = key;

    *at++ = options->app_start_command ? 'c' : '-';
    at = put_text(at, end, options->app_root);
    if (!options->app_root) {
        at = put_text(at, end, place->docroot);
        at = put_text(at, end, place->base_uri);
    }
    at = put_text(at, end, options->app_type);
    at = put_text(at, end, options->startup_file);
    return at ? (size_t)(at - key) : 0;
}

static const char *take_text(const char **at)
{
    const char *text = *at;

    *at += strlen(text) + 1;
    return text[0] ? text : NULL;
}

static int recall(psg_app_answer_t *answer, const char *key, size_t key_len,
                  apr_pool_t *pool)
{
    union {
        record_t record;
        char bytes[ANSWER_SIZE];
    } found;
    const char *text;

    if (!psg_lookup_cache_get(cache, key, key_len, &found, sizeof(found))
        || found.record.expires < psg_now()) {
        return 0;
    }
    text = apr_pmemdup(pool, found.bytes + sizeof(record_t),
                       found.record.text_len);
    answer->status = found.record.status;
    answer->type = found.record.type;
    answer->owner = found.record.owner;
    answer->owner_gid = found.record.owner_gid;
    answer->root = take_text(&text);
    answer->startup_file = take_text(&text);
    answer->problem = take_text(&text);
    return 1;
}

static void remember(const psg_app_answer_t *answer, const char *key,
                     size_t key_len)
{
    union {
        record_t record;
        char bytes[ANSWER_SIZE];
    } made;
    char *text = made.bytes + sizeof(record_t);
    char *at = text;

    at = put_text(at, made.bytes + ANSWER_SIZE, answer->root);
    at = put_text(at, made.bytes + ANSWER_SIZE, answer->startup_file);
    at = put_text(at, made.bytes + ANSWER_SIZE, answer->problem);
    if (!at) {
        return;
    }
    made.record.expires = psg_now() + LIFETIME;
    made.record.status = answer->status;
    made.record.type = answer->type;
    made.record.owner = answer->owner;
    made.record.owner_gid = answer->owner_gid;
    made.record.text_len = (uint32_t)(at - text);
    psg_lookup_cache_put(cache, key, key_len, &made, (size_t)(at - made.bytes));
}

/* Where the public folder of base_uri is: below the folder of the Alias that
 * the URI came by, if that is for base_uri or what is above it. */
static void find_public(psg_app_place_t *place, request_rec *r,
                        const char *base_uri)
{
    const char *prefix = ap_context_prefix(r);
    size_t len = strlen(prefix);

    while (len > 0 && prefix[len - 1] == '/') {
        len--;
    }
    if (len > 0 && strncmp(base_uri, prefix, len) == 0
        && (base_uri[len] == '\0' || base_uri[len] == '/')) {
        place->docroot = ap_context_document_root(r);
        place->base_uri = base_uri + len;
    }
    else {
        place->docroot = ap_document_root(r);
        place->base_uri = base_uri;
    }
}

apr_status_t psg_app_lookup(psg_app_t *app, const char **problem,
                            request_rec *r, const psg_options_t *options)
{
    const char *base_uri = find_base_uri(options->base_uri, r->uri);
    psg_app_place_t place = {.options = options};
    char key[KEY_SIZE];
    size_t key_len;
    psg_app_answer_t answer;

    find_public(&place, r, base_uri);
    key_len = make_key(key, &place);
    if (!key_len || !recall(&answer, key, key_len, r->pool)) {
        psg_app_search(&answer, &place, r->pool);
        if (key_len) {
            remember(&answer, key, key_len);
        }
    }
    *problem = answer.problem;
    if (answer.problem) {
        return answer.status;
    }
    if (answer.status != APR_SUCCESS) {
        return APR_ENOENT;
    }
    app->root = answer.root;
    app->base_uri = base_uri;
    app->startup_file = answer.startup_file;
    app->type = answer.type;
    app->owner = answer.owner;
    app->owner_gid = answer.owner_gid;
    return APR_SUCCESS;
}
