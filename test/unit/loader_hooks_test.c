/* SPDX-License-Identifier: Apache-2.0 */

/* What apps may have run besides requests, and what is shown of a process that
 * is asked what it is doing (SIGQUIT). */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_server.h"
#include "loader_process.h"
#include "test.h"

/* Starts the app with its output in a file, which this returns. */
static const char *start(loader_t **loader, const char *language,
                         const char *code)
{
    const char *output = test_format("%s/output", test_dir());
    int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);

    CHECK(fd >= 0 && own >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    *loader = loader_start_code(language, code);
    CHECK(dup2(own, STDERR_FILENO) >= 0);
    loader_await_ready(*loader);
    return output;
}

static const char *get(const loader_t *loader)
{
    return loader_get(loader, loader_connect(loader), "/").body;
}

TEST(ruby_runs_the_hooks_in_order)
{
    loader_t *loader;
    const char *output = start(
        &loader, "ruby",
        "$log = []\n"
        "%i[starting_worker_process credentials starting_request_handler_thread"
        " after_installing_signal_handlers].each do |name|\n"
        "  PhusionPassenger.on_event(name) { |*args| $log << [name, args] }\n"
        "end\n"
        "PhusionPassenger.on_event(:stopping_worker_process) { warn 'ended' }\n"
        "PhusionPassenger.advertised_concurrency_level = 5\n"
        "run ->(_) { [200, {}, [$log.inspect]] }");

    CHECK_CONTAINS(loader->said, "\"concurrency\":5");
    CHECK_STR(get(loader), "[[:after_installing_signal_handlers, []], "
                           "[:starting_worker_process, [false]], "
                           "[:credentials, [nil, nil]], "
                           "[:starting_request_handler_thread, []]]");
    CHECK_LACKS(test_read(output), "ended");
    close(loader->control);
    CHECK_INT(loader_wait(loader), 0);
    CHECK_CONTAINS(test_read(output), "ended");
}

TEST(python_runs_the_hooks_in_order)
{
    loader_t *loader;
    const char *output = start(
        &loader, "python",
        "import passenger, sys\n"
        "log = []\n"
        "for name in ('starting_worker_process', 'oob_work',\n"
        "             'starting_request_handler_thread',\n"
        "             'after_installing_signal_handlers'):\n"
        "    passenger.on_event(name, lambda *a, n=name: log.append((n, a)))\n"
        "@passenger.on_event('stopping_worker_process')\n"
        "def end():\n"
        "    print('ended', file=sys.stderr)\n"
        "passenger.advertised_concurrency_level = 5\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [str(log).encode()]\n");

    CHECK_CONTAINS(loader->said, "\"concurrency\": 5");
    CHECK_STR(get(loader), "[('after_installing_signal_handlers', ()), "
                           "('starting_worker_process', (False,)), "
                           "('starting_request_handler_thread', ())]");
    CHECK_LACKS(test_read(output), "ended");
    close(loader->control);
    CHECK_INT(loader_wait(loader), 0);
    CHECK_CONTAINS(test_read(output), "ended");
}

TEST(python_app_may_have_a_module_called_passenger)
{
    loader_t *loader;

    (void)test_file("code/passenger.py", "name = 'mine'\n");
    (void)start(&loader, "python",
                "import passenger\n"
                "def application(environ, start_response):\n"
                "    start_response('200 OK', [])\n"
                "    return [passenger.name.encode()]\n");
    CHECK_STR(get(loader), "mine");
}

/* The second block fails; requests are to come again all the same. */
static const char *const oob_codes[][2] = {
    {"ruby", "$done = 0\n"
             "PhusionPassenger.on_event(:oob_work) { $done += 1 }\n"
             "PhusionPassenger.on_event(:oob_work) { raise 'on purpose' }\n"
             "run ->(_) { [200, {}, [$done.to_s]] }"},
    {"python", "import passenger\n"
               "done = []\n"
               "passenger.on_event('oob_work', lambda: done.append(1))\n"
               "passenger.on_event('oob_work', lambda: 1 / 0)\n"
               "def application(environ, start_response):\n"
               "    start_response('200 OK', [])\n"
               "    return [b'%d' % len(done)]\n"},
    {"node", "let done = 0;\n"
             "PhusionPassenger.on('oob_work', () => { done += 1; });\n"
             "PhusionPassenger.on('oob_work', () => { throw new Error('on "
             "purpose'); });\n"
             "require('http').createServer((request, response) => {\n"
             "  response.end(String(done));\n"
             "}).listen(3000);"},
};

static const char *oob_code(const char *language)
{
    size_t i = 0;

    while (strcmp(oob_codes[i][0], language) != 0) {
        i++;
    }
    return oob_codes[i][1];
}

static void check_oob_work(const char *language)
{
    loader_t *loader;
    const char *output = start(&loader, language, oob_code(language));

    CHECK_STR(get(loader), "0");
    loader_send(loader->control, "{\"command\":\"oob_work\"}\n", 23);
    CHECK_CONTAINS(loader_read_line(loader), "rested");
    CHECK_STR(get(loader), "1");
    CHECK(*test_read(output));
}

EACH_LANGUAGE(works_out_of_band_and_says_when_it_is_done)
{
    check_oob_work(language);
}

TEST(ruby_threads_work_out_of_band)
{
    setenv("PASSENGER_THREADS", "3", 1);
    check_oob_work("ruby");
}

TEST(python_threads_work_out_of_band)
{
    setenv("PASSENGER_THREADS", "3", 1);
    check_oob_work("python");
}

/* Threads still have a request: the work waits for its end. */
static void check_rest_waits(const char *language)
{
    loader_t *loader;
    int slow, fd;
    char text[4000];

    setenv("PASSENGER_THREADS", "3", 1);
    loader = loader_serve(language, language);
    slow = loader_connect(loader);
    fd = loader_connect(loader);
    loader_ask(loader, slow, "GET", test_format("/pieces/%s/go", test_dir()));
    CHECK(recv(slow, text, sizeof(text), 0) > 0);
    loader_send(loader->control, "{\"command\":\"oob_work\"}\n", 23);
    for (int i = 0; i < 20; i++) {
        CHECK_INT(loader_get(loader, fd, "/hello").status, 200);
    }
    CHECK(recv(loader->control, text, sizeof(text), MSG_DONTWAIT) < 0);
    (void)test_file("go", "");
    CHECK_CONTAINS(loader_read_line(loader), "rested");
}

TEST(ruby_threads_finish_requests_before_work_out_of_band)
{
    check_rest_waits("ruby");
}

TEST(python_threads_finish_requests_before_work_out_of_band)
{
    check_rest_waits("python");
}

TEST(ruby_collects_garbage_out_of_band)
{
    loader_t *loader;
    int fd, asked = 0;

    (void)start(&loader, "ruby",
                "use PhusionPassenger::Rack::OutOfBandGc, 3\n"
                "run ->(_) { [200, {}, [GC.count.to_s]] }");
    fd = loader_connect(loader);
    for (int i = 0; i < 7; i++) {
        loader_answer_t answer = loader_get(loader, fd, "/");

        if (strcasestr(answer.head, "x-passenger-request-oob-work: true")) {
            asked++;
            loader_send(loader->control, "{\"command\":\"oob_work\"}\n", 23);
            CHECK_CONTAINS(loader_read_line(loader), "rested");
            CHECK(atoi(loader_get(loader, fd, "/").body) > atoi(answer.body));
        }
    }
    /* Those in between are requests, too. */
    CHECK_INT(asked, 3);
}

/* Busy for ever, asleep, and waiting for something that never comes. */
static const char *const stack_codes[][2] = {
    {"ruby", "def busy_leaf; loop {}; end\n"
             "def sleep_leaf; sleep; end\n"
             "def read_leaf; IO.pipe.first.read; end\n"
             "run(lambda do |env|\n"
             "  warn 'begun'\n"
             "  send(env['PATH_INFO'][1..-1])\n"
             "end)"},
    {"python", "import os, sys, time\n"
               "def busy_leaf():\n"
               "    while True:\n"
               "        pass\n"
               "def sleep_leaf():\n"
               "    time.sleep(1000)\n"
               "ends = os.pipe()\n"
               "def read_leaf():\n"
               "    os.read(ends[0], 1)\n"
               "def application(environ, start_response):\n"
               "    print('begun', file=sys.stderr, flush=True)\n"
               "    globals()[environ['PATH_INFO'][1:]]()\n"},
    {"node", "const fs = require('fs');\n"
             "function busy_leaf() { while (true); }\n"
             "require('http').createServer((request, response) => {\n"
             "  fs.writeSync(2, 'begun\\n');\n"
             "  if (request.url === '/busy_leaf') busy_leaf();\n"
             "}).listen(3000);"},
};

/* A signal may come before the loader for Node.js can show a stack. */
static int shows(const loader_t *loader, const char *output, const char *words)
{
    CHECK_INT(kill(loader->pid, SIGQUIT), 0);
    return strstr(test_read(output), words) != NULL;
}

/* Signals until it shows the words; it must not end of that. */
static void check_stack(const char *language, const char *path,
                        const char *words)
{
    loader_t *loader = NULL;
    const char *output = "";

    setenv("SECRET", "password", 1);
    for (size_t i = 0; i < sizeof(stack_codes) / sizeof(stack_codes[0]); i++) {
        if (strcmp(stack_codes[i][0], language) == 0) {
            output = start(&loader, language, stack_codes[i][1]);
        }
    }
    loader_ask(loader, loader_connect(loader), "GET", path);
    WAIT_UNTIL(strstr(test_read(output), "begun"));
    WAIT_UNTIL(shows(loader, output, words));
    CHECK_INT(waitpid(loader->pid, NULL, WNOHANG), 0);
    CHECK_LACKS(test_read(output), "password");
}

EACH_LANGUAGE(shows_where_it_is_busy_at_sigquit)
{
    check_stack(language, "/busy_leaf", "busy_leaf");
}

TEST(ruby_shows_where_it_waits_at_sigquit)
{
    check_stack("ruby", "/sleep_leaf", "sleep_leaf'");
}

TEST(ruby_shows_where_it_reads_at_sigquit)
{
    check_stack("ruby", "/read_leaf", "read_leaf'");
}

TEST(python_shows_where_it_waits_at_sigquit)
{
    check_stack("python", "/sleep_leaf", "in sleep_leaf");
}

TEST(python_shows_where_it_reads_at_sigquit)
{
    check_stack("python", "/read_leaf", "in read_leaf");
}

EACH_LANGUAGE(shows_what_request_it_is_working_on_at_sigquit)
{
    int node = strcmp(language, "node") == 0;

    check_stack(language, node ? "/wait?token=1" : "/sleep_leaf",
                node ? "GET /wait\n" : "GET /sleep_leaf");
}
