/* SPDX-License-Identifier: Apache-2.0 */

/* See htaccess_writer.h. htaccess_storm.c calls it. */
#include "htaccess_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "test.h"

/* Another generator than the C library's, so that a seed means the same
 * everywhere (xorshift64). */
static unsigned pick(htaccess_writer_t *writer, unsigned below)
{
    writer->state ^= writer->state << 13;
    writer->state ^= writer->state >> 7;
    writer->state ^= writer->state << 17;
    return (unsigned)((writer->state >> 16) % below);
}

static void add_bytes(htaccess_writer_t *writer, const char *bytes, size_t len)
{
    if (writer->len + len > writer->size) {
        writer->size = (writer->len + len) * 2;
        writer->text = realloc(writer->text, writer->size);
        CHECK(writer->text != NULL);
    }
    memcpy(writer->text + writer->len, bytes, len);
    writer->len += len;
}

static void add(htaccess_writer_t *writer, const char *text)
{
    add_bytes(writer, text, strlen(text));
}

#define PICK(writer, list) \
    (list)[pick(writer, (unsigned)(sizeof(list) / sizeof((list)[0])))]

static void add_noise(htaccess_writer_t *writer)
{
    for (unsigned i = pick(writer, 40); i > 0; i--) {
        char byte = (char)pick(writer, 256);

        add_bytes(writer, &byte, 1);
    }
}

static void add_run(htaccess_writer_t *writer)
{
    static const char letters[] = {'x', '/', '.', '\\', '"', '%', ' '};
    char letter = PICK(writer, letters);
    unsigned most = pick(writer, 8) == 0 ? 200000 : 9000;

    for (unsigned i = pick(writer, most); i > 0; i--) {
        add_bytes(writer, &letter, 1);
    }
}

static void add_number(htaccess_writer_t *writer, const psg_option_row_t *row)
{
    static const char *const odd[] = {
        "-1",   "2147483647", "2147483648", "99999999999999999999",
        "0x10", "1e3",        "\"\"",       "1 2",
        " 5",   "five",       "4294967297", "-2147483649"};
    long value[] = {row->min,           row->max, (long)row->min - 1,
                    (long)row->max + 1, 0,        (long)pick(writer, 100)};

    if (pick(writer, 3) == 0) {
        add(writer, PICK(writer, odd));
        return;
    }
    add(writer, test_format("%ld", PICK(writer, value)));
}

/* Nothing of it does harm when it is executed. */
static void add_text(htaccess_writer_t *writer)
{
    static const char *const texts[] = {"/",
                                        "/etc",
                                        "/etc/passwd",
                                        "/root/.bashrc",
                                        "..",
                                        "../../alice",
                                        "/proc/self/mem",
                                        "/dev/null",
                                        "/dev/zero",
                                        "relative/path",
                                        "\"\"",
                                        "'",
                                        "\"",
                                        "\"two words\"",
                                        "%{HTTP_HOST}",
                                        "${PATH}",
                                        "%s%n%s%n",
                                        "/usr/bin/python3",
                                        "/bin/false",
                                        "python3",
                                        "passenger_wsgi.py",
                                        "/place",
                                        "/place/",
                                        "/",
                                        "//",
                                        "development",
                                        "smart",
                                        "direct",
                                        "wsgi",
                                        "rack",
                                        "node",
                                        "root",
                                        "psgalice",
                                        "!STARTUP_FILE!",
                                        "error",
                                        "\\",
                                        "a\\\nb",
                                        "<script>alert(1)</script>",
                                        "../passenger_wsgi.py"};
    unsigned kind = pick(writer, 20);

    if (kind == 0) {
        add_noise(writer);
    }
    else if (kind == 1) {
        add_run(writer);
    }
    else if (kind < 6) {
        add(writer,
            test_format("\"%s/%s\"", test_dir(), kind < 4 ? "www" : "alice"));
    }
    else {
        add(writer, PICK(writer, texts));
    }
}

static void add_pair(htaccess_writer_t *writer)
{
    static const char *const names[] = {
        "NAME", "LD_PRELOAD",    "PATH",       "PASSENGER_AGENT",
        "A=B",  "\"A B\"",       "LISTEN_FDS", "HOME",
        "",     "PYTHONSTARTUP", "RUBYOPT",    "BASH_ENV"};

    add(writer, PICK(writer, names));
    add(writer, " ");
    add_text(writer);
}

static void add_ours(htaccess_writer_t *writer)
{
    const psg_option_row_t *row =
        &psg_option_rows[pick(writer, (unsigned)PSG_OPTION_COUNT)];
    static const char *const flags[] = {"on",  "off", "On", "OFF",
                                        "yes", "1",   "",   "on off"};

    add(writer, row->name);
    add(writer, " ");
    if (row->type == PSG_FLAG && pick(writer, 8)) {
        add(writer, PICK(writer, flags));
    }
    else if (row->type == PSG_NUMBER && pick(writer, 8)) {
        add_number(writer, row);
    }
    else if (row->type == PSG_PAIRS && pick(writer, 8)) {
        add_pair(writer);
    }
    else {
        add_text(writer);
    }
}

static void add_other(htaccess_writer_t *writer)
{
    static const char *const lines[] = {"SetEnv LD_PRELOAD /tmp/x",
                                        "SetEnv REMOTE_USER admin",
                                        "UnsetEnv PATH",
                                        "PassEnv HOME",
                                        "SetEnvIf Host . A=1 !B",
                                        "RewriteEngine on",
                                        "RewriteRule ^ - [E=X:%{HTTP_HOST}]",
                                        "RewriteRule ^(.*)$ $1/x [L]",
                                        "RewriteRule x y [R=301,L]",
                                        "RewriteBase /place",
                                        "RewriteCond %{REQUEST_URI} !^/place",
                                        "RewriteRule ^ - [F]",
                                        "RewriteOptions inherit",
                                        "Header set X-One two",
                                        "Header always unset Date",
                                        "RequestHeader set Host other",
                                        "RequestHeader unset Host",
                                        "Options +Indexes +FollowSymLinks",
                                        "Options None",
                                        "Require all denied",
                                        "Require all granted",
                                        "Satisfy any",
                                        "Require valid-user",
                                        "AuthType Basic",
                                        "AuthName \"x\"",
                                        "SetHandler passenger-handler",
                                        "SetHandler default-handler",
                                        "ForceType text/html",
                                        "AddType text/plain .py",
                                        "RemoveHandler .py",
                                        "DirectoryIndex x.html",
                                        "ErrorDocument 500 \"an error\"",
                                        "ErrorDocument 404 /place/x",
                                        "Redirect /place/a /place/b",
                                        "FileETag None",
                                        "ServerSignature On",
                                        "AcceptPathInfo Off",
                                        "LimitRequestBody 10",
                                        "AllowOverride None",
                                        "Include /etc/passwd",
                                        "LoadModule x y",
                                        "User root",
                                        "DocumentRoot /",
                                        "Listen 80",
                                        "<Location />",
                                        "</Location>",
                                        "<VirtualHost *>",
                                        "CGIPassAuth On"};

    add(writer, PICK(writer, lines));
}

static void add_section(htaccess_writer_t *writer)
{
    static const char *const sections[][2] = {
        {"<Files \"*\">", "</Files>"},
        {"<FilesMatch \"\\.(txt|py)$\">", "</FilesMatch>"},
        {"<If \"true\">", "</If>"},
        {"<If \"%{HTTP_HOST} =~ /x(/\">", "</If>"},
        {"<IfModule mod_passenger.c>", "</IfModule>"},
        {"<IfModule !nothing>", "</IfModule>"},
        {"<Limit GET>", "</Limit>"},
        {"<Files x>", "</If>"},
        {"<Files", ""},
        {"", "</IfModule>"}};
    const char *const *section = PICK(writer, sections);

    add(writer, section[0]);
    add(writer, "\n");
    add_ours(writer);
    add(writer, "\n");
    add(writer, section[1]);
}

static void add_line(htaccess_writer_t *writer)
{
    unsigned kind = pick(writer, 100);

    if (kind < 70) {
        add_ours(writer);
    }
    else if (kind < 80) {
        add_other(writer);
    }
    else if (kind < 90) {
        add_section(writer);
    }
    else if (kind < 95) {
        add(writer, "# ");
        add_noise(writer);
    }
    else if (kind < 98) {
        add_noise(writer);
    }
    else {
        add_run(writer);
    }
    add(writer, pick(writer, 20) == 0 ? "\r\n" : "\n");
}

void htaccess_writer_next(htaccess_writer_t *writer)
{
    unsigned lines = pick(writer, 200) == 0 ? 3000 : 12;

    writer->len = 0;
    for (lines = 1 + pick(writer, lines); lines > 0; lines--) {
        add_line(writer);
    }
}
