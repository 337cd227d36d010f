/* SPDX-License-Identifier: Apache-2.0 */

/* Reads what a starting app says on its control channel, until it is ready or
 * failed, and tells it to stop. Called by app_process; parsing is pure. */
#include "handshake.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_strings.h>
#include <jansson.h>

#include "paced_source.h"
#include "stall_alarm.h"

/* Lines handled in one turn, so that a chattering app starves nobody. */
enum {
    LINES_PER_TURN = 16,
    PIECES_PER_SECOND = 200, /* lines, or parts of them */
    CONCURRENCY_MAX = 65535
};

struct handshake_t {
    event_loop_t *loop;
    paced_source_t source;
    apr_pool_t *pool;
    int fd; /* -1 = closed */
    int ended;
    handshake_fn fn;
    void *baton;
    char *partial; /* a line's beginning; made when the first one is needed */
    size_t partial_len;
};

static void set_garbage(handshake_event_t *event, const char *why)
{
    memset(event, 0, sizeof(*event));
    event->kind = HANDSHAKE_GARBAGE;
    event->step = "start";
    event->summary = why;
    event->details = "";
}

static const char *parse_ready(handshake_event_t *event, const json_t *object)
{
    const char *format = json_string_value(json_object_get(object, "format"));
    const json_t *concurrency = json_object_get(object, "concurrency");
    const json_t *keep_alive = json_object_get(object, "keep_alive");
    json_int_t number = json_integer_value(concurrency);

    if (format && strcmp(format, "fork") == 0) {
        event->kind = HANDSHAKE_PRELOADED;
        return NULL;
    }
    event->kind = HANDSHAKE_READY;
    if (format && strcmp(format, "session") == 0) {
        event->format = PSG_FORMAT_SESSION;
    }
    else if (format && strcmp(format, "http") == 0) {
        event->format = PSG_FORMAT_HTTP;
    }
    else {
        return "its 'format' is neither \"session\" nor \"http\"";
    }
    if (!json_is_integer(concurrency) || number < 0
        || number > CONCURRENCY_MAX) {
        return "its 'concurrency' is not a number from 0 to 65535";
    }
    if (keep_alive && !json_is_boolean(keep_alive)) {
        return "its 'keep_alive' is neither true nor false";
    }
    event->concurrency = (uint32_t)number;
    event->keep_alive = json_is_true(keep_alive);
    return NULL;
}

static const char *parse_failed(handshake_event_t *event, const json_t *object,
                                apr_pool_t *pool)
{
    const char *step = json_string_value(json_object_get(object, "step"));
    const char *summary = json_string_value(json_object_get(object, "summary"));
    const char *details = json_string_value(json_object_get(object, "details"));

    if (!step || !summary) {
        return "it says \"failed\" without 'step' and 'summary'";
    }
    event->kind = HANDSHAKE_FAILED;
    event->step = apr_pstrdup(pool, step);
    event->summary = apr_pstrdup(pool, summary);
    event->details = apr_pstrdup(pool, details ? details : "");
    return NULL;
}

/* From the launcher, before it becomes that program. */
static const char *parse_interpreter(handshake_event_t *event,
                                     const json_t *object, apr_pool_t *pool)
{
    const char *path = json_string_value(json_object_get(object, "path"));
    const char *why = json_string_value(json_object_get(object, "why"));

    if (!path || strlen(path) > PATH_MAX) {
        return "it says \"interpreter\" without a 'path'";
    }
    event->kind = HANDSHAKE_INTERPRETER;
    event->summary = apr_pstrdup(pool, path);
    event->details = apr_pstrdup(pool, why ? why : "");
    return NULL;
}

void handshake_parse(handshake_event_t *event, const char *line, size_t len,
                     apr_pool_t *pool)
{
    json_error_t error;
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    const char *said = json_string_value(json_object_get(object, "event"));
    const char *wrong = NULL;

    memset(event, 0, sizeof(*event));
    event->step = event->summary = event->details = "";
    if (!object) {
        wrong = apr_psprintf(pool, "it is not JSON (%s)", error.text);
    }
    else if (said && strcmp(said, "ready") == 0) {
        wrong = parse_ready(event, object);
    }
    else if (said && strcmp(said, "failed") == 0) {
        wrong = parse_failed(event, object, pool);
    }
    else if (said && strcmp(said, "rested") == 0) {
        event->kind = HANDSHAKE_RESTED;
    }
    else if (said && strcmp(said, "interpreter") == 0) {
        wrong = parse_interpreter(event, object, pool);
    }
    else {
        wrong = "its 'event' is none of \"ready\", \"failed\", \"rested\"";
    }
    if (wrong) {
        set_garbage(event,
                    apr_psprintf(pool,
                                 "a line on the control channel cannot "
                                 "be understood: %s: '%.*s'",
                                 wrong, len > 200 ? 200 : (int)len, line));
    }
    json_decref(object);
}

static void stop_reading(handshake_t *handshake)
{
    paced_source_unwatch(&handshake->source);
    handshake->ended = 1;
}

static void raise_event(handshake_t *handshake, const handshake_event_t *event)
{
    if (event->kind == HANDSHAKE_GARBAGE || event->kind == HANDSHAKE_END) {
        stop_reading(handshake);
    }
    handshake->fn(handshake->baton, event);
}

static void raise_end(handshake_t *handshake)
{
    handshake_event_t event = {.kind = HANDSHAKE_END,
                               .step = "start",
                               .summary = "the control channel was closed",
                               .details = ""};

    raise_event(handshake, &event);
}

static void raise_line(handshake_t *handshake, const char *line, size_t len)
{
    handshake_event_t event;

    handshake_parse(&event, line, len, event_loop_scratch(handshake->loop));
    raise_event(handshake, &event);
}

static void raise_too_long(handshake_t *handshake)
{
    handshake_event_t event;

    set_garbage(&event, "a line on the control channel is longer than 64 KiB");
    raise_event(handshake, &event);
}

/* Adds to the line that is incomplete so far; 0 if it gets too long. */
static int append(handshake_t *handshake, const char *bytes, size_t len)
{
    if (handshake->partial_len + len > HANDSHAKE_LINE_MAX) {
        return 0;
    }
    if (!handshake->partial) {
        handshake->partial = apr_palloc(handshake->pool, HANDSHAKE_LINE_MAX);
    }
    memcpy(handshake->partial + handshake->partial_len, bytes, len);
    handshake->partial_len += len;
    return 1;
}

/* Handles the first line of what was peeked, and only then takes it from the
 * socket: if this core is killed in between, the next one sees the line again
 * (an app says "ready" once). */
static void handle_first_line(handshake_t *handshake, char *buf, size_t len)
{
    const char *end = memchr(buf, '\n', len);
    size_t line = end ? (size_t)(end - buf) : len;
    size_t taken = end ? line + 1 : len;

    if (end && handshake->partial_len == 0) {
        raise_line(handshake, buf, line);
    }
    else if (!append(handshake, buf, line)) {
        raise_too_long(handshake);
    }
    else if (end) {
        raise_line(handshake, handshake->partial, handshake->partial_len);
        handshake->partial_len = 0;
    }
    if (handshake->fd >= 0) {
        stall_alarm_set();
        (void)recv(handshake->fd, buf, taken, MSG_DONTWAIT);
        stall_alarm_clear();
    }
}

/* recv() that looks only, and tells whether descriptors are attached. */
static ssize_t peek(const handshake_t *handshake, char *buf, size_t size,
                    int *attached)
{
    struct iovec text = {.iov_base = buf, .iov_len = size};
    struct msghdr packet = {.msg_iov = &text, .msg_iovlen = 1};
    ssize_t got = recvmsg(handshake->fd, &packet, MSG_PEEK | MSG_DONTWAIT);

    *attached = got >= 0 && (packet.msg_flags & MSG_CTRUNC);
    return got;
}

static void raise_attached(handshake_t *handshake)
{
    handshake_event_t event;

    set_garbage(&event, "descriptors came on the control channel");
    raise_event(handshake, &event);
}

void handshake_read(handshake_t *handshake)
{
    size_t size = HANDSHAKE_LINE_MAX + 1;
    char *buf;

    if (handshake->ended) {
        return;
    }
    buf = apr_palloc(event_loop_scratch(handshake->loop), size);
    for (int i = 0; i < LINES_PER_TURN && !handshake->ended; i++) {
        int attached;
        ssize_t got = peek(handshake, buf, size, &attached);

        if (attached) {
            raise_attached(handshake);
        }
        else if (got > 0) {
            handle_first_line(handshake, buf, (size_t)got);
            (void)paced_source_took(&handshake->source, 1);
        }
        else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            raise_end(handshake);
        }
        else if (errno == EAGAIN) {
            break;
        }
    }
}

static void on_readable(void *baton)
{
    handshake_read(baton);
}

apr_status_t handshake_create(handshake_t **handshake, event_loop_t *loop,
                              int fd, handshake_fn fn, void *baton,
                              apr_pool_t *pool)
{
    handshake_t *made = apr_pcalloc(pool, sizeof(*made));
    apr_status_t rv;

    made->loop = loop;
    made->pool = pool;
    made->fd = fd;
    made->fn = fn;
    made->baton = baton;
    rv = paced_source_watch(&made->source, loop, fd, PIECES_PER_SECOND,
                            on_readable, made);
    if (rv == APR_SUCCESS) {
        *handshake = made;
    }
    return rv;
}

apr_status_t handshake_say_stop(handshake_t *handshake)
{
    static const char stop[] = "{\"command\":\"stop\"}\n";
    ssize_t sent;

    if (handshake->fd < 0) {
        return APR_EOF;
    }
    sent = send(handshake->fd, stop, sizeof(stop) - 1,
                MSG_DONTWAIT | MSG_NOSIGNAL);
    /* End of file says the same, should the line not have gone out. */
    (void)shutdown(handshake->fd, SHUT_WR);
    return sent == (ssize_t)sizeof(stop) - 1 ? APR_SUCCESS : APR_EOF;
}

apr_status_t handshake_say_oob_work(handshake_t *handshake)
{
    static const char work[] = "{\"command\":\"oob_work\"}\n";

    if (handshake->fd < 0) {
        return APR_EOF;
    }
    return send(handshake->fd, work, sizeof(work) - 1,
                MSG_DONTWAIT | MSG_NOSIGNAL)
                   == (ssize_t)sizeof(work) - 1
               ? APR_SUCCESS
               : APR_EAGAIN;
}

apr_status_t handshake_say_fork(handshake_t *handshake, const int *fds,
                                int count)
{
    static char fork[] = "{\"command\":\"fork\"}\n";
    _Alignas(struct cmsghdr) char
        control[CMSG_SPACE(sizeof(int) * HANDSHAKE_FORK_FDS)] = {0};
    struct iovec text = {.iov_base = fork, .iov_len = sizeof(fork) - 1};
    struct msghdr packet = {.msg_iov = &text,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&packet);

    if (handshake->fd < 0 || count != HANDSHAKE_FORK_FDS) {
        return APR_EINVAL;
    }
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * HANDSHAKE_FORK_FDS);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * HANDSHAKE_FORK_FDS);
    /* Half a line is as bad as none: the preloader waits for the rest, forks
     * nothing and is replaced. */
    return sendmsg(handshake->fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL)
                   == (ssize_t)sizeof(fork) - 1
               ? APR_SUCCESS
               : APR_EAGAIN;
}

void handshake_close(handshake_t *handshake)
{
    if (handshake->fd >= 0) {
        stop_reading(handshake);
        stall_alarm_close(handshake->fd);
        handshake->fd = -1;
    }
}
