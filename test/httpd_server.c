/* SPDX-License-Identifier: Apache-2.0 */

/* Starts, reloads and stops a real httpd. End-to-end tests call it; what its
 * log may say is checked by httpd_log.c, its configuration is written by
 * httpd_conf.c. */
#include "httpd_server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "httpd_parts.h"
#include "process_tree.h"
#include "root_trace.h"
#include "test.h"

enum {
    START_SECONDS = 15,
    STOP_SECONDS = 20, /* apps get 5 s when httpd ends, then SIGKILL */
    CHILDREN_MAX = 64,
};

static int bind_to(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1, rc;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
    if (rc == 0) {
        rc = listen(fd, 1);
    }
    close(fd);
    return rc;
}

/* Below the range the system takes ports of clients from, so that no client
 * sits on it; spread by pid, so that parallel tests do not meet. */
int httpd_free_port(void)
{
    static int tried;

    for (;;) {
        int port = 10240 + (getpid() * 8 + tried++) % 20480;

        if (bind_to(port) == 0) {
            return port;
        }
    }
}

static int accepts(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(fd, (struct sockaddr *)&address, sizeof(address));

    close(fd);
    return rc == 0;
}

/* Interpreters are looked for where a system's httpd would: what the user who
 * tests has in front of it, below a home, other users may not even reach. */
static void set_path(void)
{
    const char *path = getenv("PATH");

    setenv("PATH",
           test_format("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                       "/sbin:/bin:%s",
                       path ? path : ""),
           1);
}

/* The sanitizer's library must come first in a program not built with it. */
static void exec_httpd(const char *action)
{
    const char *preload = getenv("TEST_HTTPD_PRELOAD");
    const char *agent = getenv("TEST_AGENT");

    setenv("PASSENGER_AGENT",
           agent ? agent : test_format("%s/passenger-agent", test_product_dir),
           1);
    setenv("PASSENGER_LOADERS", test_loader_dir, 1);
    set_path();
    if (preload && *preload) {
        setenv("LD_PRELOAD", preload, 1);
    }
    execl(TEST_HTTPD, TEST_HTTPD, "-f", httpd_parts_conf(), "-DFOREGROUND",
          action, (char *)NULL);
    _exit(127);
}

/* Everything httpd and its apps write is in the test's folder. */
static void become_plain_user(void)
{
    struct passwd *user = getpwnam(httpd_user());

    if (!user || setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0
        || setuid(user->pw_uid) != 0) {
        _exit(126);
    }
}

/* When httpd has ended. */
static void check_trace(void *trace)
{
    const char *offences = trace ? root_trace_offences(trace) : "";

    if (*offences) {
        FAIL("with root's rights:\n%s", offences);
    }
    CHECK(!trace || root_trace_judged(trace) > 0);
}

/* *trace: NULL if it is not followed. */
static pid_t start_process(root_trace_t **trace, const char *action,
                           const char *output, const httpd_config_t *config)
{
    pid_t pid;

    *trace = NULL;
    if (root_trace_is_wanted() && !config->untraced && !config->plain_user) {
        *trace = root_trace_create();
    }
    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDONLY);
        int out = open(output, O_WRONLY | O_CREAT | O_APPEND, 0644);

        signal(SIGTERM, SIG_DFL);
        setpgid(0, 0); /* httpd signals its whole group when it stops */
        dup2(null, 0);
        dup2(out, 1);
        dup2(out, 2);
        if (config->plain_user && getuid() == 0) {
            become_plain_user();
        }
        if (*trace) {
            root_trace_await(*trace);
        }
        exec_httpd(action);
    }
    if (*trace && !root_trace_follow(*trace, pid)) {
        *trace = NULL;
    }
    return pid;
}

static int has_ended(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == pid;
}

static const char *output_path(void)
{
    return test_format("%s/httpd.out", test_dir());
}

/* When the test failed: show what httpd said, end it; else stop and check. */
static void cleanup(void *data)
{
    httpd_t *httpd = data;
    const char *log;
    size_t len;

    if (httpd->pid && !test_has_failed()) {
        httpd_stop(httpd);
    }
    if (test_has_failed()) {
        log = httpd_log(httpd);
        len = strlen(log);
        fprintf(stderr, "--- %s\n%s--- %s\n%s---\n", output_path(),
                test_read(output_path()), httpd->error_log,
                len > 40000 ? log + len - 40000 : log);
        if (httpd->pid) {
            kill(httpd->pid, SIGTERM);
            waitpid(httpd->pid, NULL, 0);
            httpd->pid = 0;
        }
    }
}

static httpd_t *httpd_create(const httpd_config_t *config)
{
    httpd_t *httpd = apr_pcalloc(test_pool(), sizeof(*httpd));

    httpd->port = httpd_free_port();
    httpd->tls_port = config->tls ? httpd_free_port() : 0;
    httpd->url = test_format("http://127.0.0.1:%d", httpd->port);
    httpd->tls_url = test_format("https://127.0.0.1:%d", httpd->tls_port);
    httpd->run_dir = test_format("%s/run", test_dir());
    httpd->error_log = test_format("%s/error.log", test_dir());
    httpd->document_root = config->document_root
                               ? config->document_root
                               : test_format("%s/www/public", test_dir());
    httpd->app_root = test_format(
        "%.*s",
        (int)(strrchr(httpd->document_root, '/') - httpd->document_root),
        httpd->document_root);
    httpd_parts_prepare(httpd, config);
    return httpd;
}

/* httpd says AH00094 ("Command line") whenever a configuration is in use. It
 * listens before that. */
static const char in_use[] = "AH00094";

httpd_t *httpd_start(const httpd_config_t *config)
{
    httpd_t *httpd = httpd_create(config);
    double end = test_now() + START_SECONDS * test_deadline_factor();
    root_trace_t *trace;

    if (config->plain_user && getuid() == 0) {
        test_shell(NULL, "chown -R %s '%s'", httpd_user(), test_dir());
    }
    httpd->pid = start_process(&trace, "-kstart", output_path(), config);
    test_defer(check_trace, trace);
    test_defer(cleanup, httpd);
    while (!accepts(httpd->port) || !strstr(httpd_log(httpd), in_use)) {
        if (has_ended(httpd->pid)) {
            httpd->pid = 0;
            if (config->may_fail) {
                return NULL;
            }
            FAIL("httpd does not start");
        }
        if (test_now() > end) {
            FAIL("httpd does not accept connections");
        }
        test_pause();
    }
    return httpd;
}

void httpd_configure(httpd_t *httpd, const httpd_config_t *config)
{
    httpd_parts_prepare(httpd, config);
}

static int count_in(const char *text, const char *word)
{
    int count = 0;

    while ((text = strstr(text, word)) != NULL) {
        count++;
        text++;
    }
    return count;
}

/* Children of the configuration before may live on for the requests they have,
 * but take no more. */
static void reload(httpd_t *httpd, int sig)
{
    int before = count_in(httpd_log(httpd), in_use);
    pid_t old[CHILDREN_MAX];
    int count = process_find_all(httpd->pid, "httpd.conf", old, CHILDREN_MAX);

    CHECK(kill(httpd->pid, sig) == 0);
    WAIT_UNTIL(count_in(httpd_log(httpd), in_use) > before);
    while (count-- > 0) {
        WAIT_UNTIL(!process_is_below(old[count], httpd->pid)
                   || !process_listens(old[count], httpd->port));
    }
    WAIT_UNTIL(accepts(httpd->port));
}

void httpd_graceful(httpd_t *httpd)
{
    reload(httpd, SIGUSR1);
}

/* Here httpd's event MPM closes its workers' sockets, and crashes where a
 * worker frees one in that moment: so a child's crash proves nothing. */
void httpd_restart(httpd_t *httpd)
{
    httpd_allow_log("exit signal Segmentation fault");
    reload(httpd, SIGHUP);
}

/* The name of a folder in run_dir, NULL if there is none: httpd makes only
 * files there, so a folder is an instance dir. */
static const char *instance_dir(const httpd_t *httpd)
{
    DIR *run = opendir(httpd->run_dir);
    const char *found = NULL;
    struct dirent *entry;

    while (run && (entry = readdir(run)) != NULL) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            found = test_format("%s", entry->d_name);
        }
    }
    if (run) {
        closedir(run);
    }
    return found;
}

static void check_nothing_left(const httpd_t *httpd)
{
    double end = test_now() + STOP_SECONDS * test_deadline_factor();
    const char *orphans;

    while (*(orphans = process_orphans()) && test_now() < end) {
        test_pause();
    }
    if (*orphans) {
        FAIL("still running after httpd's end:\n%s", orphans);
    }
    if (instance_dir(httpd)) {
        FAIL("instance dir left: %s/%s", httpd->run_dir, instance_dir(httpd));
    }
    httpd_parts_check_log(httpd_log(httpd));
}

static void httpd_was_killed(httpd_t *httpd)
{
    WAIT_UNTIL_FOR(has_ended(httpd->pid), STOP_SECONDS);
    httpd->pid = 0;
    check_nothing_left(httpd);
}

/* Gracefully at first, which takes as long as clients keep connections open:
 * the plain stop has the race that httpd_restart() tells of. */
void httpd_stop(httpd_t *httpd)
{
    double end = test_now() + 0.5;

    CHECK(httpd->pid > 0);
    kill(httpd->pid, SIGWINCH);
    while (test_now() < end) {
        if (has_ended(httpd->pid)) {
            httpd->pid = 0;
            check_nothing_left(httpd);
            return;
        }
        test_pause();
    }
    httpd_kill(httpd, SIGTERM);
}

void httpd_kill(httpd_t *httpd, int sig)
{
    CHECK(httpd->pid > 0);
    kill(httpd->pid, sig);
    httpd_was_killed(httpd);
}

void httpd_forget(httpd_t *httpd)
{
    kill(httpd->pid, SIGKILL);
    WAIT_UNTIL(has_ended(httpd->pid));
    httpd->pid = 0;
}

const char *httpd_log(const httpd_t *httpd)
{
    return test_read(httpd->error_log);
}

void httpd_await_log(const httpd_t *httpd, const char *text)
{
    double end = test_now() + TEST_WAIT_DEFAULT * test_deadline_factor();

    while (!strstr(httpd_log(httpd), text)) {
        if (test_now() > end) {
            FAIL("the error log lacks \"%s\"", text);
        }
        test_pause();
    }
}

pid_t httpd_watchdog(const httpd_t *httpd)
{
    return process_find(httpd->pid, "passenger-agent watchdog");
}

pid_t httpd_core(const httpd_t *httpd)
{
    return process_find(httpd->pid, "passenger-agent core");
}

int httpd_test_config(const char **output, const httpd_config_t *config)
{
    static int count;
    const char *said = test_format("%s/httpd-t.out.%d", test_dir(), ++count);
    root_trace_t *trace;
    int status;

    httpd_create(config);
    waitpid(start_process(&trace, "-t", said, config), &status, 0);
    check_trace(trace);
    if (output) {
        *output = test_read(said);
    }
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

const char *httpd_command(void)
{
    const char *preload = getenv("TEST_HTTPD_PRELOAD");

    return test_format("LD_PRELOAD='%s' '%s'", preload ? preload : "",
                       TEST_HTTPD);
}
