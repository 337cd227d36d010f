/* SPDX-License-Identifier: Apache-2.0 */

/* Temporary files of bodies: unnamed, and nobody's but ours. */
#include <fcntl.h>
#include <unistd.h>

#include "mod_passenger/spool.h"
#include "test.h"

/* Other modules of httpd start programs, some without asking APR first. */
TEST(programs_do_not_inherit_it)
{
    psg_spool_t spool;

    CHECK_INT(psg_spool_open(&spool, NULL, test_pool()), APR_SUCCESS);
    CHECK_INT(fcntl(spool.fd, F_GETFD), FD_CLOEXEC);
}

TEST(what_is_appended_can_be_read)
{
    psg_spool_t spool;
    char text[6] = "";
    char begin[] = "he", rest[] = "llo";
    struct iovec vec[2] = {{begin, 2}, {rest, 3}};

    CHECK_INT(psg_spool_open(&spool, NULL, test_pool()), APR_SUCCESS);
    CHECK_INT(psg_spool_append(&spool, vec, 2), APR_SUCCESS);
    CHECK_INT(spool.length, 5);
    CHECK_INT(pread(spool.fd, text, 5, 0), 5);
    CHECK_STR(text, "hello");
    psg_spool_clear(&spool);
    CHECK_INT(spool.length, 0);
    CHECK_INT(pread(spool.fd, text, 5, 0), 0);
}
