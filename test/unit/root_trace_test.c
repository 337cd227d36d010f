/* SPDX-License-Identifier: Apache-2.0 */

/* The judge of root's processes sees what they should not do, however they name
 * the file, and lets them do what they may. */
#include "root_trace.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "path_judge.h"
#include "test.h"

enum {
    SOMEBODY = 60101
};

static void need_root(void)
{
    if (getuid() != 0) {
        SKIP("needs root: a plain user's processes have no such rights");
    }
}

/* A tenant's folder "home" with a file, root's file beside it, links. */
static void make_files(void)
{
    need_root();
    test_file("home/file", "");
    test_file("roots", "");
    CHECK_INT(test_shell(NULL,
                         "cd '%s' && ln -s home/file roots_link && "
                         "ln -s /etc/hostname tenants_link && "
                         "chown -h %d tenants_link && mkdir run open && "
                         "chmod 777 open",
                         test_dir(), SOMEBODY),
              0);
}

/* What root is told of doing `act`. */
static const char *offences_of(void (*act)(void))
{
    root_trace_t *trace = root_trace_create();
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        root_trace_await(trace);
        act();
        _exit(0);
    }
    if (!root_trace_follow(trace, pid)) {
        waitpid(pid, NULL, 0);
        SKIP("nobody may trace here");
    }
    waitpid(pid, NULL, 0);
    return root_trace_offences(trace);
}

static int count_lines(const char *text)
{
    int count = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++) {
        count++;
    }
    return count;
}

static void open_by_path(void)
{
    open(test_format("%s/home/file", test_dir()), O_RDONLY);
}

static void look_at_relative_path(void)
{
    struct stat info;

    if (chdir(test_dir()) == 0) {
        lstat("home/none", &info);
    }
}

static void rename_from_folder(void)
{
    int folder = open(test_dir(), O_RDONLY | O_DIRECTORY);

    renameat(folder, "roots", folder, "run/../home/stolen");
}

static void follow_own_link(void)
{
    truncate(test_format("%s/roots_link", test_dir()), 0);
}

static void follow_tenants_link(void)
{
    (void)access(test_format("%s/tenants_link", test_dir()), R_OK);
}

static void write_where_everybody_may(void)
{
    creat(test_format("%s/open/file", test_dir()), 0600);
}

static void bind_socket(void)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    if (chdir(test_dir()) == 0) {
        strcpy(un.sun_path, "home/socket");
        (void)bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&un,
                   sizeof(un));
    }
}

static void act_in_child_with_another_effective_user(void)
{
    if (fork() == 0) {
        if (seteuid(SOMEBODY) == 0) {
            open_by_path();
        }
        _exit(0);
    }
}

TEST(every_way_to_a_file_is_seen)
{
    static const struct {
        void (*act)(void);
        const char *call;
    } rows[] = {
        {open_by_path, "openat of '"},
        {look_at_relative_path, "newfstatat of '"},
        {rename_from_folder, "renameat of '"},
        {follow_own_link, "truncate of '"},
        {follow_tenants_link, "access of '"},
        {write_where_everybody_may, "creat of '"},
        {bind_socket, "bind of '"},
        {act_in_child_with_another_effective_user, "openat of '"},
    };

    make_files();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *offences = offences_of(rows[i].act);

        CHECK_CONTAINS(offences, rows[i].call);
        CHECK_INT(count_lines(offences), 1);
    }
}

static void change_by_descriptor(void)
{
    int fd = open(test_format("%s/home/file", test_dir()), O_RDWR);

    fchmod(fd, 0600);
    fchown(fd, 0, 0);
    ftruncate(fd, 0);
}

TEST(changes_by_descriptor_are_seen)
{
    make_files();
    CHECK_INT(count_lines(offences_of(change_by_descriptor)), 4);
}

static void be_somebody(void)
{
    if (setresgid(SOMEBODY, SOMEBODY, SOMEBODY) == 0
        && setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0) {
        open_by_path();
    }
}

static void do_what_root_may(void)
{
    struct stat info;

    open("/etc/passwd", O_RDONLY);
    open(test_format("%s/roots", test_dir()), O_RDWR);
    creat(test_format("%s/run/own", test_dir()), 0600);
    stat("/proc/self/cwd", &info);
    stat(test_format("/proc/%d/stat", (int)getppid()), &info);
}

TEST(who_may_is_not_accused)
{
    make_files();
    CHECK_STR(offences_of(be_somebody), "");
    CHECK_STR(offences_of(do_what_root_may), "");
}

TEST(folders_are_named_by_the_configuration)
{
    const char *root;

    make_files();
    root = test_format("%s/home", test_dir());
    test_file("vhost.conf", test_format("DocumentRoot \"%s\"\n", root));
    CHECK(path_judge(TEST_HTTPD, root) == NULL);
    CHECK(path_judge("/usr/sbin/passenger-agent", root) != NULL);
    CHECK(path_judge(TEST_HTTPD, test_format("%s/file", root)) != NULL);
}
