/* SPDX-License-Identifier: Apache-2.0 */

/* A small table from bytes to bytes that never grows beyond its limit: what one
 * httpd child remembers of apps and groups. Thread-safe. */
#ifndef PSG_LOOKUP_CACHE_H
#define PSG_LOOKUP_CACHE_H

#include <stddef.h>

#include <apr_errno.h>
#include <apr_pools.h>

typedef struct psg_lookup_cache_t psg_lookup_cache_t;

/* At most `limit` values are stored before all are forgotten. */
apr_status_t psg_lookup_cache_create(psg_lookup_cache_t **cache, unsigned limit,
                                     apr_pool_t *pool);

/* Copies the value of key to buf and returns its length; 0 if there is none, or
 * one longer than size. Allocates nothing. */
size_t psg_lookup_cache_get(psg_lookup_cache_t *cache, const void *key,
                            size_t key_len, void *buf, size_t size);

void psg_lookup_cache_put(psg_lookup_cache_t *cache, const void *key,
                          size_t key_len, const void *value, size_t len);

/* Forgets every value that equals these bytes. */
void psg_lookup_cache_forget(psg_lookup_cache_t *cache, const void *value,
                             size_t len);

#endif
