/* SPDX-License-Identifier: Apache-2.0 */

/* What an app prints: into the log line by line, bounded in every way. */
#include "test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "app_output.h"

static event_loop_t *loop;
static app_output_t *output;
static const char *log_path;
static int app; /* the app's end of the pipe */

static void open_output(void)
{
    int fds[2], fd;

    log_path = test_file("log", "");
    fd = open(log_path, O_WRONLY | O_APPEND);
    CHECK(fd >= 0 && dup2(fd, 2) == 2);
    CHECK_INT(pipe(fds), 0);
    app = fds[1];
    CHECK_INT(event_loop_create(&loop, test_pool()), APR_SUCCESS);
    CHECK_INT(
        app_output_create(&output, loop, fds[0], 4711, "/srv/app", test_pool()),
        APR_SUCCESS);
}

static void print(const char *text)
{
    CHECK_INT(write(app, text, strlen(text)), strlen(text));
    event_loop_turn(loop, 0);
}

TEST(output_is_logged_line_by_line)
{
    open_output();
    print("one\ntwo\r\nthr");
    CHECK_CONTAINS(test_read(log_path), "[pid 4711] /srv/app: one\n");
    CHECK_CONTAINS(test_read(log_path), "/srv/app: two\n");
    CHECK_LACKS(test_read(log_path), "thr");
    print("ee\n");
    CHECK_CONTAINS(test_read(log_path), "/srv/app: three\n");
}

TEST(output_cannot_forge_lines)
{
    open_output();
    CHECK_INT(write(app, "a\0b\x1b[2Jc\n", 9), 9);
    event_loop_turn(loop, 0);
    CHECK_CONTAINS(test_read(log_path), "a?b\\x1b[2Jc\n");
}

TEST(output_without_an_end_of_line_is_logged_at_the_end)
{
    open_output();
    print("last words");
    close(app);
    app_output_drain(output);
    CHECK_CONTAINS(test_read(log_path), "last words\n");
    CHECK(app_output_is_closed(output));
}

TEST(output_keeps_the_last_lines)
{
    const char *tail;

    open_output();
    CHECK_STR(app_output_tail(output, test_pool()), "");
    for (int i = 0; i < 1000; i++) {
        print(test_format("this is line %d\n", i));
    }
    tail = app_output_tail(output, test_pool());
    CHECK(strlen(tail) <= 4096 && strlen(tail) > 4000);
    CHECK_INT(strncmp(tail, "this is line ", 13), 0); /* whole lines */
    CHECK_CONTAINS(tail, "this is line 999\n");
}

/* The pipe is never empty: the app prints faster than we read. */
TEST(output_of_a_flood_is_read_bit_by_bit)
{
    char flood[4096];
    ssize_t n;
    size_t sent = 0, before;

    open_output();
    memset(flood, 'x', sizeof(flood));
    CHECK_INT(fcntl(app, F_SETFL, O_NONBLOCK), 0);
    while ((n = write(app, flood, sizeof(flood))) > 0) {
        sent += (size_t)n;
    }
    CHECK(sent >= 65536);
    before = strlen(test_read(log_path));
    event_loop_turn(loop, 0);
    CHECK(strlen(test_read(log_path)) - before < 20000);
    for (int i = 0; i < 10; i++) {
        event_loop_turn(loop, 0);
    }
    CHECK(strlen(test_read(log_path)) >= sent - 8192); /* long lines are cut */
}

static uint64_t now = 5000000;

static uint64_t test_clock(void)
{
    return now;
}

/* Bytes that are logged when the app prints what it can. */
static size_t flood(void)
{
    char lines[512];
    size_t before = strlen(test_read(log_path));

    memset(lines, '\n', sizeof(lines));
    CHECK_INT(fcntl(app, F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 10000; i++) {
        (void)!write(app, lines, sizeof(lines));
        event_loop_turn(loop, 0);
    }
    return strlen(test_read(log_path)) - before;
}

TEST(output_without_end_is_logged_at_a_limited_pace)
{
    size_t logged;

    open_output();
    event_loop_set_clock(loop, test_clock);
    logged = flood();
    CHECK(logged > 1 << 19 && logged < 2 << 20);
    CHECK_CONTAINS(test_read(log_path), "PSG2111");
    now += 1000000;
    event_loop_turn(loop, 0);
    logged = flood();
    CHECK(logged > 1 << 19 && logged < 2 << 20);
}
