/* SPDX-License-Identifier: Apache-2.0 */

/* Moves an app's output from its pipe to the agent's log. The app is hostile:
 * each turn reads a bounded amount, lines are cut, and the log escapes them. */
#include "app_output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "paced_source.h"

enum {
    LINE_MAX_BYTES = 8192,
    TAIL_SIZE = 4096,
    READ_PER_TURN = 16384, /* of one app; then the others have their turn */
    READS_PER_DRAIN = 16,
    /* Of the log, for one process; who prints more waits. And what is put in
     * front of a line there, about. */
    BYTES_PER_SECOND = 1 << 20,
    LINE_COST = 64,
};

struct app_output_t {
    paced_source_t source;
    apr_pool_t *pool;
    int fd; /* -1 = closed */
    int pid;
    int warned;
    size_t lines; /* that were logged */
    const char *tag;
    char *line; /* the last line, incomplete; LINE_MAX_BYTES + 1 */
    size_t line_len;
    char *tail; /* the last bytes; TAIL_SIZE, full ones are moved down */
    size_t tail_len;
};

static void log_line(app_output_t *output)
{
    output->line[output->line_len] = '\0';
    if (output->line_len > 0 && output->line[output->line_len - 1] == '\r') {
        output->line[output->line_len - 1] = '\0';
    }
    agent_log_output(output->pid, output->tag, output->line);
    output->line_len = 0;
    output->lines++;
}

static void add_to_line(app_output_t *output, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            log_line(output);
        }
        else {
            /* A NUL would hide the rest of the line. */
            output->line[output->line_len++] = bytes[i] ? bytes[i] : '?';
            if (output->line_len == LINE_MAX_BYTES) {
                log_line(output);
            }
        }
    }
}

static void add_to_tail(app_output_t *output, const char *bytes, size_t len)
{
    size_t over;

    if (len > TAIL_SIZE) {
        bytes += len - TAIL_SIZE;
        len = TAIL_SIZE;
    }
    if (output->tail_len + len > TAIL_SIZE) {
        over = output->tail_len + len - TAIL_SIZE;
        memmove(output->tail, output->tail + over, output->tail_len - over);
        output->tail_len -= over;
    }
    memcpy(output->tail + output->tail_len, bytes, len);
    output->tail_len += len;
}

/* Most apps are silent most of the time: buffers come with the first byte. */
static void make_buffers(app_output_t *output)
{
    if (!output->line) {
        output->line = apr_palloc(output->pool, LINE_MAX_BYTES + 1);
        output->tail = apr_palloc(output->pool, TAIL_SIZE);
    }
}

static void took(app_output_t *output, size_t bytes)
{
    size_t cost = bytes + output->lines * LINE_COST;

    output->lines = 0;
    if (paced_source_took(&output->source, cost) && !output->warned) {
        output->warned = 1;
        agent_log(PSG_LOG_WARN,
                  "PSG2111: app '%s': process %d prints more than 1 MiB a "
                  "second, and is made to wait; a PassengerAppLogFile has no "
                  "such limit",
                  output->tag, output->pid);
    }
}

/* Reads once; 0 when there is nothing more for now. */
static int read_some(app_output_t *output)
{
    char buf[READ_PER_TURN];
    ssize_t got = read(output->fd, buf, sizeof(buf));

    if (got > 0) {
        make_buffers(output);
        add_to_line(output, buf, (size_t)got);
        add_to_tail(output, buf, (size_t)got);
        took(output, (size_t)got);
        return 1;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        app_output_close(output);
    }
    return 0;
}

static void on_readable(void *baton)
{
    (void)read_some(baton);
}

apr_status_t app_output_create(app_output_t **output, event_loop_t *loop,
                               int fd, int pid, const char *tag,
                               apr_pool_t *pool)
{
    app_output_t *made = apr_pcalloc(pool, sizeof(*made));
    int flags = fcntl(fd, F_GETFL);
    apr_status_t rv;

    /* Only our end: the app's is another file description. */
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return errno;
    }
    made->pool = pool;
    made->fd = fd;
    made->pid = pid;
    made->tag = tag;
    rv = paced_source_watch(&made->source, loop, fd, BYTES_PER_SECOND,
                            on_readable, made);
    if (rv == APR_SUCCESS) {
        *output = made;
    }
    return rv;
}

void app_output_drain(app_output_t *output)
{
    for (int i = 0; i < READS_PER_DRAIN && output->fd >= 0; i++) {
        if (!read_some(output)) {
            break;
        }
    }
}

const char *app_output_tail(const app_output_t *output, apr_pool_t *pool)
{
    const char *start = output->tail, *line;
    size_t len = output->tail_len;

    if (len == TAIL_SIZE) { /* begins in the middle of a line */
        line = memchr(start, '\n', len);
        if (line && line + 1 < start + len) {
            len -= (size_t)(line + 1 - start);
            start = line + 1;
        }
    }
    return len ? apr_pstrmemdup(pool, start, len) : "";
}

int app_output_is_closed(const app_output_t *output)
{
    return output->fd < 0;
}

void app_output_close(app_output_t *output)
{
    if (output->fd >= 0) {
        if (output->line_len > 0) {
            log_line(output);
        }
        paced_source_unwatch(&output->source);
        (void)close(output->fd);
        output->fd = -1;
    }
}
