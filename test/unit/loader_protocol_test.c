/* SPDX-License-Identifier: Apache-2.0 */

/* Each language's loader keeps loaders/PROTOCOL, towards the agent and towards
 * httpd. What it says when an app does not start: loader_failure_test.c. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_strings.h>

#include "app_server.h"
#include "loader_process.h"
#include "test.h"

EACH_LANGUAGE(says_what_it_can_do_when_it_is_ready)
{
    loader_t *loader = loader_serve(language, language);
    int node = strcmp(language, "node") == 0;

    CHECK_INT(loader->is_http, node);
    CHECK_CONTAINS(loader->said, node ? "\"concurrency\":0" : "concurrency");
    CHECK_CONTAINS(loader->said, "keep_alive");
    CHECK_CONTAINS(loader->said, "true");
}

EACH_LANGUAGE(answers_one_request_after_the_other_on_a_connection)
{
    loader_t *loader = loader_serve(language, language);
    int i, fd = loader_connect(loader);

    for (i = 0; i < 5; i++) {
        CHECK_STR(loader_get(loader, fd, "/hello").body,
                  test_format("hello from %s\n", language));
    }
    CHECK_STR(loader_get(loader, fd, "/pid").body,
              test_format("%d", (int)loader->pid));
}

EACH_LANGUAGE(serves_any_of_several_idle_connections)
{
    loader_t *loader = loader_serve(language, language);
    int round, i, fd[20];

    for (i = 0; i < 20; i++) {
        fd[i] = loader_connect(loader);
    }
    for (round = 0; round < 3; round++) {
        for (i = 19; i >= 0; i -= 1 + round) {
            CHECK_INT(loader_get(loader, fd[i], "/hello").status, 200);
        }
    }
}

EACH_LANGUAGE(answers_requests_that_come_all_at_once)
{
    loader_t *loader = loader_serve(language, language);
    int i, fd[20];

    for (i = 0; i < 20; i++) {
        fd[i] = loader_connect(loader);
        loader_ask(loader, fd[i], "GET", test_format("/number/%d", i));
    }
    for (i = 0; i < 20; i++) {
        CHECK_STR(loader_read_answer(fd[i], "GET").body,
                  test_format("%s: /number/%d", language, i));
    }
}

EACH_LANGUAGE(takes_a_request_byte_by_byte)
{
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);
    size_t i, len;
    const char *request =
        loader_request(loader, "POST", "/echo", "abc", 3, &len);

    for (i = 0; i < len; i++) {
        loader_send(fd, request + i, 1);
    }
    CHECK_STR(loader_read_answer(fd, "POST").body, "abc");
    CHECK_INT(loader_get(loader, fd, "/hello").status, 200);
}

EACH_LANGUAGE(keeps_serving_while_a_request_is_incomplete)
{
    loader_t *loader = loader_serve(language, language);
    int slow = loader_connect(loader), other = loader_connect(loader);
    size_t len;
    const char *request =
        loader_request(loader, "GET", "/hello", NULL, 0, &len);

    loader_send(slow, request, len - 1);
    CHECK_INT(loader_get(loader, other, "/hello").status, 200);
    loader_send(slow, request + len - 1, 1);
    CHECK_INT(loader_read_answer(slow, "GET").status, 200);
}

EACH_LANGUAGE(takes_requests_that_follow_at_once)
{
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);
    size_t first_len, second_len;
    const char *first =
        loader_request(loader, "POST", "/echo", "abc", 3, &first_len);
    const char *second =
        loader_request(loader, "GET", "/hello", NULL, 0, &second_len);
    char *both = apr_palloc(test_pool(), first_len + second_len);

    memcpy(both, first, first_len);
    memcpy(both + first_len, second, second_len);
    loader_send(fd, both, first_len + second_len);
    CHECK_STR(loader_read_answer(fd, "POST").body, "abc");
    CHECK_STR(loader_read_answer(fd, "GET").body,
              test_format("hello from %s\n", language));
}

static char *pattern(size_t len)
{
    char *data = apr_palloc(test_pool(), len + 1);
    size_t i;

    for (i = 0; i < len; i++) {
        data[i] = (char)(i % 251);
    }
    return data;
}

/* Below, at and above what loaders read at once or keep in memory. */
static const size_t sizes[] = {0,     1,      16000,  65000,  65535,  65536,
                               65537, 131072, 262143, 262144, 262145, 3000000};

EACH_LANGUAGE(gives_the_app_bodies_of_every_size)
{
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);
    size_t i, len;

    for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        const char *request = loader_request(loader, "POST", "/echo",
                                             pattern(sizes[i]), sizes[i], &len);
        loader_answer_t answer;

        loader_send(fd, request, len);
        answer = loader_read_answer(fd, "POST");
        CHECK_INT(answer.status, 200);
        CHECK_INT(answer.body_len, sizes[i]);
        CHECK(app_is_pattern(answer.body, answer.body_len));
    }
}

EACH_LANGUAGE(skips_a_body_the_app_does_not_read)
{
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);
    size_t i, len;

    for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        const char *request = loader_request(loader, "POST", "/hello",
                                             pattern(sizes[i]), sizes[i], &len);

        loader_send(fd, request, len);
        CHECK_STR(loader_read_answer(fd, "POST").body,
                  test_format("hello from %s\n", language));
    }
}

EACH_LANGUAGE(sends_a_long_answer_whole)
{
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);
    loader_answer_t answer = loader_get(loader, fd, "/size/5000000");

    CHECK_INT(answer.body_len, 5000000);
    CHECK(app_is_pattern(answer.body, answer.body_len));
}

/* Reads on until `end` has come; returns all of it. */
static const char *read_on_until(int fd, const char *end)
{
    char text[4000] = "";
    size_t len = 0;

    while (!strstr(text, end)) {
        ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, 0);

        CHECK(n > 0);
        len += (size_t)n;
        text[len] = '\0';
    }
    return test_format("%s", text);
}

EACH_LANGUAGE(sends_what_the_app_gives_as_soon_as_it_gives_it)
{
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);

    loader_ask(loader, fd, "GET", test_format("/pieces/%s/go", test_dir()));
    CHECK_LACKS(read_on_until(fd, "one\n"), "two");
    (void)test_file("go", "");
    CHECK_CONTAINS(read_on_until(fd, "0\r\n\r\n"), "two\n");
}

EACH_LANGUAGE(keeps_in_step_where_there_is_no_body)
{
    static const struct {
        const char *method, *path;
        int status;
    } cases[] = {
        {"HEAD", "/hello", 200},     {"HEAD", "/pieces/.", 200},
        {"GET", "/status/204", 204}, {"GET", "/status/304", 304},
        {"GET", "/size/0", 200},     {"HEAD", "/size/100", 200},
    };
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        loader_ask(loader, fd, cases[i].method, cases[i].path);
        CHECK_INT(loader_read_answer(fd, cases[i].method).status,
                  cases[i].status);
        CHECK_INT(loader_get(loader, fd, "/hello").status, 200);
    }
}

EACH_LANGUAGE(sends_every_header_and_repeats_those_with_several_values)
{
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);
    const char *head = loader_get(loader, fd, "/headers").head;

    CHECK(strcasestr(head, "\r\nX-Number-1: value 1\r\n"));
    CHECK(strcasestr(head, "\r\nX-Number-50: value 50\r\n"));
    CHECK(strcasestr(head, "\r\nSet-Cookie: a=1; path=/\r\n"));
    CHECK(strcasestr(head, "\r\nSet-Cookie: b=2; path=/\r\n"));
}

EACH_LANGUAGE(survives_connections_that_carry_nonsense)
{
    static const struct {
        const char *data;
        size_t len;
    } nonsense[] = {
        {"\0\0\0\0", 4},
        {"\xff\xff\xff\xff", 4},
        {"\0\0\0\4abcd", 8},
        {"\0\0\0\2a\0", 6},
        {"GET / HTTP/9.9\r\n\r\n", 18},
        {"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 38},
    };
    loader_t *loader = loader_serve(language, language);
    size_t i;

    for (i = 0; i < sizeof(nonsense) / sizeof(*nonsense); i++) {
        int fd = loader_connect(loader);
        char text[1000];

        loader_send(fd, nonsense[i].data, nonsense[i].len);
        CHECK_INT(shutdown(fd, SHUT_WR), 0);
        while (recv(fd, text, sizeof(text), 0) > 0) {
            /* Node.js says 400 before it closes. */
        }
        close(fd);
    }
    CHECK_INT(loader_get(loader, loader_connect(loader), "/hello").status, 200);
}

EACH_LANGUAGE(survives_clients_that_leave_early)
{
    loader_t *loader = loader_serve(language, language);
    size_t i, len;
    const char *request =
        loader_request(loader, "POST", "/echo", pattern(100000), 100000, &len);

    for (i = 0; i < 50; i++) {
        int fd = loader_connect(loader);

        loader_send(fd, request, len * i / 50);
        close(fd);
    }
    for (i = 0; i < 20; i++) {
        int fd = loader_connect(loader);

        loader_ask(loader, fd, "GET", "/size/1000000");
        close(fd);
    }
    CHECK_INT(loader_get(loader, loader_connect(loader), "/hello").status, 200);
}

/* Ends it in one of three ways; with an idle connection, which it closes. */
static void check_end(const char *language, void (*end)(loader_t *loader))
{
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);

    CHECK_INT(loader_get(loader, fd, "/hello").status, 200);
    end(loader);
    CHECK(loader_is_closed(fd));
    CHECK_INT(loader_wait(loader), 0);
}

static void say_stop(loader_t *loader)
{
    loader_send(loader->control, "{\"command\":\"stop\"}\n", 19);
}

static void hang_up(loader_t *loader)
{
    close(loader->control);
}

static void terminate(loader_t *loader)
{
    CHECK_INT(kill(loader->pid, SIGTERM), 0);
}

EACH_LANGUAGE(ends_when_told_to_stop)
{
    check_end(language, say_stop);
}

EACH_LANGUAGE(ends_when_the_agent_is_gone)
{
    check_end(language, hang_up);
}

EACH_LANGUAGE(ends_at_sigterm)
{
    check_end(language, terminate);
}

EACH_LANGUAGE(ignores_commands_it_does_not_know)
{
    loader_t *loader = loader_serve(language, language);

    loader_send(loader->control, "{\"command\":\"dance\"}\n", 20);
    CHECK_INT(loader_get(loader, loader_connect(loader), "/hello").status, 200);
    loader_send(loader->control, "{\"command\":", 11);
    CHECK_INT(loader_get(loader, loader_connect(loader), "/hello").status, 200);
    loader_send(loader->control, "\"stop\"}\n", 8);
    CHECK_INT(loader_wait(loader), 0);
}

static void check_request_is_finished(const char *language,
                                      void (*end)(loader_t *loader))
{
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);

    loader_ask(loader, fd, "GET", test_format("/pieces/%s/go", test_dir()));
    (void)read_on_until(fd, "one\n");
    end(loader);
    (void)test_file("go", "");
    CHECK_CONTAINS(read_on_until(fd, "0\r\n\r\n"), "two\n");
    CHECK(loader_is_closed(fd));
    CHECK_INT(loader_wait(loader), 0);
}

EACH_LANGUAGE(finishes_the_request_in_progress_before_it_stops)
{
    check_request_is_finished(language, say_stop);
}

EACH_LANGUAGE(finishes_the_request_in_progress_at_sigterm)
{
    check_request_is_finished(language, terminate);
}

EACH_LANGUAGE(keeps_its_descriptors_from_programs_the_app_runs)
{
    loader_t *loader = loader_serve(language, language);
    int fd;

    for (fd = 3; fd <= 4; fd++) {
        const char *info =
            test_read(test_format("/proc/%d/fdinfo/%d", (int)loader->pid, fd));
        const char *flags = strstr(info, "flags:");

        CHECK(flags);
        CHECK(strtol(flags + 6, NULL, 8) & 02000000 /* O_CLOEXEC */);
    }
}
