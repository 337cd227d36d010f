/* SPDX-License-Identifier: Apache-2.0 */

/* Which interpreter is found by virtual environments and version files. */
#include "test.h"

#include <string.h>
#include <sys/stat.h>

#include <apr_strings.h>

#include "interpreter_search.h"

static void program(const char *name)
{
    CHECK_INT(chmod(test_file(name, "#!/bin/sh\n"), 0755), 0);
}

static const char *in_home(const char *name)
{
    return test_format("%s/home/%s", test_dir(), name);
}

static interpreter_search_t search(const char *name)
{
    interpreter_search_t found;

    interpreter_search(&found, name, in_home("apps/shop"),
                       test_format("%s/home", test_dir()), test_pool());
    return found;
}

static void check_found(const char *name, const char *file)
{
    interpreter_search_t found = search(name);

    CHECK(found.file != NULL);
    CHECK_STR(found.file, in_home(file));
    CHECK(found.why[0] != '\0');
}

TEST(nothing_is_found_where_nothing_is)
{
    interpreter_search_t found = search("ruby");

    CHECK(found.file == NULL);
    CHECK_STR(found.why, "");
    CHECK_STR(found.tried, "");
    CHECK(search("perl").file == NULL);
}

TEST(virtual_environment_of_the_app_comes_first)
{
    test_file("home/apps/shop/.python-version", "3.11\n");
    program("home/.pyenv/versions/3.11.4/bin/python");
    check_found("python3", ".pyenv/versions/3.11.4/bin/python");
    program("home/apps/shop/venv/bin/python");
    check_found("python3", ".pyenv/versions/3.11.4/bin/python");
    test_file("home/apps/shop/venv/pyvenv.cfg", "home = /usr/bin\n");
    check_found("python3", "apps/shop/venv/bin/python");
}

TEST(version_files_lead_to_the_folders_of_version_managers)
{
    static const char *const cases[][4] = {
        {"ruby", ".ruby-version", "ruby-3.1.2\n",
         ".rbenv/versions/3.1.2/bin/ruby"},
        {"ruby", ".ruby-version", "2.7\n", ".rvm/rubies/ruby-2.7.8/bin/ruby"},
        {"ruby", ".tool-versions", "nodejs 20\n# x\nruby 3.3.0 # fast\n",
         ".asdf/installs/ruby/3.3.0/bin/ruby"},
        {"python3", ".tool-versions", "python 3.12.1\r\n",
         ".local/share/mise/installs/python/3.12.1/bin/python3"},
        {"node", ".nvmrc", "v20\n", ".nvm/versions/node/v20.10.0/bin/node"},
        {"node", ".node-version", "18.1.0", ".nodenv/versions/18.1.0/bin/node"},
    };
    size_t i;

    program("home/.nvm/versions/node/v20.9.1/bin/node");
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *name = test_format("home/apps/shop/%s", cases[i][1]);

        program(test_format("home/%s", cases[i][3]));
        test_file(name, cases[i][2]);
        check_found(cases[i][0], cases[i][3]);
        CHECK_INT(test_shell(NULL, "rm '%s/%s'", test_dir(), name), 0);
    }
}

TEST(version_files_of_folders_above_count_up_to_the_home)
{
    program("home/.rbenv/versions/3.0.0/bin/ruby");
    test_file(".ruby-version", "3.0.0\n"); /* above the home: not the user's */
    CHECK(search("ruby").file == NULL);
    test_file("home/.ruby-version", "3.0.0\n");
    check_found("ruby", ".rbenv/versions/3.0.0/bin/ruby");
}

TEST(user_wide_choice_is_the_last)
{
    program("home/.nvm/versions/node/v22.1.0/bin/node");
    test_file("home/.nvm/alias/default", "lts/jod\n");
    test_file("home/.nvm/alias/lts/jod", "v22.1.0\n");
    check_found("node", ".nvm/versions/node/v22.1.0/bin/node");
}

TEST(version_called_system_is_the_one_in_the_path)
{
    interpreter_search_t found;

    test_file("home/.rbenv/version", "3.0.0\n");
    program("home/.rbenv/versions/3.0.0/bin/ruby");
    check_found("ruby", ".rbenv/versions/3.0.0/bin/ruby");
    test_file("home/apps/shop/.ruby-version", "system\n");
    found = search("ruby");
    CHECK(found.file == NULL);
    CHECK_STR(found.why, test_format("'%s' asks for the system's",
                                     in_home("apps/shop/.ruby-version")));
    CHECK_STR(found.tried, "");
}

/* A place that is passed on the way to the right one is no miss. */
TEST(wish_that_another_one_replaces_is_told)
{
    interpreter_search_t found;

    test_file("home/.rbenv/version", "3.0.0\n");
    program("home/.rubies/ruby-3.0.0/bin/ruby");
    CHECK_STR(search("ruby").tried, "");
    test_file("home/apps/shop/.ruby-version", "9.9.9\n");
    found = search("ruby");
    CHECK_STR(found.file, in_home(".rubies/ruby-3.0.0/bin/ruby"));
    CHECK_CONTAINS(found.tried, "asks for version 9.9.9, which is not at ");
    CHECK_LACKS(found.tried, "3.0.0");
}

TEST(what_is_missing_is_told)
{
    interpreter_search_t found;

    test_file("home/apps/shop/.ruby-version", "9.9.9\n");
    found = search("ruby");
    CHECK(found.file == NULL);
    CHECK_CONTAINS(found.tried, ".rbenv/versions/9.9.9/bin/ruby");
    CHECK_CONTAINS(found.tried, ".asdf/installs/ruby/9.9.9/bin/ruby");
}

TEST(versions_are_no_paths)
{
    static const char *const hostile[] = {
        "../../../../bin/sh\n", "..\n", "/bin/sh\n",   "", "\n", "a b",
        "\xff\xfe\n",           ".\n",  "3.1/../..\n",
    };
    size_t i;

    test_file("home/.nvm/alias/x", "y\n");
    test_file("home/.nvm/alias/y", "x\n"); /* never ends */
    for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        test_file("home/apps/shop/.ruby-version", hostile[i]);
        CHECK(search("ruby").file == NULL);
    }
    test_file("home/apps/shop/.nvmrc", "x/\n");
    CHECK(search("node").file == NULL);
}
