/* SPDX-License-Identifier: Apache-2.0 */

/* Apps as people have them: frameworks, package managers, virtual environments,
 * wrapped interpreters, programs started by a command. */
#include <string.h>
#include <sys/stat.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

/* Skips the test unless `command` succeeds: what it looks for is installed. */
static void require(const char *what, const char *command)
{
    if (test_shell(NULL, "PATH=/usr/bin:/bin:$PATH; (%s) >/dev/null 2>&1",
                   command)
        != 0) {
        SKIP("%s is not installed", what);
    }
}

static httpd_t *serve(const char *app, const char *vhost_config)
{
    app_copy(app, "www");
    return httpd_start(&(httpd_config_t){.vhost_config = vhost_config});
}

/* GET /hello, and a form by POST, twice: the second needs no start. */
static void check_answers(const httpd_t *httpd)
{
    int i;

    for (i = 0; i < 2; i++) {
        const http_response_t *answer;

        CHECK_STR(http_get_body(200, "%s/hello", httpd->url), "Hello world\n");
        answer = http_request(&(http_request_t){
            .url = test_format("%s/form", httpd->url),
            .body = "name=J%C3%BCrgen",
            .headers =
                (const char *[]){
                    "Content-Type: application/x-www-form-urlencoded", NULL},
        });
        CHECK_INT(answer->status, 200);
        CHECK_STR(answer->body, "J\xc3\xbcrgen\n");
    }
}

TEST(sinatra_app_is_served)
{
    require("Sinatra", "ruby -rsinatra/base -e 1");
    check_answers(serve("ruby-sinatra", NULL));
}

/* Rails needs a second or more to load. */
TEST_DEADLINE(rails_app_is_served, 60)
{
    httpd_t *httpd;
    const http_response_t *answer;
    const char *cookie;

    require("Rails", "ruby -raction_controller/railtie -e 1");
    httpd = serve("ruby-rails", NULL);
    check_answers(httpd);
    answer = http_get("%s/count", httpd->url);
    CHECK_STR(answer->body, "1\n");
    cookie = http_header(answer, "Set-Cookie");
    CHECK(cookie != NULL);
    answer = http_request(&(http_request_t){
        .url = test_format("%s/count", httpd->url),
        .headers = (const char *[]){
            test_format("Cookie: %.*s", (int)strcspn(cookie, ";"), cookie),
            NULL}});
    CHECK_STR(answer->body, "2\n");
}

TEST(bundler_decides_which_gems_are_there)
{
    httpd_t *httpd;
    const char *body;

    require("Bundler", "bundle --version && ruby -rsinatra/base -e 1");
    app_copy("ruby-bundler", "www");
    test_shell(NULL,
               "cd '%s/www' && rm -f Gemfile.lock && PATH=/usr/bin:$PATH "
               "bundle install --local >/dev/null && chmod -R a+rX .",
               test_dir());
    httpd = httpd_start(&(httpd_config_t){.mpm = NULL});
    body = http_get_body(200, "%s/", httpd->url);
    CHECK_CONTAINS(body, "/www/Gemfile\n");
    CHECK_CONTAINS(body, "sinatra");
}

TEST(flask_app_is_served)
{
    require("Flask", "python3 -c 'import flask'");
    check_answers(serve("python-flask", NULL));
}

TEST(django_app_is_served)
{
    require("Django", "python3 -c 'import django'");
    check_answers(serve("python-django", NULL));
}

/* A virtualenv, and in it a module `marked` that is nowhere else. */
static const char *make_virtualenv(const char *options)
{
    require("Python's venv", "python3 -c 'import venv, ensurepip'");
    CHECK_INT(test_shell(NULL,
                         "PATH=/usr/bin:$PATH; python3 -m venv "
                         "--without-pip %s '%s/venv'",
                         options, test_dir()),
              0);
    test_shell(NULL,
               "echo \"MARK = 'only here'\" >\"$(echo "
               "'%s'/venv/lib/python3*/site-packages)/marked.py\"",
               test_dir());
    return test_format("%s/venv/bin/python", test_dir());
}

TEST(app_runs_in_its_virtualenv)
{
    const char *python = make_virtualenv("");
    httpd_t *httpd;

    test_file("www/passenger_wsgi.py",
              "import marked\n"
              "def application(environ, start_response):\n"
              "    start_response('200 OK', [])\n"
              "    return [marked.MARK.encode()]\n");
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config = test_format("PassengerPython \"%s\"\n", python)});
    CHECK_STR(http_get_body(200, "%s/", httpd->url), "only here");
}

TEST(django_app_runs_in_a_virtualenv)
{
    const char *python;
    httpd_t *httpd;

    require("Django", "python3 -c 'import django'");
    python = make_virtualenv("--system-site-packages");
    app_copy("python-django", "www");
    test_shell(NULL, "sed -i '1iimport marked' '%s/www/passenger_wsgi.py'",
               test_dir());
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config = test_format("PassengerPython \"%s\"\n", python)});
    check_answers(httpd);
}

TEST(express_app_is_served)
{
    httpd_t *httpd;

    app_require("node");
    if (!test_exists(TEST_OUTDIR "/test-packages/node_modules/express")) {
        SKIP("build/test-packages has not installed Express");
    }
    app_copy("node-express", "www");
    test_shell(NULL, "cp -r '%s/test-packages/node_modules' '%s/www'",
               TEST_OUTDIR, test_dir());
    httpd = httpd_start(&(httpd_config_t){.mpm = NULL});
    check_answers(httpd);
}

TEST(es_module_with_top_level_await_is_served)
{
    app_require("node");
    CHECK_STR(http_get_body(200, "%s/", serve("node-esm-tla", NULL)->url),
              "Hello world\n");
}

static void check_program(const char *app, const char *command)
{
    httpd_t *httpd;
    int i;

    app_require("python3");
    httpd =
        serve(app, test_format("PassengerAppStartCommand \"%s\"\n", command));
    for (i = 0; i < 20; i++) {
        CHECK_STR(http_get_body(200, "%s/x", httpd->url), "Hello world\n");
    }
}

TEST(program_on_a_port_is_served)
{
    check_program("command-port", "python3 server.py");
}

TEST(program_that_is_passed_its_socket_is_served)
{
    check_program("command-listen-fds", "exec python3 server.py");
}

/* The shell that ran the command must not outlive the program, nor the
 * program the shell: httpd_stop() looks for both. */
TEST(program_below_a_shell_ends_with_httpd)
{
    httpd_t *httpd;

    app_require("python3");
    httpd = serve("command-port",
                  "PassengerAppStartCommand \"python3 server.py; true\"\n");
    http_get_body(200, "%s/x", httpd->url);
    httpd_stop(httpd);
}

static void check_wrapped(const char *language, const char *directive,
                          const char *interpreter)
{
    const char *wrapper;
    httpd_t *httpd;

    app_require(interpreter);
    wrapper = test_file("wrapper", test_format("#!/bin/sh\n"
                                               "WRAPPED=yes\n"
                                               "export WRAPPED\n"
                                               "exec %s \"$@\"\n",
                                               interpreter));
    CHECK_INT(chmod(wrapper, 0755), 0);
    httpd = serve(language, test_format("%s \"%s\"\n", directive, wrapper));
    CHECK_CONTAINS(http_get_body(200, "%s/environment", httpd->url), "WRAPPED");
}

TEST(ruby_may_be_a_wrapper_script)
{
    check_wrapped("ruby", "PassengerRuby", "ruby");
}

TEST(python_may_be_a_wrapper_script)
{
    check_wrapped("python", "PassengerPython", "python3");
}

TEST(node_may_be_a_wrapper_script)
{
    check_wrapped("node", "PassengerNodejs", "node");
}

/* As the startup files do that hosting panels make. */
TEST(app_may_change_to_its_virtualenv_by_exec)
{
    const char *python = make_virtualenv("");
    httpd_t *httpd;

    app_copy("python-reexec", "www");
    test_shell(NULL,
               "sed -i \"s|'/usr/bin/python3'|'%s'|\" "
               "'%s/www/passenger_wsgi.py'",
               python, test_dir());
    httpd = httpd_start(&(httpd_config_t){.mpm = NULL});
    CHECK_STR(http_get_body(200, "%s/", httpd->url),
              test_format("%s\n", python));
}

TEST(app_may_exec_its_own_interpreter_again)
{
    httpd_t *httpd;

    app_require("/usr/bin/python3");
    /* an interpreter of another name, or the app would see no reason to */
    CHECK_INT(test_shell(NULL, "ln -s /usr/bin/python3 '%s/other'", test_dir()),
              0);
    httpd = serve("python-reexec",
                  test_format("PassengerPython \"%s/other\"\n", test_dir()));
    CHECK_STR(http_get_body(200, "%s/", httpd->url), "/usr/bin/python3\n");
}
