/* SPDX-License-Identifier: Apache-2.0 */

/* What counts as a wish to restart. */
#include "restart_stamp.h"
#include "test.h"

static uint64_t at(time_t seconds, long nanoseconds)
{
    struct stat info = {.st_mtim = {.tv_sec = seconds, .tv_nsec = nanoseconds}};

    return restart_stamp_of(&info);
}

TEST(first_look_is_no_wish)
{
    CHECK(!restart_stamp_is_wish(RESTART_STAMP_UNSEEN, at(1000, 0)));
    CHECK(!restart_stamp_is_wish(RESTART_STAMP_UNSEEN, restart_stamp_of(NULL)));
}

TEST(new_file_is_a_wish)
{
    CHECK(restart_stamp_is_wish(restart_stamp_of(NULL), at(1000, 0)));
}

TEST(removal_is_no_wish)
{
    CHECK(!restart_stamp_is_wish(at(1000, 0), restart_stamp_of(NULL)));
}

TEST(same_time_is_no_wish)
{
    CHECK(!restart_stamp_is_wish(at(1000, 5), at(1000, 5)));
}

TEST(other_time_is_a_wish_be_it_older)
{
    CHECK(restart_stamp_is_wish(at(1000, 0), at(1001, 0)));
    CHECK(restart_stamp_is_wish(at(1000, 0), at(999, 0)));
    CHECK(restart_stamp_is_wish(at(1000, 0), at(1000, 1)));
}

/* Such times exist: archives, `touch -d @0`, a dead battery. */
TEST(odd_times_are_times)
{
    CHECK(restart_stamp_is_wish(restart_stamp_of(NULL), at(0, 0)));
    CHECK(restart_stamp_is_wish(restart_stamp_of(NULL), at(0, 1)));
    CHECK(restart_stamp_is_wish(at(0, 0), at(-1, 0)));
    CHECK(restart_stamp_is_wish(at(-1, 0), at(INT64_MAX, 999999999)));
    CHECK(!restart_stamp_is_wish(at(-1, 0), at(-1, 0)));
}
