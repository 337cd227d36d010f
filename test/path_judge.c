/* SPDX-License-Identifier: Apache-2.0 */

/* See path_judge.h. In most tests nothing was given to a tenant, so names count
 * as well: whatever is below a folder of the test's folder is a tenant's. */
#include "path_judge.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "httpd_parts.h"
#include "test.h"

enum {
    LINKS_MAX = 40,
    REASON_SIZE = 2 * PATH_MAX
};

static char reason[REASON_SIZE];

/* The rest of path, "" or from a slash on; NULL if it is not below folder. */
static const char *below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0
                   && (path[len] == '\0' || path[len] == '/')
               ? path + len
               : NULL;
}

/* Whether a line of the file, `word "FOLDER"`, is about path. */
static int names(const char *file, const char *word, const char *path,
                 int with_below)
{
    const char *start = test_format("%s \"", word), *at = test_read(file);

    while ((at = strstr(at, start)) != NULL) {
        const char *folder, *rest;

        at += strlen(start);
        folder = test_format("%.*s", (int)strcspn(at, "\"\n"), at);
        rest = below(path, folder);
        if (rest && (with_below || !*rest)) {
            return 1;
        }
    }
    return 0;
}

/* What the configuration has root's processes do with paths of its own. */
static int is_configured(const char *program, const char *path)
{
    static const struct {
        const char *word;
        int below; /* or the folder alone */
        int httpd; /* httpd's own doing, so nobody else's */
        const char *why;
    } rows[] = {
        {"DocumentRoot", 0, 1, "reading that line, it looks for a folder"},
        {"PassengerInstanceRegistryDir", 1, 0, "the administrator's"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((!rows[i].httpd || strcmp(program, TEST_HTTPD) == 0)
            && (names(httpd_parts_conf(), rows[i].word, path, rows[i].below)
                || names(test_format("%s/vhost.conf", test_dir()), rows[i].word,
                         path, rows[i].below))) {
            return 1;
        }
    }
    return 0;
}

/* Folders that are not a tenant's, whatever they are called and whoever owns
 * them. */
static int is_exempt(const char *path)
{
    static char run_dir[PATH_MAX];
    const struct {
        const char *folder, *why;
    } rows[] = {
        {run_dir, "DefaultRuntimeDir: httpd's own files, the instance dir"},
        {test_product_dir, "what is tested is root's, once installed"},
        {test_loader_dir, "likewise"},
    };

    if (!run_dir[0]) {
        snprintf(run_dir, sizeof(run_dir), "%s/run", test_dir());
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (below(path, rows[i].folder)) {
            return !strstr(path, "/..");
        }
    }
    return 0;
}

__attribute__((format(printf, 1, 2))) static const char *
because(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    return reason;
}

/* By name: below a folder of the test's, or that folder. */
static const char *judge_name(const char *path, int is_folder)
{
    const char *rest = below(path, test_dir());

    if (rest && *rest && (is_folder || strchr(rest + 1, '/'))) {
        return because("'%s' stands for a tenant's", path);
    }
    return NULL;
}

static const char *walk(const char *path, int links);

static const char *walk_link(const char *link, int links)
{
    char target[PATH_MAX], full[2 * PATH_MAX];
    ssize_t len = readlink(link, target, sizeof(target) - 1);

    if (len < 0 || links == LINKS_MAX) {
        return NULL; /* the kernel gives up, too */
    }
    target[len] = '\0';
    snprintf(full, sizeof(full), "%.*s/%s", (int)(strrchr(link, '/') - link),
             link, target);
    return walk(target[0] == '/' ? target : full, links + 1);
}

/* One step of the way: what it is, and who may replace what is in it. *done: the
 * way ends there. */
static const char *judge_step(const char *path, int links, int *done)
{
    struct stat info;
    const char *theirs;

    if (lstat(path, &info) != 0) {
        *done = 1;
        return judge_name(path, 0);
    }
    theirs = judge_name(path, S_ISDIR(info.st_mode));
    if (theirs) {
        return theirs;
    }
    if (info.st_uid != 0) {
        return because("'%s' belongs to uid %u", path, info.st_uid);
    }
    if (S_ISLNK(info.st_mode)) {
        return walk_link(path, links);
    }
    if (!S_ISDIR(info.st_mode) || (info.st_mode & S_ISVTX)) {
        return NULL;
    }
    if (info.st_mode & S_IWOTH) {
        return because("everybody may write to '%s'", path);
    }
    return (info.st_mode & S_IWGRP) && info.st_gid != 0
               ? because("gid %u may write to '%s'", info.st_gid, path)
               : NULL;
}

/* Every folder and link on the way, and its end. */
static const char *walk(const char *path, int links)
{
    char step[2 * PATH_MAX];
    size_t len = strlen(path), end = 0;
    int done = 0;

    while (len > 0 && path[len - 1] == '/') {
        len--;
    }
    if (len >= sizeof(step) || is_exempt(path)) {
        return NULL;
    }
    memcpy(step, path, len);
    while (end < len && !done) {
        const char *theirs;

        end += strspn(path + end, "/");
        end += strcspn(path + end, "/");
        step[end] = '\0';
        theirs = judge_step(step, links, &done);
        if (theirs) {
            return theirs;
        }
        step[end] = path[end];
    }
    return NULL;
}

/* Where the way really leads is judged as well: "run/../www". What is in /proc
 * is the kernel's, whoever the process belongs to; not what its links lead to. */
const char *path_judge(const char *program, const char *path)
{
    char real[PATH_MAX];
    const char *theirs = NULL;

    if (!below(path, "/proc")) {
        theirs = walk(path, 0);
    }
    if (!theirs && realpath(path, real) && !below(real, "/proc")
        && strcmp(real, path) != 0) {
        theirs = walk(real, 0);
    }
    return theirs && is_configured(program, path) ? NULL : theirs;
}
