/* SPDX-License-Identifier: Apache-2.0 */

/* Finds and asks instances. Called by agent_tool. */
#include "admin_client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <apr_strings.h>

#include "instance_dir.h"

enum {
    SECONDS = 15,
    READ_SIZE = 65536,
    GROW = 2 * READ_SIZE
};

/* Where httpd's DefaultRuntimeDir is on the usual systems. */
static const char *const usual_folders[] = {
    "/run/apache2",
    "/run/httpd",
    "/run/passenger-instreg",
    "/usr/local/apache2/logs",
    "/tmp",
};

/* The socket by way of the folder's descriptor: what was checked is what is
 * used, however long its path. */
static int connect_in(int folder)
{
    struct timeval patience = {.tv_sec = SECONDS};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path),
                   "/proc/self/fd/%d/" INSTANCE_DIR_ADMIN_SOCKET, folder);
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience))
            != 0
        || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience))
               != 0
        || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int is_trusted(int folder)
{
    struct stat info;

    return fstat(folder, &info) == 0
           && (info.st_uid == 0 || info.st_uid == geteuid())
           && !(info.st_mode & (S_IWGRP | S_IWOTH));
}

apr_status_t admin_client_open(admin_instance_t *instance, const char *path,
                               apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');
    int folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
        fd = -1;

    if (folder < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    if (is_trusted(folder)) {
        fd = connect_in(folder);
    }
    (void)close(folder);
    if (fd < 0) {
        return APR_ENOENT;
    }
    instance->path = apr_pstrdup(pool, path);
    instance->name = apr_pstrdup(pool, slash ? slash + 1 : path);
    instance->fd = fd;
    return APR_SUCCESS;
}

static void find_in(apr_array_header_t *found, const char *folder)
{
    const size_t prefix = sizeof(INSTANCE_DIR_PREFIX) - 1;
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        admin_instance_t instance;

        if (strncmp(entry->d_name, INSTANCE_DIR_PREFIX, prefix) == 0
            && admin_client_open(
                   &instance,
                   apr_pstrcat(found->pool, folder, "/", entry->d_name, NULL),
                   found->pool)
                   == APR_SUCCESS) {
            APR_ARRAY_PUSH(found, admin_instance_t) = instance;
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
}

apr_array_header_t *admin_client_find(apr_pool_t *pool)
{
    apr_array_header_t *found =
        apr_array_make(pool, 4, sizeof(admin_instance_t));
    const char *registry = getenv("PASSENGER_INSTANCE_REGISTRY_DIR");

    if (registry && registry[0]) {
        find_in(found, registry);
        return found;
    }
    for (size_t i = 0; i < sizeof(usual_folders) / sizeof(usual_folders[0]);
         i++) {
        find_in(found, usual_folders[i]);
    }
    return found;
}

static int send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

        if (sent < 0 && errno != EINTR) {
            return 0;
        }
        text += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
    return 1;
}

/* Reads up to a line's end; the caller frees it. NULL if it does not come. */
static char *read_line(int fd, size_t *len)
{
    size_t size = 0, used = 0;
    char *line = NULL;

    for (;;) {
        ssize_t got;

        if (size - used < READ_SIZE) {
            char *larger = realloc(line, size + GROW);

            if (!larger) {
                break;
            }
            line = larger;
            size += GROW;
        }
        got = recv(fd, line + used, READ_SIZE, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        if (line[used - 1] == '\n') {
            *len = used;
            return line;
        }
    }
    free(line);
    return NULL;
}

json_t *admin_client_ask(const admin_instance_t *instance,
                         const json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT), *line = NULL;
    json_t *answer = NULL;
    json_error_t error;
    size_t len = 0;

    if (text && send_all(instance->fd, text, strlen(text))
        && send_all(instance->fd, "\n", 1)) {
        line = read_line(instance->fd, &len);
    }
    if (line) {
        answer = json_loadb(line, len, 0, &error);
    }
    free(line);
    free(text);
    if (answer && !json_is_object(answer)) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}
