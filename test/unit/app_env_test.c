/* SPDX-License-Identifier: Apache-2.0 */

/* The environment that users give their apps. */
#include "test.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_env.h"

static const char *problem;

static const char *parsed(const char *text)
{
    int line = 0;
    apr_array_header_t *list = app_env_parse(&line, text, test_pool());

    return list ? apr_array_pstrcat(test_pool(), list, '|')
                : test_format("line %d", line);
}

static apr_array_header_t *read_file(const char *content, mode_t mode)
{
    const char *file = test_file("env", content);

    CHECK_INT(chmod(file, mode), 0);
    return app_env_read(&problem, file, test_pool());
}

TEST(lines_of_an_environment_file_are_taken)
{
    CHECK_STR(parsed(""), "");
    CHECK_STR(parsed("A=1\n# comment\n\n  B= two words \nexport C='q \"'\n"
                     "D=\"x=y\"\r\nE=\nF='half\nG=$A `id` \\n"),
              "A=1|B=two words|C=q \"|D=x=y|E=|F='half|G=$A `id` \\n");
}

TEST(first_line_that_is_none_is_named)
{
    CHECK_STR(parsed("A=1\nnothing\nB=2\n"), "line 2");
    CHECK_STR(parsed("=1"), "line 1");
    CHECK_STR(parsed("\n\n1A=1"), "line 3");
    CHECK_STR(parsed("A B=1"), "line 1");
    CHECK_STR(parsed("A.B=1"), "line 1");
}

TEST(secrets_must_be_the_users_alone)
{
    apr_array_header_t *list = read_file("KEY=value\n", 0600);

    CHECK(list != NULL);
    CHECK_STR(APR_ARRAY_IDX(list, 0, const char *), "KEY=value");
    CHECK(read_file("KEY=value\n", 0640) == NULL);
    CHECK_CONTAINS(problem, "chmod 600");
    CHECK(read_file("KEY=value\n", 0604) == NULL);
    CHECK(read_file("s3cret\n", 0600) == NULL);
    CHECK_STR(problem, "line 1 is not KEY=value");
    CHECK(app_env_read(&problem, test_dir(), test_pool()) == NULL);
    CHECK_CONTAINS(problem, "not a regular file");
    CHECK(app_env_read(&problem, "/nowhere/env", test_pool()) == NULL);
    CHECK_CONTAINS(problem, "No such file");
}

TEST(pipe_does_not_hang)
{
    const char *file = test_format("%s/pipe", test_dir());

    CHECK_INT(mkfifo(file, 0600), 0);
    CHECK(app_env_read(&problem, file, test_pool()) == NULL);
    CHECK_CONTAINS(problem, "not a regular file");
}

TEST(reserved_names_stay)
{
    apr_array_header_t *env = apr_array_make(test_pool(), 4, sizeof(char *));
    apr_array_header_t *added = apr_array_make(test_pool(), 4, sizeof(char *));

    APR_ARRAY_PUSH(env, const char *) = "HOME=/home/u";
    APR_ARRAY_PUSH(env, const char *) = "NODE_ENV=production";
    APR_ARRAY_PUSH(added, const char *) = "HOME=/root";
    APR_ARRAY_PUSH(added, const char *) = "PASSENGER_APP_ROOT=/x";
    APR_ARRAY_PUSH(added, const char *) = "LISTEN_FDS=9";
    APR_ARRAY_PUSH(added, const char *) = "NODE_ENV=test";
    APR_ARRAY_PUSH(added, const char *) = "HOMEPAGE=x";
    app_env_set_all(env, added);
    app_env_set_all(env, NULL);
    CHECK_STR(apr_array_pstrcat(test_pool(), env, '|'),
              "HOME=/home/u|NODE_ENV=test|HOMEPAGE=x");
}
