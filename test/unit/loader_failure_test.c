/* SPDX-License-Identifier: Apache-2.0 */

/* What a loader says about an app that does not start: one "failed" line that
 * tells the app's owner what to do, and exit status 1. */
#include <string.h>

#include <apr_strings.h>

#include "app_server.h"
#include "loader_process.h"
#include "test.h"

/* Waits for "failed" with these words; words: separated by '|'. */
static void check_failure(loader_t *loader, const char *words)
{
    char *copy = apr_pstrdup(test_pool(), words), *last = NULL, *word;

    (void)loader_read_line(loader);
    CHECK_CONTAINS(loader->said, "failed");
    CHECK_CONTAINS(loader->said, "load");
    for (word = apr_strtok(copy, "|", &last); word;
         word = apr_strtok(NULL, "|", &last)) {
        CHECK_CONTAINS(loader->said, word);
    }
    CHECK_STR(loader_read_line(loader), "");
    CHECK_INT(loader_wait(loader), 1);
}

static void check_code(const char *language, const char *code,
                       const char *words)
{
    check_failure(loader_start_code(language, code), words);
}

EACH_LANGUAGE(names_the_startup_file_that_is_missing)
{
    check_failure(loader_start(language, test_dir(), "nothing/here", NULL),
                  "nothing/here|does not exist");
}

TEST(ruby_names_file_and_line_of_a_syntax_error)
{
    check_code("ruby", "\nx = = 1\n", "config.ru:2|syntax error|Version:");
}

TEST(python_names_file_and_line_of_a_syntax_error)
{
    check_code("python", "\nx = = 1\n",
               "passenger_wsgi.py|line 2|SyntaxError|Version:");
}

TEST(node_names_file_and_line_of_a_syntax_error)
{
    check_code("node", "\nx = = 1\n", "app.js:2|SyntaxError|Version:");
}

TEST(node_names_file_and_line_of_a_syntax_error_in_an_es_module)
{
    (void)test_file("app.mjs", "import fs from 'fs';\nx = = 1\n");
    check_failure(loader_start("node", test_dir(), "app.mjs", NULL),
                  "app.mjs:2|SyntaxError");
}

TEST(ruby_names_the_gem_that_is_missing)
{
    check_code("ruby", "require 'no_such_gem/part'",
               "gem 'no_such_gem' is missing|gem install|config.ru:1");
}

TEST(ruby_says_what_bundler_misses)
{
    app_require("bundle");
    (void)test_file("code/Gemfile", "gem 'no_such_gem'\n");
    check_code("ruby", "run 1", "no_such_gem|run 'bundle install'");
}

TEST(python_names_the_module_that_is_missing)
{
    check_code("python", "import no_such.module",
               "No module named 'no_such'|install 'no_such'|python");
}

TEST(node_names_the_module_that_is_missing)
{
    check_code("node", "require('no-such/part')",
               "Cannot find module 'no-such/part'|npm install");
}

TEST(node_names_the_package_an_es_module_misses)
{
    (void)test_file("app.mjs", "import 'no-such';\n");
    check_failure(loader_start("node", test_dir(), "app.mjs", NULL),
                  "Cannot find package 'no-such'|npm install");
}

TEST(ruby_shows_where_an_exception_came_from)
{
    check_code("ruby", "\nraise \"two\\nlines \\xff\"",
               "RuntimeError|two|config.ru:2");
}

TEST(python_shows_where_an_exception_came_from)
{
    check_code("python", "\nraise ValueError('two\\nlines \\udcff')",
               "ValueError|two lines|line 2");
}

TEST(node_shows_where_an_exception_came_from)
{
    check_code("node", "\nthrow new TypeError('two\\nlines')",
               "TypeError|two|app.js:2");
}

TEST(ruby_says_that_the_app_ended_while_it_was_loaded)
{
    check_code("ruby", "exit 0", "ended the process|status 0");
}

TEST(python_says_that_the_app_ended_while_it_was_loaded)
{
    check_code("python", "import sys; sys.exit(0)", "ended the process");
}

TEST(node_says_that_the_app_ended_while_it_was_loaded)
{
    check_code("node", "process.exit(0)", "ended with status 0|listen");
}

TEST(node_says_that_the_app_does_not_listen)
{
    check_code("node", "setTimeout(() => {}, 10)", "before it listened");
}

TEST(node_reports_a_rejected_promise_before_it_listens)
{
    check_code("node", "\nPromise.reject(new Error('too bad'))",
               "too bad|app.js:2");
}

TEST(node_reports_an_exception_before_it_listens)
{
    check_code("node", "\nsetImmediate(() => { throw new Error('too bad') })",
               "too bad|app.js:2");
}

TEST(python_misses_the_application)
{
    check_code("python", "app = 1", "does not define 'application'");
}

TEST(python_wants_an_application_that_can_be_called)
{
    check_code("python", "application = 1", "not callable|int");
}

TEST(ruby_misses_the_run_statement)
{
    check_code("ruby", "x = 1", "missing run");
}

/* A line may be 64 KiB; the ends of a long text say most. */
static void check_long(const char *language, const char *code)
{
    loader_t *loader = loader_start_code(language, code);

    check_failure(loader, "[...]");
    CHECK(strlen(loader->said) < 65536);
}

TEST(ruby_shortens_what_does_not_fit)
{
    check_long("ruby", "raise \"\\e\" * 100_000");
}

TEST(python_shortens_what_does_not_fit)
{
    check_long("python", "raise ValueError('\\x1b' * 100000)");
}

TEST(node_shortens_what_does_not_fit)
{
    check_long("node", "throw new Error('\\x1b'.repeat(100000))");
}

/* Their threads or handlers must not keep the process. */
TEST(python_ends_though_a_thread_goes_on)
{
    check_code("python",
               "import threading, time\n"
               "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
               "raise ValueError('too bad')\n",
               "too bad");
}

TEST(ruby_ends_though_a_handler_waits)
{
    check_code("ruby", "at_exit { sleep }; raise 'too bad'", "too bad");
}
