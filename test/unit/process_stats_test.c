/* SPDX-License-Identifier: Apache-2.0 */

/* What is read from /proc/PID/stat and schedstat. */
#include "test.h"

#include <sched.h>
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

TEST(time_without_a_cpu_is_understood)
{
    CHECK_INT(psg_process_stats_parse_waited("183404675 14519382 507\n"),
              14519);
    CHECK_INT(psg_process_stats_parse_waited("0 0 0\n"), 0);
    CHECK_INT(psg_process_stats_parse_waited("183404675"), 0);
    CHECK_INT(psg_process_stats_parse_waited(""), 0);
    CHECK_INT(psg_process_stats_waited(-1), 0);
}

/* Two that want the same CPU: each waits while the other one has it. */
TEST(time_without_a_cpu_is_seen)
{
    cpu_set_t one;
    int first = sched_getcpu();
    pid_t pid;

    CPU_ZERO(&one);
    CPU_SET(first, &one);
    CHECK_INT(sched_setaffinity(0, sizeof(one), &one), 0);
    pid = fork();
    if (pid == 0) {
        alarm(10);
    }
    while (pid == 0 || psg_process_stats_waited(pid) < 20000) {
    }
    kill(pid, SIGKILL);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
}
