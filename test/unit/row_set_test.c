/* SPDX-License-Identifier: Apache-2.0 */

/* Sets of rows, over the borders of their words. */
#include "row_set.h"
#include "test.h"

/* The rows of the list (ending with PSG_ROW_SET_ROOM) and no others. */
static void check_rows(const psg_row_set_t *rows, const unsigned *list)
{
    unsigned i = psg_row_set_next(rows, 0);

    CHECK_INT(psg_row_set_is_empty(rows), *list == PSG_ROW_SET_ROOM);
    for (; *list < PSG_ROW_SET_ROOM; list++) {
        CHECK_INT(i, *list);
        CHECK(psg_row_set_has(rows, i));
        i = psg_row_set_next(rows, i + 1);
    }
    CHECK_INT(i, PSG_ROW_SET_ROOM);
}

TEST(row_set_has_what_was_added_and_not_removed)
{
    static const unsigned ends[] = {0, 63, 64, 127, PSG_ROW_SET_ROOM};
    static const unsigned fewer[] = {0, 64, PSG_ROW_SET_ROOM};
    static const unsigned none[] = {PSG_ROW_SET_ROOM};
    psg_row_set_t rows = {{0}};

    check_rows(&rows, none);
    for (int i = 3; i >= 0; i--) {
        psg_row_set_add(&rows, ends[i]);
        psg_row_set_add(&rows, ends[i]);
    }
    check_rows(&rows, ends);
    psg_row_set_remove(&rows, 127);
    psg_row_set_remove(&rows, 63);
    psg_row_set_remove(&rows, 1);
    check_rows(&rows, fewer);
}

TEST(row_sets_are_merged_and_subtracted)
{
    static const unsigned both[] = {1, 70, 100, PSG_ROW_SET_ROOM};
    static const unsigned first[] = {1, PSG_ROW_SET_ROOM};
    psg_row_set_t a = {{0}}, b = {{0}}, merged;

    psg_row_set_add(&a, 1);
    psg_row_set_add(&a, 70);
    psg_row_set_add(&b, 70);
    psg_row_set_add(&b, 100);
    merged = a;
    psg_row_set_merge(&merged, &b);
    check_rows(&merged, both);
    CHECK(!psg_row_set_equals(&merged, &a));
    psg_row_set_subtract(&merged, &b);
    check_rows(&merged, first);
    psg_row_set_remove(&a, 70);
    CHECK(psg_row_set_equals(&merged, &a));
}
