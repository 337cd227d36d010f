/* SPDX-License-Identifier: Apache-2.0 */

/* A loader that is told PASSENGER_THREADS serves so many requests at once, and
 * keeps the protocol as one that serves one after the other does. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app_server.h"
#include "loader_preloader.h"
#include "test.h"

enum {
    THREADS = 4,
};

static loader_t *serve(const char *language)
{
    loader_t *loader;

    setenv("PASSENGER_THREADS", "4", 1);
    loader = loader_serve(language, language);
    unsetenv("PASSENGER_THREADS");
    return loader;
}

/* Asks for an answer of two pieces and waits for the first. */
static int ask_slowly(const loader_t *loader)
{
    int fd = loader_connect(loader);
    char text[1000] = "";
    size_t len = 0;

    loader_ask(loader, fd, "GET", test_format("/pieces/%s/go", test_dir()));
    while (!strstr(text, "one\n")) {
        ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, 0);

        CHECK(n > 0);
        len += (size_t)n;
    }
    return fd;
}

/* The rest of it: a chunk, and the end. */
static void check_end_of_answer(int fd)
{
    char text[1000] = "";
    size_t len = 0;

    while (!strstr(text, "0\r\n\r\n")) {
        ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, 0);

        CHECK(n > 0);
        len += (size_t)n;
    }
    CHECK_CONTAINS(text, "two\n");
}

RUBY_AND_PYTHON(threads_serve_requests_at_once)
{
    loader_t *loader = serve(language);
    int slow[THREADS - 1], fast = loader_connect(loader);

    CHECK_CONTAINS(loader->said, "4");
    for (int i = 0; i < THREADS - 1; i++) {
        slow[i] = ask_slowly(loader);
    }
    for (int i = 0; i < 100; i++) {
        CHECK_INT(loader_get(loader, fast, "/hello").status, 200);
    }
    (void)test_file("go", "");
    for (int i = 0; i < THREADS - 1; i++) {
        check_end_of_answer(slow[i]);
        CHECK_INT(loader_get(loader, slow[i], "/hello").status, 200);
    }
}

/* More connections than threads, requests that follow at once, clients that
 * leave: nothing may be lost or mixed up. */
RUBY_AND_PYTHON(threads_answer_every_request_on_its_connection)
{
    loader_t *loader = serve(language);
    int fd[20];

    for (int i = 0; i < 20; i++) {
        fd[i] = loader_connect(loader);
    }
    for (int round = 0; round < 10; round++) {
        int gone = loader_connect(loader);

        loader_ask(loader, gone, "GET", "/size/300000");
        close(gone);
        for (int i = 0; i < 20; i++) {
            loader_ask(loader, fd[i], "GET",
                       test_format("/number/%d/%d", round, i));
        }
        for (int i = 0; i < 20; i++) {
            CHECK_STR(loader_read_answer(fd[i], "GET").body,
                      test_format("%s: /number/%d/%d", language, round, i));
        }
    }
}

static void check_all_are_finished(const char *language, int by_signal)
{
    loader_t *loader = serve(language);
    int slow[THREADS], idle = loader_connect(loader);

    CHECK_INT(loader_get(loader, idle, "/hello").status, 200);
    for (int i = 0; i < THREADS; i++) {
        slow[i] = ask_slowly(loader);
    }
    if (by_signal) {
        CHECK_INT(kill(loader->pid, SIGTERM), 0);
    }
    else {
        loader_send(loader->control, "{\"command\":\"stop\"}\n", 19);
    }
    (void)test_file("go", "");
    for (int i = 0; i < THREADS; i++) {
        check_end_of_answer(slow[i]);
    }
    CHECK_INT(loader_wait(loader), 0);
}

RUBY_AND_PYTHON(threads_finish_all_requests_before_they_stop)
{
    check_all_are_finished(language, 0);
}

RUBY_AND_PYTHON(threads_finish_all_requests_at_sigterm)
{
    check_all_are_finished(language, 1);
}

static const char ruby_code[] =
    "PhusionPassenger.on_event(:starting_request_handler_thread) do\n"
    "  raise 'on purpose' if File.exist?('bad')\n"
    "  Thread.current[:started] = true\n"
    "end\n"
    "run(lambda do |env|\n"
    "  exit(7) if env['PATH_INFO'] == '/exit'\n"
    "  [200, {}, [env['rack.multithread'].to_s + ' ' + "
    "Thread.current[:started].to_s]]\n"
    "end)";
static const char python_code[] =
    "import os, passenger, sys, threading\n"
    "local = threading.local()\n"
    "@passenger.on_event('starting_request_handler_thread')\n"
    "def start():\n"
    "    if os.path.exists('bad'):\n"
    "        raise ValueError('on purpose')\n"
    "    local.started = True\n"
    "def application(environ, start_response):\n"
    "    if environ['PATH_INFO'] == '/exit':\n"
    "        sys.exit(7)\n"
    "    start_response('200 OK', [])\n"
    "    text = '%s %s' % (environ['wsgi.multithread'], local.started)\n"
    "    return [text.lower().encode()]\n";

static const char *code_in(const char *language)
{
    return strcmp(language, "ruby") == 0 ? ruby_code : python_code;
}

RUBY_AND_PYTHON(threads_are_announced_to_the_app)
{
    loader_t *loader;

    setenv("PASSENGER_THREADS", "4", 1);
    loader =
        loader_fork(loader_preload_code(language, code_in(language)), "output");
    loader_await_ready(loader);
    CHECK_CONTAINS(loader->said, "4");
    CHECK_STR(loader_get(loader, loader_connect(loader), "/").body,
              "true true");
}

/* And not only the thread, of which there would be none in the end. */
RUBY_AND_PYTHON(thread_that_exits_ends_the_process)
{
    loader_t *loader;

    setenv("PASSENGER_THREADS", "4", 1);
    loader = loader_start_code(language, code_in(language));
    loader_await_ready(loader);
    loader_ask(loader, loader_connect(loader), "GET", "/exit");
    CHECK_INT(loader_wait(loader), 7);
}

RUBY_AND_PYTHON(thread_that_cannot_start_is_a_failed_start)
{
    loader_t *loader;

    (void)test_file("code/bad", "");
    setenv("PASSENGER_THREADS", "4", 1);
    loader = loader_start_code(language, code_in(language));
    (void)loader_read_line(loader);
    CHECK_CONTAINS(loader->said, "failed");
    CHECK_CONTAINS(loader->said, "on purpose");
    CHECK_INT(loader_wait(loader), 1);
}
