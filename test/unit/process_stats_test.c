/* SPDX-License-Identifier: Apache-2.0 */

/* What is read from /proc/PID/stat. */
#include "test.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_stats.h"

#define REST "1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 17 18 98765 20 4096"

static apr_status_t parse(psg_process_stats_t *stats, const char *text)
{
    return psg_process_stats_parse(stats, text, 100, 4096);
}

TEST(stat_line_is_understood)
{
    psg_process_stats_t stats;

    CHECK_INT(parse(&stats, "77 (ruby) S " REST " 22 23\n"), APR_SUCCESS);
    CHECK_INT(stats.state, 'S');
    CHECK_INT(stats.start_time, 98765);
    CHECK_INT(stats.cpu, 3000000);
    CHECK_INT(stats.memory, 4096 * 4096);
}

TEST(stat_line_may_hold_any_name)
{
    static const char *const names[] = {"", " ", ") R 1 2 3", "a) (b", "((("};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        psg_process_stats_t stats;

        CHECK_INT(
            parse(&stats, test_format("77 (%s) D " REST " 22\n", names[i])),
            APR_SUCCESS);
        CHECK_INT(stats.state, 'D');
        CHECK_INT(stats.start_time, 98765);
    }
}

TEST(what_is_no_stat_line_is_refused)
{
    static const char *const lines[] = {"",
                                        "77",
                                        "77 (ruby",
                                        "77 (ruby)",
                                        "77 (ruby) S 1 2 3",
                                        "77 (ruby) S 1 2 3 4 5 6 7 8 9 10 x"};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        psg_process_stats_t stats = {.start_time = 42};

        CHECK(parse(&stats, lines[i]) != APR_SUCCESS);
        CHECK_INT(stats.start_time, 42);
    }
}

TEST(own_figures_are_plausible)
{
    psg_process_stats_t stats, later;

    CHECK_INT(psg_process_stats_read(&stats, getpid()), APR_SUCCESS);
    CHECK_INT(stats.state, 'R');
    CHECK(stats.memory > 1 << 20 && stats.memory < 1ull << 32);
    do {
        CHECK_INT(psg_process_stats_read(&later, getpid()), APR_SUCCESS);
    } while (later.cpu == stats.cpu); /* reading takes time, too */
    CHECK(later.cpu > stats.cpu);
    CHECK_INT(later.start_time, stats.start_time);
}

TEST(figures_of_who_is_gone_cannot_be_had)
{
    psg_process_stats_t stats;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    CHECK_INT(psg_process_stats_read(&stats, pid), APR_ENOENT);
}
