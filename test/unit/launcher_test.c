/* SPDX-License-Identifier: Apache-2.0 */

/* What an app process is given, and what a launch that fails says. As root the
 * app is user nobody, else the user of the test. */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_env.h"
#include "launcher.h"

static const char *const no_env[] = {NULL};

/* A launch of args in folder root below test_dir(). */
static launch_t launch_in(const char *root, const char *const *args)
{
    launch_t launch = {.startup_file = "",
                       .env_file = "",
                       .interpreter = "",
                       .args = args,
                       .env = no_env};
    identity_rules_t rules = {1, "nobody", "", 0};
    identity_request_t request = {IDENTITY_DEFAULT, 0, 0, "", ""};
    const char *reason;

    launch.app_root = test_format("%s%s", test_dir(), root);
    launch.watchdog = getpid();
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &launch.files), 0);
    CHECK_INT(identity_resolve(&launch.identity, &reason, &request, &rules,
                               geteuid() == 0, &identity_system_lookup,
                               test_pool()),
              APR_SUCCESS);
    return launch;
}

/* What came of it: all that was said on fd 4 and fd 1, and the end. */
typedef struct {
    const char *control, *output;
    int status;
} result_t;

static const char *read_until_end(int fd)
{
    char text[8192];
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
        len += (size_t)n;
    }
    text[len] = '\0';
    close(fd);
    return test_format("%s", text);
}

/* Runs it in a child that is as untidy as a watchdog could be: signals
 * ignored and blocked, descriptors open, umask closed. */
static result_t run(launch_t *launch)
{
    int control[2], output[2], listening[2], i;
    result_t result;
    sigset_t all;
    pid_t pid;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, listening) == 0);
    CHECK(pipe2(output, O_CLOEXEC) == 0);
    launch->control = control[1];
    launch->output = output[1];
    launch->listening = listening[1];
    pid = fork();
    if (pid == 0) {
        for (i = 0; i < 20; i++) {
            dup(listening[0]);
        }
        umask(0777);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        launcher_run(launch, test_pool());
    }
    close(control[1]);
    close(output[1]);
    result.control = read_until_end(control[0]);
    result.output = read_until_end(output[0]);
    close(listening[0]);
    close(listening[1]);
    CHECK(waitpid(pid, &result.status, 0) == pid);
    return result;
}

static result_t run_shell(const char *script)
{
    const char *args[] = {"/bin/sh", "-c", script, NULL};
    launch_t launch = launch_in("", args);

    return run(&launch);
}

/* Checks that the launch failed with one line of that step and summary. */
static void check_failure(result_t result, const char *step,
                          const char *summary)
{
    const char *begin =
        test_format("{\"event\":\"failed\",\"step\":\"%s\",", step);

    CHECK_CONTAINS(result.control, begin);
    CHECK_CONTAINS(result.control, summary);
    CHECK(strchr(result.control, '\n')
          == result.control + strlen(result.control) - 1);
    CHECK_STR(result.output, "");
    CHECK(WIFEXITED(result.status));
    CHECK_INT(WEXITSTATUS(result.status), 1);
}

TEST(app_has_descriptors_0_to_4_only)
{
    result_t result = run_shell("ls /proc/$$/fd; readlink /proc/$$/fd/0; :");

    CHECK_STR(result.output, "0\n1\n2\n3\n4\n/dev/null\n");
    CHECK_INT(result.status, 0);
    CHECK_STR(result.control, "");
}

TEST(app_has_a_clean_environment)
{
    const char *const env[] = {"A=1",          "HOME=/wrong",        "HOMER=2",
                               "LISTEN_PID=1", "PATH=/bin:/usr/bin", NULL};
    const char *args[] = {"env", NULL};
    launch_t launch = launch_in("", args);
    result_t result;
    int lines = 0, i;

    launch.env = env;
    setenv("SECRET", "of httpd", 1);
    result = run(&launch);
    CHECK_CONTAINS(result.output,
                   test_format("HOME=%s\n", launch.identity.user.home));
    CHECK_CONTAINS(result.output,
                   test_format("USER=%s\n", launch.identity.user.name));
    CHECK_CONTAINS(result.output, test_format("PWD=%s\n", launch.app_root));
    CHECK_CONTAINS(result.output, "A=1\n");
    CHECK_CONTAINS(result.output, "HOMER=2\n");
    CHECK_LACKS(result.output, "wrong");
    CHECK_LACKS(result.output, "LISTEN_PID=1\n");
    for (i = 0; result.output[i]; i++) {
        lines += result.output[i] == '\n';
    }
    CHECK_INT(lines, 10); /* 7 of ours, A, HOMER, PATH */
}

TEST(path_is_the_systems_unless_somebody_set_it)
{
    const char *const none[] = {NULL}, *const own[] = {"PATH=/own", NULL};
    launch_t launch = launch_in("", none);
    char **env;

    launch.env = none;
    env = launcher_env(&launch, 1, test_pool());
    CHECK_STR(app_env_value((const char *const *)env, "PATH"),
              "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    launch.env = own;
    env = launcher_env(&launch, 1, test_pool());
    CHECK_STR(app_env_value((const char *const *)env, "PATH"), "/own");
}

TEST(app_is_told_its_own_pid)
{
    CHECK_CONTAINS(run_shell("[ $LISTEN_PID = $$ ] && echo same").output,
                   "same");
}

TEST(app_has_default_signals_and_umask)
{
    result_t result =
        run_shell("umask; grep -E '^Sig(Blk|Ign):' /proc/self/status");

    CHECK_STR(result.output, "0022\nSigBlk:\t0000000000000000\n"
                             "SigIgn:\t0000000000000000\n");
}

TEST(app_leads_its_session)
{
    CHECK_CONTAINS(run_shell("set -- $(cat /proc/$$/stat);"
                             "[ $5 = $$ ] && [ $6 = $$ ] && echo leader")
                       .output,
                   "leader");
}

TEST(app_runs_in_its_root)
{
    CHECK_STR(run_shell("/bin/pwd").output, test_format("%s\n", test_dir()));
}

TEST(app_has_exactly_its_users_groups)
{
    const char *expected;

    if (geteuid() != 0) {
        SKIP("needs root");
    }
    CHECK_INT(test_shell(&expected, "id nobody"), 0);
    CHECK_STR(run_shell("id").output, expected);
}

TEST(app_has_the_limit_of_httpd)
{
    const char *args[] = {"/bin/sh", "-c", "ulimit -n", NULL};
    launch_t launch = launch_in("", args);

    launch.files.rlim_cur = 77;
    CHECK_STR(run(&launch).output, "77\n");
}

TEST(failing_app_is_not_our_failure)
{
    result_t result = run_shell("exit 7");

    CHECK_STR(result.control, "");
    CHECK_INT(WEXITSTATUS(result.status), 7);
}

static void open_again(void *path)
{
    chmod(path, 0755);
}

TEST(closed_folder_is_named)
{
    const char *args[] = {"true", NULL};
    const char *closed = test_format("%s/closed", test_dir());
    launch_t launch = launch_in("/closed/in/app", args);

    test_file("closed/in/app/x", "");
    CHECK_INT(chmod(closed, 0), 0);
    test_defer(open_again, (void *)closed);
    check_failure(run(&launch), "folders",
                  test_format("cannot enter the folder '%s' of", closed));
}

TEST(missing_folder_is_named)
{
    const char *args[] = {"true", NULL};
    launch_t launch = launch_in("/a/b/c/d", args);

    test_file("a/b/x", "");
    check_failure(
        run(&launch), "folders",
        test_format("the folder '%s/a/b/c' of the app root '%s': No such file",
                    test_dir(), launch.app_root));
}

TEST(missing_interpreter_is_named)
{
    const char *args[] = {"rubyy", NULL};
    launch_t launch = launch_in("", args);
    result_t result = run(&launch);

    check_failure(result, "exec", "the interpreter 'rubyy' was not found");
    CHECK_CONTAINS(result.control, "/usr/bin");
}

/* Programs first/tool and second/tool say their names; the PATH has second. */
static launch_t launch_of_tool(const char *interpreter)
{
    static const char *env[2], *const args[] = {"tool", NULL};
    launch_t launch = launch_in("", args);

    env[0] = test_format("PATH=%s/second:/bin:/usr/bin", test_dir());
    launch.env = env;
    launch.interpreter = interpreter;
    CHECK_INT(chmod(test_file("first/tool", "#!/bin/sh\necho 1 $PATH\n"), 0755),
              0);
    CHECK_INT(
        chmod(test_file("second/tool", "#!/bin/sh\necho 2 $PATH\n"), 0755), 0);
    return launch;
}

TEST(known_interpreter_is_tried_first)
{
    const char *first = test_format("%s/first/tool", test_dir());
    launch_t launch = launch_of_tool(first);
    result_t result = run(&launch);

    CHECK_STR(result.output, test_format("1 %s/first:%s/second:/bin:/usr/bin\n",
                                         test_dir(), test_dir()));
    CHECK_STR(result.control,
              test_format("{\"event\":\"interpreter\",\"path\":\"%s\","
                          "\"why\":\"\"}\n",
                          first));
}

TEST(known_interpreter_of_the_path_leaves_the_path_alone)
{
    launch_t launch = launch_of_tool(test_format("%s/second/tool", test_dir()));

    CHECK_STR(run(&launch).output,
              test_format("2 %s/second:/bin:/usr/bin\n", test_dir()));
}

TEST(known_interpreter_is_not_believed)
{
    static const char *const bad[] = {"/no/such/tool", "/etc/passwd", "/",
                                      "first/tool", "tool"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        launch_t launch = launch_of_tool(bad[i]);
        result_t result = run(&launch);

        CHECK_CONTAINS(result.output, "2 ");
        CHECK_CONTAINS(result.control,
                       test_format("'%s', which other processes run, cannot be "
                                   "run any more; it is in the PATH",
                                   bad[i]));
    }
}

TEST(interpreter_without_permission_is_named)
{
    const char *env[] = {test_format("PATH=/nowhere:%s", test_dir()), NULL};
    const char *args[] = {"tool", NULL};
    launch_t launch = launch_in("", args);

    launch.env = env;
    test_file("tool", "#!/bin/sh\n");
    check_failure(run(&launch), "exec",
                  test_format("'%s/tool' cannot be executed: Permission denied",
                              test_dir()));
}

/* As a virtual environment that somebody made with a Python of his own. */
TEST(closed_folder_behind_the_interpreter_is_named)
{
    const char *python = test_format("%s/venv/python", test_dir());
    const char *args[] = {python, NULL};
    const char *closed = test_format("%s/closed", test_dir());
    const char *summary =
        test_format("'%s' cannot be executed: the app's user may not enter the "
                    "folder '%s'",
                    python, closed);
    launch_t launch = launch_in("", args);

    CHECK_INT(chmod(test_file("closed/bin/python", "#!/bin/sh\n"), 0755), 0);
    test_file("venv/pyvenv.cfg", "");
    CHECK_INT(symlink("../closed/bin/python3",
                      test_format("%s/venv/python", test_dir())),
              0);
    CHECK_INT(symlink("python", test_format("%s/bin/python3", closed)), 0);
    CHECK_INT(chmod(closed, 0), 0);
    check_failure(run(&launch), "exec",
                  test_format("%s/venv/../closed", test_dir()));
    CHECK_INT(unlink(python), 0);
    CHECK_INT(symlink(test_format("%s/bin/python3", closed), python), 0);
    check_failure(run(&launch), "exec", summary);
    CHECK_INT(unlink(python), 0);
    test_file("venv/python", test_format("#!%s/bin/python3\n", closed));
    CHECK_INT(chmod(python, 0755), 0);
    check_failure(run(&launch), "exec", summary);
    CHECK_INT(chmod(closed, 0755), 0);
}

/* Runs an executable file with that content. */
static result_t run_file(const char *content)
{
    const char *path = test_file("tool", content);
    const char *args[] = {path, NULL};
    launch_t launch = launch_in("", args);

    CHECK_INT(chmod(path, 0755), 0);
    return run(&launch);
}

TEST(bad_first_line_is_explained)
{
    check_failure(run_file("#! /no/such/python -u\n"), "exec",
                  "first line names '/no/such/python'");
}

TEST(dos_line_end_is_explained)
{
    check_failure(run_file("#!/bin/sh\r\necho\r\n"), "exec", "DOS line");
}

TEST(file_that_is_no_program_is_explained)
{
    check_failure(run_file("just text\n"), "exec", "Exec format error");
}

TEST(path_that_is_not_utf8_is_reported)
{
    const char *args[] = {"true", NULL};
    launch_t launch = launch_in("/caf\xe9", args);

    check_failure(run(&launch), "folders", "/caf?");
}
