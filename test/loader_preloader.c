/* SPDX-License-Identifier: Apache-2.0 */

/* See loader_preloader.h. The preloader tests call it. */
#include "loader_preloader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd_packet.h"
#include "test.h"

enum {
    MAX_FDS = 100,
};

static loader_t *await_fork(loader_t *preloader)
{
    unsetenv("PASSENGER_PRELOAD");
    (void)loader_read_line(preloader);
    CHECK_CONTAINS(preloader->said, "ready");
    CHECK_CONTAINS(preloader->said, "fork");
    return preloader;
}

/* Processes it forks become children of the nearest such process. */
static void prepare(void)
{
    setenv("PASSENGER_PRELOAD", "1", 1);
    CHECK_INT(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
}

loader_t *loader_preload_code(const char *language, const char *code)
{
    prepare();
    return await_fork(loader_start_code(language, code));
}

loader_t *loader_preload(const char *language, const char *name)
{
    const char *root = test_format("%s/test/apps/%s", TEST_SRCDIR, name);

    prepare();
    return await_fork(loader_start(language, root, NULL, NULL));
}

static void send_with_fds(const loader_t *preloader, const char *text,
                          const int *fds, int count)
{
    CHECK_INT(
        fd_packet_send(preloader->control, text, strlen(text), fds, count), 0);
}

void loader_send_fds(const loader_t *preloader, const char *text, int count)
{
    int fds[MAX_FDS] = {0};

    CHECK(count <= MAX_FDS);
    for (int i = 0; i < count; i++) {
        fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        CHECK(fds[i] >= 0);
    }
    send_with_fds(preloader, text, fds, count);
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
}

/* Whose byte comes, says the kernel; 0 if none does. */
static pid_t read_birth(int fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr msg = {.msg_iov = &data,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof(control.space)};
    struct ucred sender;

    if (recvmsg(fd, &msg, 0) != 1) {
        return 0;
    }
    CHECK(CMSG_FIRSTHDR(&msg) != NULL);
    memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(sender));
    return sender.pid;
}

loader_t *loader_fork(const loader_t *preloader, const char *output)
{
    loader_t *loader = loader_make(preloader->language);
    const char *path = test_format("%s/%s", test_dir(), output);
    int control[2], birth[2], yes = 1, fds[4];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), 0);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, birth), 0);
    CHECK_INT(setsockopt(birth[0], SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)),
              0);
    fds[0] = loader_listen(loader);
    fds[1] = control[1];
    fds[2] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    fds[3] = birth[1];
    send_with_fds(preloader, "{\"command\":\"fork\"}\n", fds, 4);
    for (int i = 0; i < 4; i++) {
        close(fds[i]);
    }
    loader->pid = read_birth(birth[0]);
    CHECK(loader->pid == 0 || recv(birth[0], &yes, 1, 0) == 0);
    close(birth[0]);
    loader->control = control[0];
    return loader;
}
