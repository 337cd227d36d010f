/* SPDX-License-Identifier: Apache-2.0 */

/* What Rack promises to apps and middleware around the end of an answer. The
 * loader for Ruby is started without agent and httpd. */
#include <string.h>

#include <apr_strings.h>

#include "loader_process.h"
#include "test.h"

/* Middleware lets go of what it holds when the body is closed. */
TEST(ruby_closes_the_body_beside_a_taken_connection)
{
    static const char code[] =
        "class Body < Array\n"
        "  def close; $closed += 1; end\n"
        "end\n"
        "$closed = 0\n"
        "run(lambda do |env|\n"
        "  if env['PATH_INFO'] == '/take'\n"
        "    io = env['rack.hijack'].call\n"
        "    io.write(\"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n\")\n"
        "    io.close\n"
        "  end\n"
        "  [200, {}, env['PATH_INFO'] == '/take' ? Body.new : [$closed.to_s]]\n"
        "end)";
    loader_t *loader = loader_start_code("ruby", code);

    loader_await_ready(loader);
    CHECK_INT(loader_get(loader, loader_connect(loader), "/take").status, 200);
    CHECK_STR(loader_get(loader, loader_connect(loader), "/").body, "1");
}

/* The client has the whole answer by then; the connection is good. */
TEST(ruby_goes_on_if_closing_the_body_fails)
{
    loader_t *loader =
        loader_start_code("ruby", "class Body\n"
                                  "  def each; yield 'whole'; end\n"
                                  "  def close; raise 'on purpose'; end\n"
                                  "end\n"
                                  "run ->(_) { [200, {}, Body.new] }");
    int fd;

    loader_await_ready(loader);
    fd = loader_connect(loader);
    CHECK_STR(loader_get(loader, fd, "/").body, "whole");
    CHECK_STR(loader_get(loader, fd, "/").body, "whole");
}

/* Rack 3's rack.response_finished: last come, first called, with the error if
 * there was one. One that fails, or an app without the list, ends nothing. */
TEST(ruby_calls_what_waits_for_the_end_of_the_answer)
{
    loader_t *loader = loader_start_code(
        "ruby",
        "def Rack.release; '3.0.0'; end\n"
        "$said = []\n"
        "say = lambda do |name|\n"
        "  ->(_, status, _, error) { $said << \"#{name} #{status} #{error}\" "
        "}\n"
        "end\n"
        "run(lambda do |env|\n"
        "  list = env['rack.response_finished']\n"
        "  next [200, {}, [$said.join(';')]] if env['PATH_INFO'] == '/said'\n"
        "  next [200, {}, [env.delete('rack.response_finished').to_s]] "
        "if env['PATH_INFO'] == '/without'\n"
        "  list.push(say['a'], ->(*) { raise 'on purpose' }, say['b'])\n"
        "  raise 'failed' if env['PATH_INFO'] == '/raise'\n"
        "  [201, {}, []]\n"
        "end)");
    int fd;

    loader_await_ready(loader);
    fd = loader_connect(loader);
    CHECK_INT(loader_get(loader, fd, "/").status, 201);
    CHECK_INT(loader_get(loader, fd, "/raise").status, 500);
    CHECK_STR(loader_get(loader, fd, "/without").body, "[]");
    CHECK_STR(loader_get(loader, fd, "/said").body,
              "b 201 ;a 201 ;b  failed;a  failed");
}

/* The app is called before the end of the body is there, reads it in every way,
 * and again. `filler` bytes are between its lines. */
static void is_read_while_it_comes(size_t filler)
{
    static const char code[] =
        "run(lambda do |env|\n"
        "  input = env['rack.input']\n"
        "  File.write('called', '')\n"
        "  said = [input.gets, input.read(0), input.read(3), input.size]\n"
        "  rest = input.read\n"
        "  said += [rest.bytesize, rest.encoding.to_s, input.read]\n"
        "  said += [input.read(1), input.gets]\n"
        "  input.rewind\n"
        "  input.each { |line| said << line.bytesize }\n"
        "  input.rewind\n"
        "  said << input.read(4, +'old')\n"
        "  input.seek([input.size - 4, 0].max)\n"
        "  said += [input.eof?, input.getc, input.pos, input.binmode.nil?]\n"
        "  input.rewind\n"
        "  said << IO.copy_stream(input, File::NULL)\n"
        "  [200, {}, [said.inspect]]\n"
        "end)";
    loader_t *loader = loader_start_code("ruby", code);
    char *body =
        apr_psprintf(test_pool(), "one\ntwo%*s\nlast", (int)filler, "");
    size_t size = strlen(body), len;
    const char *request = loader_request(loader, "POST", "/", body, size, &len);
    int fd;

    loader_await_ready(loader);
    fd = loader_connect(loader);
    loader_send(fd, request, len - 3);
    WAIT_UNTIL(test_exists(test_format("%s/code/called", test_dir())));
    loader_send(fd, request + len - 3, 3);
    CHECK_STR(loader_read_answer(fd, "POST").body,
              test_format("[\"one\\n\", \"\", \"two\", %d, %d, \"ASCII-8BIT\", "
                          "\"\", nil, nil, 4, %d, 4, \"one\\n\", "
                          "false, \"l\", %d, false, %d]",
                          (int)size, (int)size - 7, (int)size - 8,
                          (int)size - 3, (int)size));
    CHECK_INT(loader_get(loader, fd, "/").status, 200);
}

TEST(ruby_reads_a_short_body_while_it_comes)
{
    is_read_while_it_comes(9);
}

TEST(ruby_reads_a_long_body_while_it_comes)
{
    is_read_while_it_comes(700000);
}
