/* SPDX-License-Identifier: Apache-2.0 */

/* The table in which an httpd child remembers apps and groups. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mod_passenger/lookup_cache.h"
#include "test.h"

static psg_lookup_cache_t *make(unsigned limit)
{
    psg_lookup_cache_t *cache;

    CHECK_INT(psg_lookup_cache_create(&cache, limit, test_pool()), 0);
    return cache;
}

static void put(psg_lookup_cache_t *cache, const char *key, const char *value)
{
    psg_lookup_cache_put(cache, key, strlen(key), value, strlen(value) + 1);
}

/* The value of key, "" if there is none. */
static const char *get(psg_lookup_cache_t *cache, const char *key)
{
    char value[64];

    return psg_lookup_cache_get(cache, key, strlen(key), value, sizeof(value))
               ? test_format("%s", value)
               : "";
}

TEST(value_is_found_by_all_bytes_of_its_key)
{
    psg_lookup_cache_t *cache = make(100);
    static const char *const keys[] = {
        "a",         "b",         "ab",        "abcdefgh",         "abcdefgi",
        "abcdefghi", "abcdefghj", "abcdefgh1", "abcdefghabcdefgh", "\1\2"};
    size_t i;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CHECK_STR(get(cache, keys[i]), "");
        put(cache, keys[i], keys[i]);
    }
    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CHECK_STR(get(cache, keys[i]), keys[i]);
    }
}

TEST(later_value_replaces_the_earlier_one)
{
    psg_lookup_cache_t *cache = make(100);

    put(cache, "key", "a long value");
    put(cache, "key", "short");
    CHECK_STR(get(cache, "key"), "short");
    put(cache, "key", "one that is longer than any before");
    CHECK_STR(get(cache, "key"), "one that is longer than any before");
}

TEST(value_larger_than_the_buffer_is_none)
{
    psg_lookup_cache_t *cache = make(100);
    char buf[4];

    put(cache, "key", "1234");
    CHECK_INT(psg_lookup_cache_get(cache, "key", 3, buf, sizeof(buf)), 0);
}

TEST(forgotten_value_is_gone_and_others_stay)
{
    psg_lookup_cache_t *cache = make(100);

    put(cache, "one", "value");
    put(cache, "two", "value");
    put(cache, "three", "other");
    psg_lookup_cache_forget(cache, "value", sizeof("value"));
    CHECK_STR(get(cache, "one"), "");
    CHECK_STR(get(cache, "two"), "");
    CHECK_STR(get(cache, "three"), "other");
    put(cache, "one", "again");
    CHECK_STR(get(cache, "one"), "again");
}

TEST(cache_never_holds_more_than_its_limit)
{
    enum {
        LIMIT = 10
    };
    psg_lookup_cache_t *cache = make(LIMIT);
    int i, held = 0;

    for (i = 0; i < 1000; i++) {
        put(cache, test_format("key %d", i), "value");
        CHECK_STR(get(cache, test_format("key %d", i)), "value");
    }
    for (i = 0; i < 1000; i++) {
        held += *get(cache, test_format("key %d", i)) != '\0';
    }
    CHECK(held >= 1 && held <= LIMIT);
}

/* Values are eight equal bytes, so a mixture of two would show. */
static void *use(void *data)
{
    psg_lookup_cache_t *cache = data;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    int i;

    for (i = 0; i < 20000; i++) {
        int key = rand_r(&seed) % 50;
        char value[8];

        memset(value, rand_r(&seed) % 256, sizeof(value));
        if (i % 3 == 0) {
            psg_lookup_cache_put(cache, &key, sizeof(key), value, 8);
        }
        else if (i % 100 == 1) {
            psg_lookup_cache_forget(cache, value, 8);
        }
        else if (psg_lookup_cache_get(cache, &key, sizeof(key), value, 8)
                 && memcmp(value, value + 1, 7)) {
            return data;
        }
    }
    return NULL;
}

TEST(threads_see_whole_values)
{
    psg_lookup_cache_t *cache = make(40);
    pthread_t threads[4];
    int i;

    for (i = 0; i < 4; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, use, cache), 0);
    }
    for (i = 0; i < 4; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        CHECK(!failed);
    }
}
