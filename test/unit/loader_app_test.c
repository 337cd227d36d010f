/* SPDX-License-Identifier: Apache-2.0 */

/* What apps may do and expect: the ways of each language, and what apps in the
 * wild are known to do. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "loader_process.h"
#include "test.h"

/* The body that an app of this code answers to a GET of "/". */
static const char *answer_of(const char *language, const char *code)
{
    loader_t *loader = loader_start_code(language, code);
    loader_answer_t answer;

    loader_await_ready(loader);
    answer = loader_get(loader, loader_connect(loader), "/");
    CHECK_INT(answer.status, 200);
    return answer.body;
}

/* The validators raise an error, which would be a 500. */
static void check_validated(const char *language, const char *app)
{
    static const char *const paths[] = {"/hello",      "/request", "/headers",
                                        "/status/204", "/size/10", "/pieces/."};
    loader_t *loader = loader_serve(language, app);
    int fd = loader_connect(loader);
    const char *request;
    size_t i, len;

    for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        CHECK_INT(loader_get(loader, fd, paths[i]).status / 100, 2);
        loader_ask(loader, fd, "HEAD", paths[i]);
        CHECK_INT(loader_read_answer(fd, "HEAD").status / 100, 2);
    }
    request = loader_request(loader, "POST", "/echo", "abc", 3, &len);
    loader_send(fd, request, len);
    CHECK_STR(loader_read_answer(fd, "POST").body, "abc");
}

TEST(ruby_keeps_the_rules_of_rack)
{
    check_validated("ruby", "ruby-lint");
}

TEST(python_keeps_the_rules_of_wsgi)
{
    app_require("python3");
    check_validated("python", "python-lint");
}

/* An exception costs a 500 and a line in the log, not the process. */
static void check_exception(const char *language)
{
    loader_t *loader = loader_serve(language, language);
    int fd = loader_connect(loader);

    CHECK_INT(loader_get(loader, fd, "/raise").status, 500);
    CHECK_LACKS(loader_get(loader, fd, "/raise").body, "on purpose");
    CHECK_INT(loader_get(loader, fd, "/hello").status, 200);
}

TEST(ruby_survives_an_exception)
{
    check_exception("ruby");
}

TEST(python_survives_an_exception)
{
    check_exception("python");
}

/* After the head is sent, only the end of the connection can tell. */
static void check_cut(const char *language, const char *code)
{
    loader_t *loader = loader_start_code(language, code);
    int fd = loader_connect(loader);

    loader_await_ready(loader);
    CHECK_INT(loader_get(loader, fd, "/").status, 0);
    CHECK(loader_is_closed(fd));
    CHECK_INT(loader_get(loader, loader_connect(loader), "/").status, 0);
}

TEST(ruby_cuts_off_an_answer_that_fails)
{
    check_cut("ruby", "body = Enumerator.new { |out| out << 'a'; raise 'x' }\n"
                      "run ->(_) { [200, {}, body] }");
}

TEST(python_cuts_off_an_answer_that_fails)
{
    check_cut("python", "def application(environ, start_response):\n"
                        "    start_response('200 OK', [])\n"
                        "    yield b'a'\n"
                        "    raise ValueError('x')\n");
}

TEST(ruby_cuts_off_an_answer_that_is_shorter_than_it_says)
{
    check_cut("ruby",
              "run ->(_) { [200, { 'content-length' => '9' }, ['a']] }");
}

TEST(python_cuts_off_an_answer_that_is_shorter_than_it_says)
{
    check_cut("python",
              "def application(environ, start_response):\n"
              "    start_response('200 OK', [('Content-Length', '9')])\n"
              "    return [b'a']\n");
}

/* A line break in a header would let the client add headers. */
static void check_injection(const char *language, const char *code)
{
    loader_t *loader = loader_start_code(language, code);
    loader_answer_t answer;

    loader_await_ready(loader);
    answer = loader_get(loader, loader_connect(loader), "/");
    CHECK_INT(answer.status, 500);
    CHECK_LACKS(answer.head, "evil");
}

TEST(ruby_refuses_line_breaks_in_header_values)
{
    check_injection("ruby",
                    "run ->(_) { [200, { 'a' => \"b\\r\\nevil: c\" }, []] }");
}

TEST(ruby_refuses_line_breaks_in_header_names)
{
    check_injection("ruby",
                    "run ->(_) { [200, { \"a: b\\nevil\" => 'c' }, []] }");
}

TEST(python_refuses_line_breaks_in_header_values)
{
    check_injection("python",
                    "def application(environ, start_response):\n"
                    "    start_response('200 OK', [('a', 'b\\r\\nevil: c')])\n"
                    "    return []\n");
}

TEST(python_refuses_line_breaks_in_the_status)
{
    check_injection("python", "def application(environ, start_response):\n"
                              "    start_response('200 OK\\nevil: c', [])\n"
                              "    return []\n");
}

/* The app's body counts how often it was closed. What is asked for in between
 * fails halfway. */
static void check_closed_once(const char *language, const char *code)
{
    loader_t *loader = loader_start_code(language, code);

    loader_await_ready(loader);
    CHECK_STR(loader_get(loader, loader_connect(loader), "/").body, "0");
    CHECK_STR(loader_get(loader, loader_connect(loader), "/").body, "1");
    CHECK_INT(loader_get(loader, loader_connect(loader), "/raise").status, 0);
    CHECK_STR(loader_get(loader, loader_connect(loader), "/").body, "3");
}

TEST(ruby_closes_the_body_once)
{
    check_closed_once(
        "ruby",
        "class Body < Struct.new(:fails)\n"
        "  def each; yield $closed.to_s; raise 'x' if fails; end\n"
        "  def close; $closed += 1; end\n"
        "end\n"
        "$closed = 0\n"
        "run ->(env) { [200, {}, Body.new(env['PATH_INFO'] == '/raise')] }");
}

TEST(python_closes_the_result_once)
{
    check_closed_once("python", "closed = 0\n"
                                "class Body(list):\n"
                                "    def close(self):\n"
                                "        global closed\n"
                                "        closed += 1\n"
                                "def application(environ, start_response):\n"
                                "    body = Body([str(closed).encode()])\n"
                                "    if environ['PATH_INFO'] == '/raise':\n"
                                "        body.append('not bytes')\n"
                                "    start_response('200 OK', [])\n"
                                "    return body\n");
}

TEST(ruby_lets_the_app_take_the_connection)
{
    CHECK_STR(answer_of("ruby", "run(lambda do |env|\n"
                                "  io = env['rack.hijack'].call\n"
                                "  io.write(\"HTTP/1.1 200 "
                                "OK\\r\\nContent-Length: 1\\r\\n\\r\\nx\")\n"
                                "  io.close\n"
                                "  [200, {}, []]\n"
                                "end)"),
              "x");
}

TEST(ruby_loads_no_library_before_bundler)
{
    /* Each of these may be a gem of another version in Gemfile.lock. */
    CHECK_STR(
        answer_of(
            "ruby",
            "loaded = $LOADED_FEATURES.map { |file| File.basename(file, '.*') "
            "}\n"
            "run ->(_) { [200, {}, [LOADED_FIRST.inspect]] }\n"
            "LOADED_FIRST = loaded & %w[socket json stringio strscan logger]"),
        "[]");
}

TEST(python_runs_under_another_interpreter)
{
    const char *wrapper = test_file(
        "wrapper", "#!/bin/sh\nexport FROM_WRAPPER=yes\nexec python3 \"$@\"\n");
    loader_t *loader;

    CHECK_INT(chmod(wrapper, 0755), 0);
    (void)test_file("code/passenger_wsgi.py",
                    "import os, sys\n"
                    "if not os.environ.get('AGAIN'):\n"
                    "    os.environ['AGAIN'] = 'yes'\n"
                    "    os.execl(sys.executable, sys.executable, *sys.argv)\n"
                    "def application(environ, start_response):\n"
                    "    start_response('200 OK', [])\n"
                    "    return [os.environ['FROM_WRAPPER'].encode()]\n");
    loader = loader_start("python", test_format("%s/code", test_dir()), NULL,
                          wrapper);
    loader_await_ready(loader);
    CHECK_STR(loader_get(loader, loader_connect(loader), "/").body, "yes");
}

TEST(python_finds_the_apps_modules_and_not_the_loaders)
{
    (void)test_file("code/wsgi_server.py", "name = 'mine'\n");
    CHECK_STR(
        answer_of("python",
                  "import wsgi_server, sys, os\n"
                  "def application(environ, start_response):\n"
                  "    start_response('200 OK', [])\n"
                  "    here = sys.path[0] == os.getcwd()\n"
                  "    return [wsgi_server.name.encode() + b' %d' % here]\n"),
        "mine 1");
}

TEST(python_supports_write_and_start_response_again)
{
    CHECK_STR(
        answer_of(
            "python",
            "import sys\n"
            "def application(environ, start_response):\n"
            "    start_response('404 No', [])\n"
            "    try:\n"
            "        raise ValueError()\n"
            "    except ValueError:\n"
            "        write = start_response('200 OK', [], sys.exc_info())\n"
            "    write(b'one ')\n"
            "    return [b'two']\n"),
        "one two");
}

/* The app ends itself when it hears "shutdown". */
TEST(node_tells_the_app_to_shut_down)
{
    loader_t *loader = loader_start_code(
        "node",
        "process.on('message', (m) => m === 'shutdown' && process.exit(7));\n"
        "require('http').createServer().listen(3000);");

    loader_await_ready(loader);
    loader_send(loader->control, "{\"command\":\"stop\"}\n", 19);
    CHECK_INT(loader_wait(loader), 7);
}

TEST(node_leaves_sigterm_to_an_app_that_handles_it)
{
    loader_t *loader = loader_start_code(
        "node", "process.on('SIGTERM', () => process.exit(7));\n"
                "require('http').createServer().listen(3000);");

    loader_await_ready(loader);
    CHECK_INT(kill(loader->pid, SIGTERM), 0);
    CHECK_INT(loader_wait(loader), 7);
}

#define NODE_SAY(what)                                             \
    "const server = require('http').createServer((q, s) => s.end(" \
    "String(" what ")));\n"

TEST(node_listens_wherever_the_app_says)
{
    static const char *const idioms[] = {
        "server.listen(3000)",
        "server.listen(process.env.PORT, '0.0.0.0', 511, () => {})",
        "server.listen({port: 0, host: '::1'}, () => {})",
        "server.listen('passenger')",
        "server.listen('/passenger')",
        "server.listen({path: 'passenger'})",
        "server.listen()",
        "server.listen(() => {})",
        "setTimeout(() => server.listen('/tmp/my.sock'), 10)",
        "PhusionPassenger.configure({autoInstall: false});\n"
        "const http = require('http');\n"
        "http.createServer().listen(0, '127.0.0.1', () => "
        "server.listen('passenger'))",
    };
    size_t i;

    for (i = 0; i < sizeof(idioms) / sizeof(*idioms); i++) {
        CHECK_STR(
            answer_of("node", test_format(NODE_SAY("'here'") "%s", idioms[i])),
            "here");
    }
}

TEST(node_says_the_address_the_app_asked_for)
{
    CHECK_STR(answer_of("node",
                        NODE_SAY("said") "let said;\n"
                                         "server.listen(8765, () => { said = "
                                         "server.address().port });"),
              "8765");
}

/* As Fastify does for localhost. */
TEST(node_opens_no_port_for_a_second_address)
{
    CHECK_STR(
        answer_of(
            "node",
            NODE_SAY(
                "[second.address().port, second.listening]") "const second = "
                                                             "require('http')."
                                                             "createServer();\n"
                                                             "server.listen("
                                                             "8765, "
                                                             "'localhost', () "
                                                             "=> "
                                                             "second.listen(\n"
                                                             "    {port: "
                                                             "server.address()."
                                                             "port, host: "
                                                             "'::1'}))"),
        "8765,false");
}

/* And not as headers, which would seem to be the client's. */
TEST(node_shows_what_httpd_knows_about_the_client)
{
    CHECK_STR(answer_of("node",
                        NODE_SAY("[q.socket.remoteAddress, q.socket.remotePort,"
                                 " q.socket.encrypted, q.remoteUser,"
                                 " Object.keys(q.headers), "
                                 "q.rawHeaders.length]") "server.listen(3000)"),
              "10.9.8.7,12345,true,visitor,host,2");
}

TEST(node_runs_the_app_as_the_main_module)
{
    CHECK_STR(
        answer_of(
            "node",
            NODE_SAY("[require.main === module, process.argv.length,"
                     " process.argv[1] === __filename]") "server.listen(3000)"),
        "true,2,true");
}

TEST(node_keeps_idle_connections_whatever_the_app_sets)
{
    CHECK_STR(answer_of("node", NODE_SAY("[server.keepAliveTimeout, "
                                         "server.timeout]") "server."
                                                            "keepAliveTimeout "
                                                            "= 1;\n"
                                                            "server.listen("
                                                            "3000, () => { "
                                                            "server.setTimeout("
                                                            "1) })"),
              "0,0");
}

TEST(node_imports_modules_that_await)
{
    loader_t *loader = loader_start(
        "node", test_format("%s/test/apps/node-esm-tla", TEST_SRCDIR),
        "app.mjs", NULL);

    loader_await_ready(loader);
    CHECK_STR(loader_get(loader, loader_connect(loader), "/").body,
              "Hello world\n");
}

TEST(node_imports_what_package_json_calls_a_module)
{
    (void)test_file("code/package.json", "{\"type\": \"module\"}");
    CHECK_STR(answer_of("node",
                        "import http from 'http';\nawait 1;\n"
                        "http.createServer((q, s) => s.end('here')).listen(1)"),
              "here");
}

TEST(ruby_and_node_name_themselves_after_the_app)
{
    static const char *const names[] = {"ruby", "node"};
    size_t i;

    for (i = 0; i < 2; i++) {
        loader_t *loader = loader_serve(names[i], names[i]);

        CHECK_CONTAINS(
            test_read(test_format("/proc/%d/cmdline", (int)loader->pid)),
            "passenger: /");
    }
}
