/* SPDX-License-Identifier: Apache-2.0 */

/* What login shells and their profiles export, and what they cannot do. */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_env.h"
#include "shell_env.h"

static const char *problem;

/* A test for each shell: EACH_SHELL(promise) { ... shell ... } */
#define EACH_SHELL(name)                 \
    static void name(const char *shell); \
    TEST(sh_##name)                      \
    {                                    \
        name("/bin/sh");                 \
    }                                    \
    TEST(bash_##name)                    \
    {                                    \
        name("/bin/bash");               \
    }                                    \
    TEST(zsh_##name)                     \
    {                                    \
        name("/bin/zsh");                \
    }                                    \
    static void name(const char *shell)

/* Asks the shell, whose home is test_dir()/home. */
static char **ask(const char *shell)
{
    char *env[] = {(char *)test_format("HOME=%s/home", test_dir()),
                   (char *)"PATH=/usr/bin:/bin", NULL};

    if (strcmp(shell, "/bin/zsh") == 0 && access(shell, X_OK) != 0) {
        SKIP("zsh is not installed");
    }
    return shell_env_read(&problem, shell, env, test_pool());
}

/* The same with that text as its profile. */
static char **read_env(const char *shell, const char *profile)
{
    test_file("home/.profile", profile);
    test_file("home/.zprofile", profile);
    return ask(shell);
}

static const char *value(char **env, const char *name)
{
    return app_env_value((const char *const *)env, name);
}

EACH_SHELL(exports_of_the_profile_are_taken)
{
    char **env = read_env(shell, "export PATH=\"$HOME/bin:$PATH\"\n"
                                 "export LINES_OF='one\ntwo'\n"
                                 "LOCAL=x\n");

    CHECK(env != NULL);
    CHECK_CONTAINS(value(env, "PATH"), test_format("%s/home/bin:", test_dir()));
    CHECK_STR(value(env, "LINES_OF"), "one\ntwo");
    CHECK(!value(env, "LOCAL") && !value(env, "SHLVL") && !value(env, "_")
          && !value(env, "PWD") && !value(env, "OLDPWD"));
}

/* More than a pipe holds; nothing of it is taken for a variable. */
EACH_SHELL(noise_of_the_profile_is_thrown_away)
{
    char **env = read_env(shell, "head -c 300000 /dev/zero\n"
                                 "echo NOISE=1; echo NOISE=2 >&2\n"
                                 "export QUIET=1\n");

    CHECK(env != NULL);
    CHECK_STR(value(env, "QUIET"), "1");
    CHECK(!value(env, "NOISE"));
}

/* Its pipe and /dev/null get other numbers each time, 9 among them. */
TEST(descriptors_of_any_number_do)
{
    int i;

    for (i = 0; i < 8; i++) {
        char **env =
            read_env("/bin/sh", "echo NOISE=1 >&2; echo NOISE=2; export A=1\n");

        CHECK(env != NULL);
        CHECK_STR(value(env, "A"), "1");
        CHECK(!value(env, "NOISE"));
        CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
    }
}

EACH_SHELL(profile_that_exits_is_told)
{
    CHECK(read_env(shell, "export A=1; exit 1\n") == NULL);
    CHECK_CONTAINS(problem, "ended with status 1");
}

EACH_SHELL(profile_that_executes_something_else_is_told)
{
    CHECK(read_env(shell, "export A=1; exec sh -c 'env -0'\n") == NULL);
    CHECK_CONTAINS(problem, "ended with status 0");
    CHECK_CONTAINS(problem, "neither exit nor exec");
}

EACH_SHELL(profile_that_hangs_is_ended_with_what_it_started)
{
    const char *file = test_format("%s/pid", test_dir());
    char command[64];

    CHECK(read_env(shell, test_format("sleep 1000 & echo $! >'%s'\n"
                                      "sleep 1001\n",
                                      file))
          == NULL);
    CHECK_CONTAINS(problem, "5 seconds");
    snprintf(command, sizeof(command), "/proc/%ld",
             strtol(test_read(file), NULL, 10));
    WAIT_UNTIL(access(command, F_OK) != 0);
}

/* Each file of the home sets ORDER; what a shell reads is what it says itself
 * of a login shell that is not interactive. */
static void check_order(const char *shell, const char *const *files,
                        const char *order)
{
    char **env;

    for (; *files; files++) {
        test_file(test_format("home/%s", *files),
                  test_format("export ORDER=\"$ORDER %s\"\n", *files));
    }
    env = ask(shell);
    CHECK(env != NULL);
    CHECK_STR(value(env, "ORDER"), order);
}

TEST(zsh_reads_what_login_shells_read)
{
    static const char *const files[] = {".zshenv", ".zprofile", ".zshrc",
                                        ".zlogin", ".zlogout",  ".profile",
                                        NULL};

    check_order("/bin/zsh", files, " .zshenv .zprofile .zlogin");
}

TEST(bash_reads_the_first_of_its_profiles)
{
    static const char *const files[] = {".bash_profile", ".bash_login",
                                        ".profile",      ".bashrc",
                                        ".bash_logout",  NULL};

    check_order("/bin/bash", files, " .bash_profile");
}

TEST(sh_reads_the_profile)
{
    static const char *const files[] = {".profile", ".bash_profile", ".bashrc",
                                        NULL};

    check_order("/bin/sh", files, " .profile");
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

TEST(missing_shell_is_told)
{
    CHECK(read_env("/nowhere/bash", "") == NULL);
    CHECK_CONTAINS(problem, "cannot be executed");
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
