/* SPDX-License-Identifier: Apache-2.0 */

/* A preloader forks processes that are as good as those started one by one,
 * and share nothing with it or each other that they must not. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app_server.h"
#include "loader_preloader.h"
#include "test.h"

/* An app whose answer is what the expression says; `start` is run while it is
 * loaded. */
static const char *code_of(const char *language, const char *start,
                           const char *expression)
{
    if (strcmp(language, "ruby") == 0) {
        return test_format("%s\nrun ->(env) { [200, {}, [(%s).to_s]] }\n",
                           start, expression);
    }
    return test_format("%s\ndef application(environ, start_response):\n"
                       "    start_response('200 OK', [])\n"
                       "    return [str(%s).encode()]\n",
                       start, expression);
}

static loader_t *preload(const char *language, const char *ruby_start,
                         const char *ruby, const char *python_start,
                         const char *python)
{
    int is_ruby = strcmp(language, "ruby") == 0;

    return loader_preload_code(
        language, code_of(language, is_ruby ? ruby_start : python_start,
                          is_ruby ? ruby : python));
}

static loader_t *fork_ready(const loader_t *preloader, const char *output)
{
    loader_t *loader = loader_fork(preloader, output);

    loader_await_ready(loader);
    return loader;
}

static const char *ask(const loader_t *loader)
{
    return loader_get(loader, loader_connect(loader), "/").body;
}

RUBY_AND_PYTHON(preloader_forks_processes_that_serve)
{
    loader_t *preloader = loader_preload(language, language);

    for (int i = 0; i < 3; i++) {
        loader_t *loader = fork_ready(preloader, "output");

        CHECK_STR(loader_get(loader, loader_connect(loader), "/pid").body,
                  test_format("%d", (int)loader->pid));
        CHECK_INT(getsid(loader->pid), loader->pid);
        loader_send(loader->control, "{\"command\":\"stop\"}\n", 19);
        CHECK_INT(loader_wait(loader), 0);
    }
}

/* The bound is generous; the rule is a few milliseconds. */
RUBY_AND_PYTHON(preloader_forks_fast)
{
    loader_t *preloader = loader_preload(language, language);
    double start = test_now();

    for (int i = 0; i < 10; i++) {
        (void)loader_fork(preloader, "output");
    }
    CHECK(test_now() - start < 2 * test_deadline_factor());
}

RUBY_AND_PYTHON(preloader_is_not_kept_by_its_processes)
{
    loader_t *preloader = loader_preload(language, language);
    loader_t *first = fork_ready(preloader, "output");
    loader_t *second = fork_ready(preloader, "output");
    char byte;

    loader_send(preloader->control, "{\"command\":\"stop\"}\n", 19);
    CHECK_INT(recv(preloader->control, &byte, 1, 0), 0);
    CHECK_INT(loader_wait(preloader), 0);
    CHECK_INT(loader_get(first, loader_connect(first), "/hello").status, 200);
    close(first->control);
    CHECK_INT(loader_wait(first), 0);
    CHECK_INT(loader_get(second, loader_connect(second), "/hello").status, 200);
}

static const char *count_fds(const loader_t *loader, const char *kind)
{
    const char *count;

    (void)test_shell(&count, "ls -l /proc/%d/fd | grep -c '%s'",
                     (int)loader->pid, kind);
    return count;
}

/* Neither the preloader's nor, which would be worse, another process's. */
RUBY_AND_PYTHON(process_of_a_preloader_has_the_sockets_of_any_other)
{
    loader_t *alone = loader_serve(language, language);
    loader_t *preloader = loader_preload(language, language), *second;
    const char *before = count_fds(preloader, "");

    (void)fork_ready(preloader, "output");
    second = fork_ready(preloader, "output");
    CHECK_STR(count_fds(second, "socket:"), count_fds(alone, "socket:"));
    CHECK_STR(count_fds(second, "/output$"), "2\n");
    CHECK_STR(count_fds(preloader, ""), before);
}

RUBY_AND_PYTHON(preloader_ends_at_sigterm_and_leaves_no_child)
{
    loader_t *preloader = loader_preload(language, language);
    loader_t *loader = fork_ready(preloader, "output");
    const char *children;

    (void)test_shell(&children, "cat /proc/%d/task/*/children",
                     (int)preloader->pid);
    CHECK_STR(children, "");
    CHECK_INT(kill(preloader->pid, SIGTERM), 0);
    CHECK_INT(loader_wait(preloader), 0);
    CHECK_INT(loader_get(loader, loader_connect(loader), "/hello").status, 200);
    CHECK_INT(kill(loader->pid, SIGTERM), 0);
    CHECK_INT(loader_wait(loader), 0);
}

RUBY_AND_PYTHON(preloader_loads_the_app_once_and_runs_the_hooks_in_each_process)
{
    loader_t *preloader = preload(
        language,
        "$log = [Process.pid]\n"
        "PhusionPassenger.on_event(:starting_worker_process) { |f| $log << "
        "Process.pid << f }",
        "$log.join(' ') + ' ' + ENV['PASSENGER_PRELOAD'].inspect",
        "import os, passenger\nlog = [os.getpid()]\n"
        "passenger.on_event('starting_worker_process', lambda f: "
        "log.extend([os.getpid(), str(f).lower()]))",
        "' '.join(map(str, log)) + ' ' + str(os.environ.get("
        "'PASSENGER_PRELOAD', 'nil'))");

    for (int i = 0; i < 2; i++) {
        loader_t *loader = fork_ready(preloader, "output");

        CHECK_STR(ask(loader),
                  test_format("%d %d true nil", (int)preloader->pid,
                              (int)loader->pid));
    }
}

RUBY_AND_PYTHON(processes_of_a_preloader_draw_different_random_numbers)
{
    loader_t *preloader =
        preload(language, "require 'securerandom'\nrand; SecureRandom.hex",
                "\"#{rand(1 << 60)} #{SecureRandom.hex}\"",
                "import random\nrandom.random()", "random.getrandbits(60)");
    const char *first = ask(fork_ready(preloader, "output"));

    CHECK(strcmp(first, ask(fork_ready(preloader, "output"))) != 0);
}

/* In the preloader's own buffers and in those of files the app has opened. */
RUBY_AND_PYTHON(output_before_a_fork_appears_once)
{
    const char *file = test_format("%s/file", test_dir());
    loader_t *preloader = preload(
        language,
        test_format("$stdout.sync = false\n$stdout.write('x')\n"
                    "$file = File.open('%s', 'w'); $file.write('loaded ')",
                    file),
        "$stdout.write('from ' + Process.pid.to_s); $file.write('served ')",
        test_format("import os, sys\nsys.stdout = open(1, 'w', 1000, "
                    "closefd=False)\nsys.stdout.write('x')\n"
                    "file = open('%s', 'w')\nfile.write('loaded ')",
                    file),
        "[sys.stdout.write('from %d' % os.getpid()), file.write('served '), "
        "file.flush()]");

    for (int i = 0; i < 2; i++) {
        const char *name = test_format("output.%d", i);
        loader_t *loader = fork_ready(preloader, name);
        int pid = (int)loader->pid;

        (void)ask(loader);
        close(loader->control);
        CHECK_INT(loader_wait(loader), 0);
        CHECK_STR(test_read(test_format("%s/%s", test_dir(), name)),
                  test_format("from %d", pid));
    }
    CHECK_STR(test_read(file), "loaded served served ");
}

RUBY_AND_PYTHON(hook_that_fails_is_told_and_the_preloader_lives_on)
{
    loader_t *preloader =
        preload(language,
                "PhusionPassenger.on_event(:starting_worker_process) do\n"
                "  raise 'on purpose' unless File.exist?('good')\n"
                "end",
                "'fine'",
                "import os, passenger\ndef check(forked):\n"
                "    if not os.path.exists('good'):\n"
                "        raise ValueError('on purpose')\n"
                "passenger.on_event('starting_worker_process', check)",
                "'fine'");
    loader_t *loader = loader_fork(preloader, "output");

    (void)loader_read_line(loader);
    CHECK_CONTAINS(loader->said, "failed");
    CHECK_CONTAINS(loader->said, "starting_worker_process");
    CHECK_CONTAINS(loader->said, "on purpose");
    CHECK_INT(loader_wait(loader), 1);
    (void)test_file("code/good", "");
    CHECK_STR(ask(fork_ready(preloader, "output")), "fine");
}

/* An app whose forks fail in the process with that pid (or in any other but
 * that), while a file called full exists. */
static loader_t *preload_with_limit(const char *language, const char *where)
{
    return preload(
        language,
        test_format("$pid = Process.pid\n"
                    "Process.singleton_class.prepend(Module.new do\n"
                    "  def fork\n"
                    "    raise Errno::EAGAIN if File.exist?('full') && "
                    "Process.pid %s $pid\n"
                    "    super\n"
                    "  end\n"
                    "end)",
                    where),
        "'fine'",
        test_format("import os, errno\nreal, pid = os.fork, os.getpid()\n"
                    "def fork():\n"
                    "    if os.path.exists('full') and os.getpid() %s pid:\n"
                    "        raise BlockingIOError(errno.EAGAIN,"
                    " 'Resource temporarily')\n"
                    "    return real()\n"
                    "os.fork = fork",
                    where),
        "'fine'");
}

static void check_failing_fork(const char *language, const char *where)
{
    loader_t *preloader = preload_with_limit(language, where);
    const char *before = count_fds(preloader, "");
    loader_t *loader;

    (void)test_file("code/full", "");
    loader = loader_fork(preloader, "output");
    CHECK_INT(loader->pid, 0);
    (void)loader_read_line(loader);
    CHECK_CONTAINS(loader->said, "cannot fork");
    CHECK_CONTAINS(loader->said, "Resource temporarily");
    CHECK_STR(loader_read_line(loader), "");
    CHECK_STR(count_fds(preloader, ""), before);
    CHECK_INT(unlink(test_format("%s/code/full", test_dir())), 0);
    CHECK_STR(ask(fork_ready(preloader, "output")), "fine");
}

RUBY_AND_PYTHON(fork_that_fails_is_told_and_the_preloader_lives_on)
{
    check_failing_fork(language, "==");
}

RUBY_AND_PYTHON(second_fork_that_fails_is_told_and_the_preloader_lives_on)
{
    check_failing_fork(language, "!=");
}

RUBY_AND_PYTHON(preloader_ignores_commands_that_are_none)
{
    loader_t *preloader = loader_preload(language, language);
    const char *before = count_fds(preloader, "");

    loader_send(preloader->control, "{\"command\":\"fork\"}\n", 19);
    loader_send(preloader->control, "nonsense\n[1]\n{\"command\":7}\n\xff\n",
                29);
    loader_send_fds(preloader, "{\"command\":\"fork\"}\n", 3);
    loader_send_fds(preloader, "{\"command\":\"fork\"}\n", 90);
    loader_send_fds(preloader, "{\"command\":\"dance\"}\n", 4);
    (void)fork_ready(preloader, "output");
    CHECK_STR(count_fds(preloader, ""), before);
}

RUBY_AND_PYTHON(preloader_takes_a_command_in_two_halves)
{
    loader_t *preloader = loader_preload(language, language);

    loader_send_fds(preloader, "{\"command\":", 4);
    loader_send(preloader->control, "\"stop\"}\n", 8);
    CHECK_INT(loader_wait(preloader), 0);
}

RUBY_AND_PYTHON(preloader_ends_when_the_agent_is_gone)
{
    loader_t *preloader = loader_preload(language, language);

    loader_send(preloader->control, "{\"comm", 7);
    close(preloader->control);
    CHECK_INT(loader_wait(preloader), 0);
}

RUBY_AND_PYTHON(preloader_refuses_a_line_without_end)
{
    loader_t *preloader = loader_preload(language, language);
    static char noise[70000];

    memset(noise, 'x', sizeof(noise));
    (void)send(preloader->control, noise, sizeof(noise), MSG_NOSIGNAL);
    CHECK_INT(loader_wait(preloader), 0);
}

/* Two processes on one connection would read each other's answers. */
TEST(ruby_connects_to_the_database_anew_in_each_process)
{
    loader_t *preloader;
    const char *open_files;

    app_require("ruby");
    if (test_shell(NULL, "ruby -e 'require \"active_record\";"
                         " require \"sqlite3\"' 2>/dev/null")
        != 0) {
        SKIP("ruby has no active_record or no sqlite3");
    }
    preloader = loader_preload_code(
        "ruby",
        "require 'active_record'\n"
        "ActiveRecord::Base.establish_connection(adapter: 'sqlite3',"
        " database: 'test.db')\n"
        "db = ActiveRecord::Base.connection\n"
        "db.execute('create table visits (pid)')\n"
        "$loaded = db.raw_connection\n"
        "run(lambda do |_|\n"
        "  db = ActiveRecord::Base.connection\n"
        "  db.execute(\"insert into visits values (#{Process.pid})\")\n"
        "  [200, {}, [\"#{db.select_value('select count(*) from visits')}"
        " #{db.raw_connection.equal?($loaded)}\"]]\n"
        "end)");
    (void)test_shell(&open_files, "ls -l /proc/%d/fd", (int)preloader->pid);
    CHECK_LACKS(open_files, "test.db");
    CHECK_STR(ask(fork_ready(preloader, "output")), "1 false");
    CHECK_STR(ask(fork_ready(preloader, "output")), "2 false");
}

static void check_framework(const char *language, const char *app,
                            const char *probe)
{
    loader_t *preloader, *first, *second;

    if (test_shell(NULL, "cd / && %s 2>/dev/null", probe) != 0) {
        SKIP("what '%s' needs is not installed", app);
    }
    preloader = loader_preload(language, app);
    first = fork_ready(preloader, "output");
    second = fork_ready(preloader, "output");
    for (int i = 0; i < 3; i++) {
        loader_t *loader = i % 2 ? second : first;
        loader_answer_t answer =
            loader_get(loader, loader_connect(loader), "/hello");

        CHECK_STR(answer.body, "Hello world\n");
    }
}

TEST(sinatra_app_is_forked)
{
    check_framework("ruby", "ruby-sinatra", "ruby -rsinatra/base -e 1");
}

/* Rails needs a second or more to load. */
TEST_DEADLINE(rails_app_is_forked, 60)
{
    check_framework("ruby", "ruby-rails", "ruby -rrails -e 1");
}

TEST(flask_app_is_forked)
{
    check_framework("python", "python-flask", "python3 -c 'import flask'");
}

TEST(django_app_is_forked)
{
    check_framework("python", "python-django", "python3 -c 'import django'");
}
