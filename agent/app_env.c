/* SPDX-License-Identifier: Apache-2.0 */

/* Called by spawner.c (SetEnv, PassengerEnvVar) and launcher.c (the file). */
#include "app_env.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>

enum {
    FILE_MAX = 64 * 1024
};

static const char *const reserved[] = {
    "PASSENGER_", "IN_PASSENGER=", "LISTEN_", "HOME=", "USER=",
    "LOGNAME=",   "SHELL=",        "PWD=",    "PORT=",
};

const char *app_env_value(const char *const *env, const char *name)
{
    size_t len = strlen(name);

    for (; *env; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=') {
            return *env + len + 1;
        }
    }
    return NULL;
}

int app_env_is_reserved(const char *variable)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strncmp(variable, reserved[i], strlen(reserved[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

static void set(apr_array_header_t *env, const char *variable)
{
    size_t len = strcspn(variable, "=") + 1;

    for (int i = 0; i < env->nelts; i++) {
        if (strncmp(APR_ARRAY_IDX(env, i, const char *), variable, len) == 0) {
            APR_ARRAY_IDX(env, i, const char *) = variable;
            return;
        }
    }
    APR_ARRAY_PUSH(env, const char *) = variable;
}

void app_env_set_all(apr_array_header_t *env, const apr_array_header_t *added)
{
    for (int i = 0; added && i < added->nelts; i++) {
        const char *variable = APR_ARRAY_IDX(added, i, const char *);

        if (!app_env_is_reserved(variable)) {
            set(env, variable);
        }
    }
}

static int is_name(const char *text, size_t len)
{
    return len > 0 && (text[0] < '0' || text[0] > '9')
           && strspn(text,
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                     "0123456789_")
                  >= len;
}

/* Quotes around the whole value go; nothing inside means anything. */
static const char *unquoted(char *value)
{
    size_t len = strlen(value);

    while (len > 0 && strchr(" \t\r", value[len - 1])) {
        value[--len] = '\0';
    }
    if (len >= 2 && (value[0] == '"' || value[0] == '\'')
        && value[len - 1] == value[0]) {
        value[len - 1] = '\0';
        return value + 1;
    }
    return value;
}

/* NULL if the line is no variable; "" if it is empty or a comment. */
static const char *parse_line(char *line, apr_pool_t *pool)
{
    char *value;

    line += strspn(line, " \t\r");
    if (line[0] == '\0' || line[0] == '#') {
        return "";
    }
    if (strncmp(line, "export ", 7) == 0) {
        line += 7 + strspn(line + 7, " \t");
    }
    value = strchr(line, '=');
    if (!value || !is_name(line, (size_t)(value - line))) {
        return NULL;
    }
    *value++ = '\0';
    return apr_pstrcat(pool, line, "=", unquoted(value + strspn(value, " \t")),
                       NULL);
}

apr_array_header_t *app_env_parse(int *line, const char *text, apr_pool_t *pool)
{
    apr_array_header_t *found = apr_array_make(pool, 16, sizeof(const char *));

    for (*line = 1; *text; (*line)++) {
        size_t len = strcspn(text, "\n");
        const char *variable =
            parse_line(apr_pstrmemdup(pool, text, len), pool);

        if (!variable) {
            return NULL;
        }
        if (*variable) {
            APR_ARRAY_PUSH(found, const char *) = variable;
        }
        text += len + (text[len] == '\n');
    }
    return found;
}

/* Why the open file cannot count, or NULL. */
static const char *check_file(int fd)
{
    struct stat info;

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return "it is not a regular file";
    }
    if (info.st_uid != geteuid() && info.st_uid != 0) {
        return "it does not belong to the app's user";
    }
    if (info.st_mode & (S_IRWXG | S_IRWXO)) {
        return "others may read it: chmod 600";
    }
    return info.st_size > FILE_MAX ? "it is longer than 64 KiB" : NULL;
}

apr_array_header_t *app_env_read(const char **problem, const char *file,
                                 apr_pool_t *pool)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char *text = apr_palloc(pool, FILE_MAX + 1);
    apr_array_header_t *found;
    ssize_t len;
    int line;

    if (fd < 0) {
        *problem = apr_pstrdup(pool, strerror(errno));
        return NULL;
    }
    *problem = check_file(fd);
    len = *problem ? -1 : read(fd, text, FILE_MAX);
    close(fd);
    if (len < 0) {
        *problem = *problem ? *problem : "it cannot be read";
        return NULL;
    }
    text[len] = '\0';
    if (memchr(text, '\0', (size_t)len)) {
        *problem = "there is a NUL in it";
        return NULL;
    }
    found = app_env_parse(&line, text, pool);
    if (!found) {
        *problem = apr_psprintf(pool, "line %d is not KEY=value", line);
    }
    return found;
}
