/* SPDX-License-Identifier: Apache-2.0 */

/* A set of rows of options.def, by their indices. Copied by assignment; zero is
 * the empty set. Inline, since every request looks into several of them. */
#ifndef PSG_ROW_SET_H
#define PSG_ROW_SET_H

#include <stdint.h>

enum {
    PSG_ROW_SET_WORD = 64,
    PSG_ROW_SET_WORDS = 2,
    PSG_ROW_SET_ROOM = PSG_ROW_SET_WORD * PSG_ROW_SET_WORDS
};

/* Indices are below PSG_ROW_SET_ROOM. */
typedef struct {
    uint64_t words[PSG_ROW_SET_WORDS];
} psg_row_set_t;

static inline int psg_row_set_has(const psg_row_set_t *rows, unsigned i)
{
    return (rows->words[i / PSG_ROW_SET_WORD] >> i % PSG_ROW_SET_WORD & 1) != 0;
}

static inline void psg_row_set_add(psg_row_set_t *rows, unsigned i)
{
    rows->words[i / PSG_ROW_SET_WORD] |= UINT64_C(1) << i % PSG_ROW_SET_WORD;
}

static inline void psg_row_set_remove(psg_row_set_t *rows, unsigned i)
{
    rows->words[i / PSG_ROW_SET_WORD] &= ~(UINT64_C(1) << i % PSG_ROW_SET_WORD);
}

/* Adds, or removes, all that `other` has. */
static inline void psg_row_set_merge(psg_row_set_t *rows,
                                     const psg_row_set_t *other)
{
    for (int w = 0; w < PSG_ROW_SET_WORDS; w++) {
        rows->words[w] |= other->words[w];
    }
}

static inline void psg_row_set_subtract(psg_row_set_t *rows,
                                        const psg_row_set_t *other)
{
    for (int w = 0; w < PSG_ROW_SET_WORDS; w++) {
        rows->words[w] &= ~other->words[w];
    }
}

/* The first row from i on, or PSG_ROW_SET_ROOM. To walk through all:
 * for (i = psg_row_set_next(rows, 0); i < PSG_ROW_SET_ROOM;
 *      i = psg_row_set_next(rows, i + 1)) */
static inline unsigned psg_row_set_next(const psg_row_set_t *rows, unsigned i)
{
    while (i < PSG_ROW_SET_ROOM) {
        uint64_t left =
            rows->words[i / PSG_ROW_SET_WORD] >> i % PSG_ROW_SET_WORD;

        if (left != 0) {
            return i + (unsigned)__builtin_ctzll(left);
        }
        i = (i / PSG_ROW_SET_WORD + 1) * PSG_ROW_SET_WORD;
    }
    return PSG_ROW_SET_ROOM;
}

static inline int psg_row_set_is_empty(const psg_row_set_t *rows)
{
    return psg_row_set_next(rows, 0) == PSG_ROW_SET_ROOM;
}

static inline int psg_row_set_equals(const psg_row_set_t *rows,
                                     const psg_row_set_t *other)
{
    for (int w = 0; w < PSG_ROW_SET_WORDS; w++) {
        if (rows->words[w] != other->words[w]) {
            return 0;
        }
    }
    return 1;
}

#endif
