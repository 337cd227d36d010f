/* SPDX-License-Identifier: Apache-2.0 */

/* The agent's log: makes lines that cannot be forged and writes each at once.
 * Called by everything in agent/, and by common/ through the sink. */
#include "agent_log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A line's text; what is longer goes on in a further line. A whole line stays
 * below PIPE_BUF, so that a piped log gets it in one piece. */
enum {
    TEXT_SIZE = 3900,
    LINE_SIZE = 4096
};

static const char *const level_names[] = {"crit",   "error", "warn",
                                          "notice", "info",  "debug"};

/* Each process of the agent has one thread and one log. */
static int log_level = PSG_LOG_NOTICE;

/* Bytes of the character at text if it may be shown as it is, else 0: printable
 * ASCII, and UTF-8 without overlong forms, surrogates and C1 controls. */
static size_t printable_len(const unsigned char *text)
{
    static const unsigned minimum[] = {0, 0, 0xa0, 0x800, 0x10000};
    unsigned code;
    size_t i, len;

    if (text[0] < 0x80) {
        return text[0] >= 0x20 && text[0] != 0x7f;
    }
    len = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4) {
        return 0;
    }
    code = text[0] & (0x7fu >> len);
    for (i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (text[i] & 0x3f);
    }
    if (code < minimum[len] || code > 0x10ffff
        || (code >= 0xd800 && code <= 0xdfff)) {
        return 0;
    }
    return len;
}

size_t agent_log_escape(char *line, size_t size, const char *text)
{
    const unsigned char *in = (const unsigned char *)text;
    char *out = line, *end = line + size - 1;

    while (*in) {
        char hex[8];
        const char *from = (const char *)in;
        size_t used = printable_len(in), len = used;

        if (!used) {
            used = 1;
            from = hex;
            len = (size_t)snprintf(hex, sizeof(hex),
                                   *in == '\n'   ? "\\n"
                                   : *in == '\t' ? "\\t"
                                                 : "\\x%02x",
                                   *in);
        }
        if (len > (size_t)(end - out)) {
            break;
        }
        memcpy(out, from, len);
        out += len;
        in += used;
    }
    *out = '\0';
    return (size_t)((const char *)in - text);
}

/* A log that cannot be written is not worth dying for: the line is lost. */
static void write_line(const char *line, size_t len)
{
    ssize_t n;

    do {
        n = write(STDERR_FILENO, line, len);
    } while (n < 0 && errno == EINTR);
}

/* Writes text as one line, or as several if it is long. */
static void write_text(const char *level, int pid, const char *text)
{
    char line[LINE_SIZE], escaped[TEXT_SIZE], when[32];
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    do {
        int len;

        text += agent_log_escape(escaped, sizeof(escaped), text);
        len = snprintf(line, sizeof(line),
                       "[%s.%03ld] [passenger:%s] [pid %d] %s\n", when,
                       now.tv_nsec / 1000000, level, pid, escaped);
        if (len < 0) {
            return;
        }
        if ((size_t)len >= sizeof(line)) {
            len = sizeof(line) - 1;
        }
        write_line(line, (size_t)len);
    } while (*text);
}

static void log_sink(psg_log_level_e level, const char *text)
{
    if ((int)level <= log_level) {
        write_text(level_names[level], (int)getpid(), text);
    }
}

static int is_bare; /* what apps say gets nothing in front */

void agent_log_init(void)
{
    psg_log_set_sink(log_sink);
}

/* 5 to 7 all mean debug. */
void agent_log_set_level(int level)
{
    log_level = level < 0 ? 0 : level > PSG_LOG_DEBUG ? PSG_LOG_DEBUG : level;
}

void agent_log(psg_log_level_e level, const char *format, ...)
{
    char text[LINE_SIZE * 4];
    int saved = errno;
    va_list args;

    if ((int)level > log_level) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_sink(level, text);
    errno = saved;
}

void agent_log_set_bare_output(int on)
{
    is_bare = on;
}

static void write_bare(const char *text)
{
    char line[TEXT_SIZE + 1];

    do {
        size_t len;

        text += agent_log_escape(line, TEXT_SIZE, text);
        len = strlen(line);
        line[len] = '\n';
        write_line(line, len + 1);
    } while (*text);
}

void agent_log_output(int pid, const char *tag, const char *text)
{
    char line[LINE_SIZE * 4];

    if (is_bare) {
        write_bare(text);
        return;
    }
    snprintf(line, sizeof(line), "%s: %s", tag, text);
    write_text("app", pid, line);
}
