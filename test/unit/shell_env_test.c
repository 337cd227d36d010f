/* SPDX-License-Identifier: Apache-2.0 */

/* What login shells and their profiles export, and what they cannot do. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_env.h"
#include "shell_env.h"

static const char *problem;

/* Asks the shell with a home whose profile is `profile`. */
static char **read_env(const char *shell, const char *profile)
{
    char *env[] = {(char *)test_format("HOME=%s/home", test_dir()),
                   (char *)"PATH=/usr/bin:/bin", NULL};

    test_file("home/.profile", profile);
    test_file("home/.zprofile", profile);
    return shell_env_read(&problem, shell, env, test_pool());
}

static const char *value(char **env, const char *name)
{
    return app_env_value((const char *const *)env, name);
}

TEST(exports_of_the_profile_are_taken)
{
    static const char *const shells[] = {"/bin/sh", "/bin/bash", "/bin/dash",
                                         "/bin/zsh"};
    const char *in_home = test_format("%s/home/bin:", test_dir());
    size_t i;

    for (i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        char **env;

        if (access(shells[i], X_OK) != 0) {
            continue;
        }
        env = read_env(shells[i], "echo noise; echo more >&2\n"
                                  "export PATH=\"$HOME/bin:$PATH\"\n"
                                  "export LINES_OF='one\ntwo'\n"
                                  "LOCAL=x\n");
        CHECK(env != NULL);
        CHECK_CONTAINS(value(env, "PATH"), in_home);
        CHECK_STR(value(env, "LINES_OF"), "one\ntwo");
        CHECK(!value(env, "LOCAL") && !value(env, "SHLVL") && !value(env, "_")
              && !value(env, "PWD"));
    }
}

TEST(shells_that_are_none_are_not_asked)
{
    CHECK(read_env("/usr/sbin/nologin", "") == NULL);
    CHECK_STR(problem, "");
    CHECK(read_env("/bin/false", "") == NULL);
    CHECK_STR(problem, "");
    CHECK(read_env("", "") == NULL);
    CHECK_STR(problem, "");
}

TEST(failing_profile_is_told)
{
    CHECK(read_env("/bin/sh", "exit 3\n") == NULL);
    CHECK_CONTAINS(problem, "failed");
    CHECK(read_env("/nowhere/bash", "") == NULL);
    CHECK_CONTAINS(problem, "failed");
}

TEST(hanging_profile_is_ended_with_what_it_started)
{
    const char *file = test_format("%s/pid", test_dir());
    char command[64];

    CHECK(read_env("/bin/sh", test_format("sleep 1000 & echo $! >'%s'\n"
                                          "sleep 1001\n",
                                          file))
          == NULL);
    CHECK_CONTAINS(problem, "5 seconds");
    snprintf(command, sizeof(command), "/proc/%ld",
             strtol(test_read(file), NULL, 10));
    WAIT_UNTIL(access(command, F_OK) != 0);
}

TEST(endless_output_is_cut_off)
{
    CHECK(read_env("/bin/sh", "exec cat /dev/zero >&9\n") == NULL);
    CHECK_CONTAINS(problem, "256 KiB");
}

TEST(variables_of_ours_win_but_for_the_path)
{
    char *base[] = {(char *)"HOME=/home/u", (char *)"PATH=/bin", NULL};
    char *shell[] = {(char *)"HOME=/elsewhere", (char *)"PATH=/opt:/bin",
                     (char *)"EXTRA=1", NULL};
    char **env = shell_env_merge(base, shell, test_pool());

    CHECK_STR(value(env, "HOME"), "/home/u");
    CHECK_STR(value(env, "PATH"), "/opt:/bin");
    CHECK_STR(value(env, "EXTRA"), "1");
}
