/* SPDX-License-Identifier: Apache-2.0 */

/* Drives a real watchdog for the tests of its promises. This program itself is
 * what the watchdog executes as the core, see be_role(). */
#include "watchdog_driver.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main.h"
#include "options.h"
#include "test.h"

enum {
    CHANNEL = 4,
    GENERATION = 3
};

/* What one watchdog of a test leaves to the next. */
static int store[2] = {-1, -1};

void driver_forget_store(void)
{
    close(store[0]);
    close(store[1]);
    store[0] = store[1] = -1;
}

static socklen_t make_address(struct sockaddr_un *address, const char *path)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    strncpy(address->sun_path, path, sizeof(address->sun_path) - 1);
    return sizeof(*address);
}

/* In the core's process: any message carries the descriptor. Ends when the
 * watchdog closes its end. */
static void hand_over_channel(const char *path)
{
    psg_message_t msg = {.number = PSG_MSG_ADOPTED};
    struct pollfd channel = {.fd = CHANNEL};
    struct sockaddr_un address;
    socklen_t len = make_address(&address, path);
    const int fd = CHANNEL;
    int to_test = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (connect(to_test, (struct sockaddr *)&address, len) == 0
        && psg_wire_send(to_test, &msg, &fd, 1, 1000) == APR_SUCCESS) {
        poll(&channel, 1, -1);
    }
    _exit(0);
}

/* The watchdog executes /proc/self/exe, that is the program of the tests: then
 * it is the core or a watcher, before main() looks for tests to run. */
__attribute__((constructor)) static void be_role(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[0], "passenger-agent") == 0
        && strcmp(argv[1], "watcher") == 0) {
        _exit(tenant_watcher_main(argc - 1, argv + 1));
    }
    if (argc > 2 && strcmp(argv[0], "passenger-agent") == 0
        && strcmp(argv[1], "core") == 0) {
        hand_over_channel(argv[2] + strlen("--loaders="));
    }
}

static void listen_for_cores(driver_t *driver, const char *path)
{
    struct sockaddr_un address;
    socklen_t len = make_address(&address, path);

    CHECK(strlen(path) < sizeof(address.sun_path));
    unlink(path);
    driver->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CHECK(bind(driver->listener, (struct sockaddr *)&address, len) == 0);
    CHECK(chmod(path, 0777) == 0); /* cores have another user */
    CHECK(listen(driver->listener, 100) == 0);
}

/* The watchdog's process: descriptors as httpd's parent makes them. */
__attribute__((noreturn)) static void be_watchdog(int httpd, char **argv)
{
    int from[5], i, argc = 0;

    from[0] = open(test_format("%s/agent.log", test_dir()),
                   O_WRONLY | O_APPEND | O_CREAT, 0644);
    from[1] = memfd_create("scoreboard", 0);
    from[2] = httpd;
    from[3] = store[0];
    from[4] = store[1];
    for (i = 0; i < 5; i++) {
        from[i] = fcntl(from[i], F_DUPFD, 50);
    }
    for (i = 0; i < 5; i++) {
        dup2(from[i], i + 2);
    }
    while (argv[argc]) {
        argc++;
    }
    _exit(watchdog_main(argc, argv));
}

driver_t *driver_start(const char *name)
{
    driver_t *driver = apr_pcalloc(test_pool(), sizeof(*driver));
    const char *cores = test_format("%s/cores", test_dir());
    char text[1024],
        *argv[] = {
            (char *)test_format("watchdog"),
            (char *)test_format("--instance-dir=%s/%s", test_dir(), name),
            (char *)test_format("--loaders=%s", cores),
            (char *)test_format("--httpd-uid=%d",
                                geteuid() ? (int)geteuid() : 33),
            (char *)test_format("--httpd-gid=%d",
                                getegid() ? (int)getegid() : 33),
            NULL};
    int pair[2];
    ssize_t n;

    driver->dir = test_format("%s/%s", test_dir(), name);
    driver->frame = apr_palloc(test_pool(), PSG_FRAME_MAX);
    driver->core = -1;
    listen_for_cores(driver, cores);
    CHECK(store[0] >= 0
          || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, store) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    driver->pid = fork();
    if (driver->pid == 0) {
        be_watchdog(pair[1], argv);
    }
    close(pair[1]);
    driver->httpd = pair[0];
    n = recv(driver->httpd, text, sizeof(text) - 1, 0);
    CHECK(n > 0);
    text[n] = '\0';
    driver->answer = test_format("%s", text);
    return driver;
}

void driver_configure(driver_t *driver)
{
    static const char users[] = "nobody\0daemon";
    psg_message_t msg = {.number = PSG_MSG_CONFIG};
    psg_options_t *options = psg_options_create(test_pool());
    char encoded[4096];
    int log = open(test_format("%s/agent.log", test_dir()),
                   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

    CHECK(psg_options_set(options, PSG_OPT_log_level, "4", test_pool())
          == NULL);
    msg.as.config.httpd_uid = geteuid() ? geteuid() : 33;
    msg.as.config.httpd_gid = getegid() ? getegid() : 33;
    msg.as.config.options.data = encoded;
    msg.as.config.options.len = psg_options_encode(
        options, 1u << PSG_SCOPE_GLOBAL, encoded, sizeof(encoded));
    msg.as.config.users_list.data = users;
    msg.as.config.users_list.len = sizeof(users);
    CHECK_INT(psg_wire_send(driver->httpd, &msg, &log, 1, 1000), APR_SUCCESS);
    close(log);
}

static void wait_readable(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    CHECK_INT(poll(&poller, 1, TEST_WAIT_DEFAULT * 1000), 1);
}

void driver_accept_core(driver_t *driver)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    int connection, count = 0;

    if (driver->core >= 0) {
        close(driver->core);
    }
    wait_readable(driver->listener);
    connection = accept4(driver->listener, NULL, NULL, SOCK_CLOEXEC);
    CHECK(connection >= 0);
    wait_readable(connection);
    CHECK_INT(psg_wire_recv(connection, &driver->msg, driver->frame,
                            &driver->core, &count),
              APR_SUCCESS);
    CHECK_INT(count, 1);
    CHECK(getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0);
    driver->core_pid = peer.pid;
    close(connection);
}

void driver_expect_any(driver_t *driver)
{
    wait_readable(driver->core);
    CHECK_INT(psg_wire_recv(driver->core, &driver->msg, driver->frame,
                            driver->fds, &driver->fd_count),
              APR_SUCCESS);
}

void driver_expect(driver_t *driver, psg_message_e number)
{
    driver_expect_any(driver);
    CHECK_STR(psg_wire_name(driver->msg.number), psg_wire_name(number));
}

driver_t *driver_start_with_core(const char *name)
{
    driver_t *driver = driver_start(name);

    CHECK_STR(driver->answer, "ok");
    driver_configure(driver);
    driver_accept_core(driver);
    driver_expect(driver, PSG_MSG_CONFIG);
    close(driver->fds[0]);
    driver_expect(driver, PSG_MSG_ADOPTED);
    return driver;
}

void driver_send(driver_t *driver, const psg_message_t *msg)
{
    CHECK_INT(psg_wire_send(driver->core, msg, NULL, 0, 5000), APR_SUCCESS);
}

static psg_bytes_t text_of(const char *text)
{
    psg_bytes_t bytes = {text, strlen(text)};

    return bytes;
}

/* The arguments of `sh -c script loader`; without loader if that is "". */
static psg_bytes_t args_of(const char *script, const char *loader)
{
    static const char shell[] = "/bin/sh\0-c";
    size_t script_size = strlen(script) + 1;
    size_t loader_size = *loader ? strlen(loader) + 1 : 0;
    char *args =
        apr_palloc(test_pool(), sizeof(shell) + script_size + loader_size);

    memcpy(args, shell, sizeof(shell));
    memcpy(args + sizeof(shell), script, script_size);
    memcpy(args + sizeof(shell) + script_size, loader, loader_size);
    return (psg_bytes_t){.data = args,
                         .len = sizeof(shell) + script_size + loader_size};
}

void driver_close_fds(driver_t *driver)
{
    while (driver->fd_count > 0) {
        close(driver->fds[--driver->fd_count]);
    }
}

psg_message_t driver_spawn_message(uint32_t process, const char *script)
{
    psg_message_t msg = {.number = PSG_MSG_SPAWN};

    msg.as.spawn.process = process;
    msg.as.spawn.process_generation = GENERATION;
    msg.as.spawn.preloader = UINT32_MAX;
    msg.as.spawn.identity = 3; /* IDENTITY_DEFAULT */
    msg.as.spawn.user = msg.as.spawn.group = text_of("");
    msg.as.spawn.startup_file = text_of("");
    msg.as.spawn.app_root = text_of(test_dir());
    msg.as.spawn.args_list =
        args_of(script, test_format("%s/cores/loader", test_dir()));
    msg.as.spawn.env_list.data = "A=1";
    msg.as.spawn.env_list.len = sizeof("A=1");
    return msg;
}

static pid_t spawn(driver_t *driver, const psg_message_t *msg)
{
    uint32_t process = msg->as.spawn.process;

    driver_send(driver, msg);
    driver_expect(driver, PSG_MSG_SPAWNED);
    CHECK_INT(driver->msg.as.spawned.process, process);
    CHECK_INT(driver->msg.as.spawned.process_generation, GENERATION);
    CHECK_INT(driver->fd_count, 3);
    return (pid_t)driver->msg.as.spawned.pid;
}

pid_t driver_spawn(driver_t *driver, uint32_t process, const char *script)
{
    psg_message_t msg = driver_spawn_message(process, script);

    return spawn(driver, &msg);
}

pid_t driver_spawn_program(driver_t *driver, uint32_t process,
                           const char *script)
{
    psg_message_t msg = driver_spawn_message(process, script);

    msg.as.spawn.args_list = args_of(script, "");
    return spawn(driver, &msg);
}

void driver_signal(driver_t *driver, uint32_t process, uint32_t generation,
                   int number)
{
    psg_message_t msg = {.number = PSG_MSG_SIGNAL};

    msg.as.signal.process = process;
    msg.as.signal.process_generation = generation;
    msg.as.signal.signal = (uint32_t)number;
    driver_send(driver, &msg);
}

void driver_schedule(driver_t *driver, uint32_t process, uint32_t generation,
                     int in_batches)
{
    psg_message_t msg = {.number = PSG_MSG_SCHEDULE};

    msg.as.schedule.process = process;
    msg.as.schedule.process_generation = generation;
    msg.as.schedule.in_batches = (uint32_t)in_batches;
    driver_send(driver, &msg);
}

const char *driver_read(int fd, const char *until)
{
    char text[8192] = "";
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len < sizeof(text) - 1 && !(until && strstr(text, until))) {
        wait_readable(fd);
        n = read(fd, text + len, sizeof(text) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
        text[len] = '\0';
    }
    return test_format("%s", text);
}

int driver_wait(driver_t *driver)
{
    int status;

    CHECK(waitpid(driver->pid, &status, 0) == driver->pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int driver_end(driver_t *driver)
{
    close(driver->httpd);
    return driver_wait(driver);
}
