/* SPDX-License-Identifier: Apache-2.0 */

/* Searches in the order of interpreter_places.def. Called by interpreter.c in
 * the child that is about to become the app. */
#include "interpreter_search.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_lib.h>
#include <apr_strings.h>

enum {
    FILE_MAX = 4096, /* bytes of a version file that are read */
    VERSION_MAX = 64,
    ALIASES_MAX = 5, /* of nvm: default -> lts/x -> v20.1.0 */
};

static const struct {
    const char *name, *file, *key;
} version_files[] = {
#define VERSION_FILE(name, file, key) {name, file, key},
#define GLOBAL_FILE(name, file)
#define PLACE(name, pattern)
#include "interpreter_places.def"
};

static const struct {
    const char *name, *file;
} global_files[] = {
#define VERSION_FILE(name, file, key)
#define GLOBAL_FILE(name, file) {name, file},
#define PLACE(name, pattern)
#include "interpreter_places.def"
};

static const struct {
    const char *name, *pattern;
} places[] = {
#define VERSION_FILE(name, file, key)
#define GLOBAL_FILE(name, file)
#define PLACE(name, pattern) {name, pattern},
#include "interpreter_places.def"
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What a search has at hand. */
typedef struct {
    interpreter_search_t *found;
    const char *name, *home;
    apr_pool_t *pool;
} context_t;

/* One thing that was asked for and is not there. */
static void note_miss(context_t *context, const char *what)
{
    const char *before = context->found->tried;

    context->found->tried =
        apr_pstrcat(context->pool, before, before[0] ? "; " : "", what, NULL);
}

static int is_program(const char *file)
{
    return access(file, X_OK) == 0;
}

/* The beginning of a file, or NULL. It may be a FIFO: so nothing blocks. */
static char *read_start(const char *file, apr_pool_t *pool)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char *text = apr_palloc(pool, FILE_MAX + 1);
    ssize_t n = fd < 0 ? -1 : read(fd, text, FILE_MAX);

    if (fd >= 0) {
        close(fd);
    }
    if (n < 0) {
        return NULL;
    }
    text[n] = '\0';
    return text;
}

/* A version becomes a part of a path, so it must be no more than that. */
static int is_version(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= VERSION_MAX && text[0] != '.'
           && strspn(text,
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                     "0123456789._+-")
                  == len;
}

/* "ruby-3.1.2" and "v20" are written for "3.1.2" and "20". */
static const char *without_prefix(const char *text)
{
    if (strncmp(text, "ruby-", 5) == 0) {
        return text + 5;
    }
    return text[0] == 'v' && apr_isdigit(text[1]) ? text + 1 : text;
}

/* The version that a file's text names: on the line of key, or on the first
 * line that is not a comment. */
static const char *version_in(char *text, const char *key)
{
    char *last = NULL;
    char *line = apr_strtok(text, "\r\n", &last);

    for (; line; line = apr_strtok(NULL, "\r\n", &last)) {
        char *rest = NULL;
        const char *word = apr_strtok(line, " \t", &rest);

        if (!word || word[0] == '#') {
            continue;
        }
        if (!key) {
            return without_prefix(word);
        }
        if (strcmp(word, key) == 0) {
            word = apr_strtok(NULL, " \t", &rest);
            return word ? without_prefix(word) : NULL;
        }
    }
    return NULL;
}

/* nvm has names for versions, each in a file. */
static const char *resolve_alias(const context_t *context, const char *version)
{
    for (int i = 0; i < ALIASES_MAX && !is_version(version); i++) {
        const char *file = apr_pstrcat(context->pool, context->home,
                                       "/.nvm/alias/", version, NULL);
        char *text =
            strstr(version, "..") ? NULL : read_start(file, context->pool);
        const char *next = text ? version_in(text, NULL) : NULL;

        if (!next) {
            return NULL;
        }
        version = next;
    }
    return is_version(version) ? version : NULL;
}

/* Compares the numbers of two versions; what is no number counts as text. */
static int compare_versions(const char *a, const char *b)
{
    while (*a && *b) {
        if (apr_isdigit(*a) && apr_isdigit(*b)) {
            char *end_a, *end_b;
            long x = strtol(a, &end_a, 10), y = strtol(b, &end_b, 10);

            if (x != y) {
                return x < y ? -1 : 1;
            }
            a = end_a;
            b = end_b;
        }
        else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        }
        else {
            a++;
            b++;
        }
    }
    return *a ? 1 : *b ? -1 : 0;
}

/* Who writes "20" or "3.1" means the newest of these that is installed. */
static const char *newest_like(const char *folder, const char *before,
                               const char *version, apr_pool_t *pool)
{
    DIR *dir = opendir(folder);
    const char *wanted = apr_pstrcat(pool, before, version, ".", NULL);
    const char *best = NULL;
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        const char *rest = entry->d_name + strlen(before);

        if (strncmp(entry->d_name, wanted, strlen(wanted)) == 0
            && is_version(rest)
            && (!best || compare_versions(rest, best) > 0)) {
            best = apr_pstrdup(pool, rest);
        }
    }
    if (dir) {
        closedir(dir);
    }
    return best;
}

/* The program of that version in one place, or of the newest one like it; else
 * NULL, with *looked_for. */
static const char *in_place(const char **looked_for, const context_t *context,
                            const char *pattern, const char *version)
{
    apr_pool_t *pool = context->pool;
    const char *mark = strchr(pattern, '%');
    const char *start = apr_psprintf(pool, "%s/%.*s", context->home,
                                     (int)(mark - pattern), pattern);
    const char *file = apr_pstrcat(pool, start, version, mark + 1, NULL);
    const char *slash = strrchr(start, '/');
    const char *newest;

    if (is_program(file)) {
        return file;
    }
    *looked_for = file;
    newest = newest_like(apr_pstrmemdup(pool, start, (size_t)(slash - start)),
                         slash + 1, version, pool);
    if (newest) {
        file = apr_pstrcat(pool, start, newest, mark + 1, NULL);
        if (is_program(file)) {
            return file;
        }
    }
    return NULL;
}

/* Looks for that version in all places. On failure *missed lists them. */
static const char *in_places(const char **missed, const context_t *context,
                             const char *version)
{
    *missed = "";
    for (size_t i = 0; i < COUNT(places); i++) {
        const char *file, *looked_for;

        if (strcmp(places[i].name, context->name) != 0) {
            continue;
        }
        file = in_place(&looked_for, context, places[i].pattern, version);
        if (file) {
            return file;
        }
        *missed = apr_pstrcat(context->pool, *missed, *missed[0] ? ", " : "",
                              looked_for, NULL);
    }
    return NULL;
}

/* Whether the version that `source` asks for is installed. */
static int find_version(context_t *context, const char *wish,
                        const char *source)
{
    const char *version, *missed = "what it means is not known";

    if (strcmp(wish, "system") == 0) {
        context->found->why =
            apr_psprintf(context->pool, "'%s' asks for the system's", source);
        return 1;
    }
    if (context->home[0] == '\0') {
        return 0;
    }
    version = resolve_alias(context, wish);
    if (version) {
        context->found->file = in_places(&missed, context, version);
    }
    if (context->found->file) {
        context->found->why = apr_psprintf(
            context->pool, "'%s' asks for version %s", source, version);
        return 1;
    }
    note_miss(context,
              apr_psprintf(context->pool, "'%s' asks for version %s, %s%s",
                           source, wish, version ? "which is not at " : "",
                           missed));
    return 0;
}

static int find_by_files_in(context_t *context, const char *folder)
{
    for (size_t i = 0; i < COUNT(version_files); i++) {
        const char *file, *version;
        char *text;

        if (strcmp(version_files[i].name, context->name) != 0) {
            continue;
        }
        file = apr_pstrcat(context->pool, folder, "/", version_files[i].file,
                           NULL);
        text = read_start(file, context->pool);
        version = text ? version_in(text, version_files[i].key) : NULL;
        if (version && find_version(context, version, file)) {
            return 1;
        }
    }
    return 0;
}

static int is_inside(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return len > 1 && strncmp(path, folder, len) == 0
           && (path[len] == '/' || path[len] == '\0');
}

/* Version files hold for all below them: from the app's folder up to the
 * user's home, the nearest one counts. */
static int find_by_files(context_t *context, const char *app_root)
{
    char *folder = apr_pstrdup(context->pool, app_root);

    for (;;) {
        char *slash = strrchr(folder, '/');

        if (find_by_files_in(context, folder)) {
            return 1;
        }
        if (!slash || slash == folder) {
            return 0;
        }
        *slash = '\0';
        if (!is_inside(folder, context->home)) {
            return 0;
        }
    }
}

static int find_by_global_files(context_t *context)
{
    for (size_t i = 0; i < COUNT(global_files); i++) {
        const char *file, *version;
        char *text;

        if (strcmp(global_files[i].name, context->name) != 0) {
            continue;
        }
        file = apr_pstrcat(context->pool, context->home, "/",
                           global_files[i].file, NULL);
        text = context->home[0] ? read_start(file, context->pool) : NULL;
        version = text ? version_in(text, NULL) : NULL;
        if (version && find_version(context, version, file)) {
            return 1;
        }
    }
    return 0;
}

/* A folder with pyvenv.cfg and a Python in it. */
static int find_virtualenv(context_t *context, const char *app_root)
{
    static const char *const folders[] = {"/.venv", "/venv", ""};
    apr_pool_t *pool = context->pool;

    for (size_t i = 0; i < COUNT(folders); i++) {
        const char *folder = apr_pstrcat(pool, app_root, folders[i], NULL);
        const char *mark = apr_pstrcat(pool, folder, "/pyvenv.cfg", NULL);
        const char *file = apr_pstrcat(pool, folder, "/bin/python", NULL);

        if (access(mark, F_OK) != 0) {
            continue;
        }
        if (is_program(file)) {
            context->found->file = file;
            context->found->why =
                apr_psprintf(pool, "'%s' is a virtual environment", folder);
            return 1;
        }
        note_miss(context, apr_psprintf(pool,
                                        "'%s' is a virtual environment, but "
                                        "'%s' cannot be run",
                                        folder, file));
    }
    return 0;
}

void interpreter_search(interpreter_search_t *search, const char *name,
                        const char *app_root, const char *home,
                        apr_pool_t *pool)
{
    context_t context = {
        .found = search, .name = name, .home = home, .pool = pool};

    *search = (interpreter_search_t){.file = NULL, .why = "", .tried = ""};
    if (strcmp(name, "python3") == 0 && find_virtualenv(&context, app_root)) {
        return;
    }
    if (!find_by_files(&context, app_root)) {
        (void)find_by_global_files(&context);
    }
}
