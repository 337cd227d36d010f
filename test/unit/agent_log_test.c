/* SPDX-License-Identifier: Apache-2.0 */

/* Lines of the agent's log: nobody can forge one. */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_log.h"

static const char *escaped(const char *text)
{
    static char line[256];

    agent_log_escape(line, sizeof(line), text);
    return line;
}

TEST(log_escapes_control_characters)
{
    CHECK_STR(escaped("a\nb\tc\rd\x1b[31m\x7f"),
              "a\\nb\\tc\\x0dd\\x1b[31m\\x7f");
}

TEST(log_shows_utf8_and_nothing_else)
{
    CHECK_STR(escaped("gr\xc3\xbc\xc3\x9f\xe2\x82\xac\xf0\x9f\x98\x80"),
              "gr\xc3\xbc\xc3\x9f\xe2\x82\xac\xf0\x9f\x98\x80");
    CHECK_STR(escaped("\x9b\xc2\x9b\xc0\xaf\xed\xa0\x80\xff"),
              "\\x9b\\xc2\\x9b\\xc0\\xaf\\xed\\xa0\\x80\\xff");
    CHECK_STR(escaped("\xc3"), "\\xc3");
    CHECK_STR(escaped("\xe2\x82"), "\\xe2\\x82");
}

TEST(log_never_cuts_a_character)
{
    char line[6];

    CHECK_INT(agent_log_escape(line, sizeof(line), "abc\xe2\x82\xac"), 3);
    CHECK_STR(line, "abc");
    CHECK_INT(agent_log_escape(line, sizeof(line), "abcdefgh"), 5);
    CHECK_STR(line, "abcde");
}

/* Runs fn with fd 2 in a file and returns what was written. */
static const char *logged(void (*fn)(void))
{
    const char *path = test_file("log", "");
    FILE *file = fopen(path, "a");
    int saved = dup(2);

    CHECK(file && saved >= 0);
    dup2(fileno(file), 2);
    fn();
    dup2(saved, 2);
    fclose(file);
    close(saved);
    return test_read(path);
}

static void log_forged_line(void)
{
    agent_log(PSG_LOG_ERROR, "app said 'x\n[2026-01-01] [passenger:crit] y'");
    agent_log(PSG_LOG_DEBUG, "not shown");
    agent_log_set_level(7);
    psg_log(PSG_LOG_DEBUG, "no sink, not shown");
    agent_log_init();
    psg_log(PSG_LOG_DEBUG, "shown");
}

TEST(log_line_has_time_level_and_pid)
{
    const char *text = logged(log_forged_line);
    int year, month, day, hour, minute, pid, end = 0;
    double second;

    CHECK_INT(sscanf(text, "[%d-%d-%d %d:%d:%lf] [passenger:error] [pid %d] %n",
                     &year, &month, &day, &hour, &minute, &second, &pid, &end),
              7);
    CHECK_INT(pid, getpid());
    CHECK(strncmp(text + end, "app said 'x\\n[2026", 18) == 0);
    CHECK_LACKS(text, "not shown");
    CHECK_CONTAINS(text, "[passenger:debug] ");
}

static void log_long_text(void)
{
    static char text[10001];

    memset(text, 'x', sizeof(text) - 1);
    agent_log(PSG_LOG_ERROR, "%s", text);
}

TEST(log_loses_nothing_of_a_long_text)
{
    const char *text = logged(log_long_text), *line;
    int count = 0;

    for (line = text; *line; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line, '\n');

        CHECK(end && end - line < 4096);
        CHECK(line[0] == '[');
    }
    for (; *text; text++) {
        count += *text == 'x';
    }
    CHECK_INT(count, 10000);
}
