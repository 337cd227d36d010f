/* SPDX-License-Identifier: Apache-2.0 */

/* See loader_process.h. The loader tests call it. */
#include "loader_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>

#include "app_server.h"
#include "test.h"

enum {
    LISTEN_FD = 3,
    CONTROL_FD = 4,
    MAX_HEAD = 65536,
    ANSWER_SECONDS = 10,
};

static const struct language {
    const char *name, *interpreter, *loader, *startup_file;
} languages[] = {
    {"ruby", "ruby", "ruby/loader.rb", "config.ru"},
    {"python", "python3", "python/loader.py", "passenger_wsgi.py"},
    {"node", "node", "node/loader.js", "app.js"},
};

static const struct language *find_language(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(languages) / sizeof(*languages); i++) {
        if (strcmp(languages[i].name, name) == 0) {
            return &languages[i];
        }
    }
    FAIL("no language '%s'", name);
}

static void loader_end(void *data)
{
    loader_t *loader = data;

    if (loader->socket) {
        (void)unlink(loader->socket);
    }
    if (loader->pid > 0) {
        (void)kill(loader->pid, SIGKILL);
        (void)waitpid(loader->pid, NULL, 0);
    }
}

loader_t *loader_make(const char *language)
{
    loader_t *loader = apr_pcalloc(test_pool(), sizeof(*loader));

    loader->language = language;
    test_defer(loader_end, loader);
    return loader;
}

/* In the child: what loaders/PROTOCOL promises, and the loader. */
static void run_loader(const char *app_root, int listen_fd, int control_fd,
                       const char *const *args)
{
    /* Out of the way first: either may be 3 or 4 already. */
    int listen_copy = fcntl(listen_fd, F_DUPFD, 100);
    int control_copy = fcntl(control_fd, F_DUPFD, 100);

    if (dup2(listen_copy, LISTEN_FD) < 0 || dup2(control_copy, CONTROL_FD) < 0
        || chdir(app_root) < 0) {
        _exit(120);
    }
    close_range(CONTROL_FD + 1, ~0U, 0);
    signal(SIGQUIT, SIG_DFL); /* ignored where the tests run in background */
    setenv("PASSENGER_APP_ROOT", app_root, 1);
    setenv("IN_PASSENGER", "1", 1);
    setenv("PYTHONUNBUFFERED", "1", 1);
    unsetenv("PASSENGER_BASE_URI");
    execvp(args[0], (char *const *)args);
    _exit(121);
}

int loader_listen(loader_t *loader)
{
    static int count;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    /* Not below test_dir(): a socket's path must be short. */
    loader->socket = test_format("/tmp/loader.%d.%d", (int)getpid(), count++);
    CHECK(strlen(loader->socket) < sizeof(address.sun_path));
    strcpy(address.sun_path, loader->socket);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_INT(listen(fd, 100), 0);
    return fd;
}

loader_t *loader_start(const char *language, const char *app_root,
                       const char *startup_file, const char *interpreter)
{
    const struct language *found = find_language(language);
    const char *args[] = {
        interpreter ? interpreter : found->interpreter,
        test_format("%s/loaders/%s", TEST_SRCDIR, found->loader), NULL};
    loader_t *loader = loader_make(language);
    int listen_fd, control[2];

    app_require(found->interpreter);
    /* A preloader serves nothing itself. */
    listen_fd = getenv("PASSENGER_PRELOAD") ? open("/dev/null", O_RDWR)
                                            : loader_listen(loader);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, control), 0);
    loader->pid = fork();
    if (loader->pid == 0) {
        setenv("PASSENGER_STARTUP_FILE",
               startup_file ? startup_file : found->startup_file, 1);
        run_loader(app_root, listen_fd, control[1], args);
    }
    CHECK(loader->pid > 0);
    close(listen_fd);
    close(control[1]);
    loader->control = control[0];
    return loader;
}

loader_t *loader_start_code(const char *language, const char *code)
{
    const char *name = find_language(language)->startup_file;

    (void)test_file(test_format("code/%s", name), code);
    return loader_start(language, test_format("%s/code", test_dir()), NULL,
                        NULL);
}

loader_t *loader_serve(const char *language, const char *name)
{
    loader_t *loader;

    loader = loader_start(language,
                          test_format("%s/test/apps/%s", TEST_SRCDIR, name),
                          NULL, NULL);
    loader_await_ready(loader);
    return loader;
}

const char *loader_read_line(loader_t *loader)
{
    char line[65537];
    size_t len = 0;

    while (len < sizeof(line) - 1 && read(loader->control, line + len, 1) == 1
           && line[len] != '\n') {
        len++;
    }
    line[len] = '\0';
    loader->said = apr_pstrdup(test_pool(), line);
    return loader->said;
}

/* Loaders may put a space behind a colon. */
static int says(const loader_t *loader, const char *name, const char *value)
{
    return strstr(loader->said, test_format("\"%s\":\"%s\"", name, value))
           || strstr(loader->said, test_format("\"%s\": \"%s\"", name, value));
}

void loader_await_ready(loader_t *loader)
{
    if (!strstr(loader_read_line(loader), "event")
        || !says(loader, "event", "ready")) {
        FAIL("not ready, but: '%s'", loader->said);
    }
    loader->is_http = says(loader, "format", "http");
    CHECK(loader->is_http || says(loader, "format", "session"));
}

int loader_wait(loader_t *loader)
{
    int status;

    CHECK_INT(waitpid(loader->pid, &status, 0), loader->pid);
    loader->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int loader_connect(const loader_t *loader)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {
        .tv_sec = (time_t)(ANSWER_SECONDS * test_deadline_factor())};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, loader->socket);
    CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_INT(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
        0);
    return fd;
}

static const char *session_head(const char *method, const char *path,
                                size_t body_len, int has_body, size_t *len)
{
    /* A NUL for every '|'; the first four bytes are the length. */
    char *head = apr_psprintf(
        test_pool(),
        "....REQUEST_METHOD|%s|REQUEST_URI|%s|SCRIPT_NAME||PATH_INFO|%s|"
        "QUERY_STRING||SERVER_NAME|localhost|SERVER_PORT|80|"
        "SERVER_PROTOCOL|HTTP/1.1|SERVER_SOFTWARE|Apache|"
        "REMOTE_ADDR|127.0.0.1|REMOTE_PORT|12345|DOCUMENT_ROOT|/srv|"
        "HTTP_HOST|localhost|HTTP_EMPTY||%s",
        method, path, path,
        has_body ? test_format("CONTENT_LENGTH|%lu|", (unsigned long)body_len)
                 : "");
    uint32_t size = htonl((uint32_t)strlen(head) - 4);
    size_t i;

    *len = strlen(head);
    for (i = 0; i < *len; i++) {
        head[i] = head[i] == '|' ? '\0' : head[i];
    }
    memcpy(head, &size, sizeof(size));
    return head;
}

static const char *http_head(const char *method, const char *path,
                             size_t body_len, int has_body, size_t *len)
{
    const char *head =
        test_format("%s %s HTTP/1.1\r\nHost: localhost\r\n"
                    "X-Passenger-Client: 10.9.8.7 12345\r\n"
                    "X-Passenger-Https: on\r\n"
                    "X-Passenger-User: visitor\r\n%s\r\n",
                    method, path,
                    has_body ? test_format("Content-Length: %lu\r\n",
                                           (unsigned long)body_len)
                             : "");

    *len = strlen(head);
    return head;
}

const char *loader_request(const loader_t *loader, const char *method,
                           const char *path, const char *body, size_t body_len,
                           size_t *len)
{
    size_t head_len;
    const char *head = (loader->is_http ? http_head : session_head)(
        method, path, body_len, body != NULL, &head_len);
    char *request = apr_palloc(test_pool(), head_len + body_len);

    memcpy(request, head, head_len);
    if (body_len > 0) {
        memcpy(request + head_len, body, body_len);
    }
    *len = head_len + body_len;
    return request;
}

void loader_send(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        CHECK(n > 0);
        data += n;
        len -= (size_t)n;
    }
}

void loader_ask(const loader_t *loader, int fd, const char *method,
                const char *path)
{
    size_t len;
    const char *request = loader_request(loader, method, path, NULL, 0, &len);

    loader_send(fd, request, len);
}

/* Reads up to and including `end`, a byte at a time: what follows is the next
 * answer's. "" if the connection ends first. */
static const char *read_until(int fd, const char *end)
{
    char text[MAX_HEAD];
    size_t len = 0, end_len = strlen(end);

    while (len < sizeof(text) - 1 && recv(fd, text + len, 1, 0) == 1) {
        len++;
        if (len >= end_len && memcmp(text + len - end_len, end, end_len) == 0) {
            return apr_pstrmemdup(test_pool(), text, len);
        }
    }
    return "";
}

/* Reads len bytes, or up to the end; returns how many came. */
static size_t read_bytes(int fd, char *data, size_t len)
{
    size_t got = 0;
    ssize_t n;

    while (got < len && (n = recv(fd, data + got, len - got, 0)) > 0) {
        got += (size_t)n;
    }
    return got;
}

static void read_chunked(int fd, loader_answer_t *answer)
{
    char *body = NULL;
    size_t len;

    do {
        const char *line = read_until(fd, "\r\n");

        len = strtoul(line, NULL, 16);
        body = memcpy(apr_palloc(test_pool(), answer->body_len + len + 1),
                      body ? body : "", answer->body_len);
        answer->body_len += read_bytes(fd, body + answer->body_len, len);
        if (strcmp(read_until(fd, "\r\n"), "\r\n") != 0) {
            answer->status = 0; /* cut off */
        }
    } while (len > 0);
    body[answer->body_len] = '\0';
    answer->body = body;
}

loader_answer_t loader_read_answer(int fd, const char *method)
{
    loader_answer_t answer = {.head = read_until(fd, "\r\n\r\n"), .body = ""};
    const char *length = strcasestr(answer.head, "\r\nContent-Length: ");

    answer.status = *answer.head ? atoi(answer.head + strlen("HTTP/1.1 ")) : 0;
    if (strcmp(method, "HEAD") == 0 || answer.status == 204
        || answer.status == 304) {
        return answer;
    }
    if (length) {
        size_t len = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
        char *body = apr_pcalloc(test_pool(), len + 1);

        answer.body_len = read_bytes(fd, body, len);
        answer.body = body;
        answer.status = answer.body_len == len ? answer.status : 0;
    }
    else if (strcasestr(answer.head, "\r\nTransfer-Encoding: chunked")) {
        read_chunked(fd, &answer);
    }
    return answer;
}

loader_answer_t loader_get(const loader_t *loader, int fd, const char *path)
{
    loader_ask(loader, fd, "GET", path);
    return loader_read_answer(fd, "GET");
}

int loader_is_closed(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) == 0;
}
