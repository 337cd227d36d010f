/* SPDX-License-Identifier: Apache-2.0 */

/* What one httpd child remembers of apps and groups, bounded and shared by its
 * threads. Called by app_lookup.c and agent_client.c. */

#include "lookup_cache.h"

#include <stdint.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_rwlock.h>

typedef struct {
    size_t len, room;
    char *value;
} entry_t;

struct psg_lookup_cache_t {
    apr_thread_rwlock_t *lock;
    apr_pool_t *pool; /* of the entries alone; written under the write lock */
    apr_hash_t *entries;
    unsigned limit, stored; /* stored: allocations since the last clearing */
};

/* Keys are some hundred bytes and hashed for every request: eight at a time.
 * They come from the configuration and from folders, never from a client. */
static unsigned int hash_key(const char *key, apr_ssize_t *len)
{
    const uint64_t prime = 0x9e3779b97f4a7c15u;
    uint64_t hash = prime ^ (uint64_t)*len;
    apr_ssize_t left = *len;
    uint64_t word;

    for (; left >= 8; left -= 8, key += 8) {
        memcpy(&word, key, 8);
        hash = (hash ^ word) * prime;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, key, (size_t)left);
    hash = (hash ^ word) * prime;
    return (unsigned int)(hash >> 32);
}

static void forget_all(psg_lookup_cache_t *cache)
{
    apr_pool_clear(cache->pool);
    cache->entries = apr_hash_make_custom(cache->pool, hash_key);
    cache->stored = 0;
}

apr_status_t psg_lookup_cache_create(psg_lookup_cache_t **cache, unsigned limit,
                                     apr_pool_t *pool)
{
    psg_lookup_cache_t *made = apr_pcalloc(pool, sizeof(*made));
    apr_status_t status = apr_thread_rwlock_create(&made->lock, pool);

    if (status != APR_SUCCESS) {
        return status;
    }
    status = apr_pool_create(&made->pool, pool);
    if (status != APR_SUCCESS) {
        return status;
    }
    made->limit = limit;
    forget_all(made);
    *cache = made;
    return APR_SUCCESS;
}

size_t psg_lookup_cache_get(psg_lookup_cache_t *cache, const void *key,
                            size_t key_len, void *buf, size_t size)
{
    const entry_t *entry;
    size_t len = 0;

    apr_thread_rwlock_rdlock(cache->lock);
    entry = apr_hash_get(cache->entries, key, (apr_ssize_t)key_len);
    if (entry && entry->len <= size) {
        len = entry->len;
        memcpy(buf, entry->value, len);
    }
    apr_thread_rwlock_unlock(cache->lock);
    return len;
}

/* The entry of key with room for len bytes; the caller holds the write lock. */
static entry_t *make_entry(psg_lookup_cache_t *cache, const void *key,
                           size_t key_len, size_t len)
{
    entry_t *entry = apr_hash_get(cache->entries, key, (apr_ssize_t)key_len);

    if (entry && entry->room >= len) {
        return entry;
    }
    if (cache->stored >= cache->limit) {
        forget_all(cache);
        entry = NULL;
    }
    cache->stored++;
    if (!entry) {
        entry = apr_palloc(cache->pool, sizeof(*entry));
        apr_hash_set(cache->entries, apr_pmemdup(cache->pool, key, key_len),
                     (apr_ssize_t)key_len, entry);
    }
    entry->value = apr_palloc(cache->pool, len);
    entry->room = len;
    return entry;
}

void psg_lookup_cache_put(psg_lookup_cache_t *cache, const void *key,
                          size_t key_len, const void *value, size_t len)
{
    entry_t *entry;

    apr_thread_rwlock_wrlock(cache->lock);
    entry = make_entry(cache, key, key_len, len);
    memcpy(entry->value, value, len);
    entry->len = len;
    apr_thread_rwlock_unlock(cache->lock);
}

void psg_lookup_cache_forget(psg_lookup_cache_t *cache, const void *value,
                             size_t len)
{
    apr_hash_index_t *at;

    apr_thread_rwlock_wrlock(cache->lock);
    for (at = apr_hash_first(NULL, cache->entries); at;
         at = apr_hash_next(at)) {
        void *found;

        apr_hash_this(at, NULL, NULL, &found);
        /* The entry stays, empty: its memory is used for the next value. */
        if (((entry_t *)found)->len == len
            && !memcmp(((entry_t *)found)->value, value, len)) {
            ((entry_t *)found)->len = 0;
        }
    }
    apr_thread_rwlock_unlock(cache->lock);
}
