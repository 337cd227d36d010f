/* SPDX-License-Identifier: Apache-2.0 */

/* See process_size.h: read from /proc. survival.c and long tests call it. */
#include "process_size.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

static int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;

    while (folder && readdir(folder)) {
        count++;
    }
    if (folder) {
        closedir(folder);
    }
    return count > 2 ? count - 2 : 0; /* without . and .. */
}

/* Read here and not by test_read(), which keeps what it reads: long tests call
 * this each second. */
static size_t read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t len = 0;

    if (file) {
        len = fread(text, 1, size - 1, file);
        fclose(file);
    }
    text[len] = 0;
    return len;
}

/* Fields 14 and 15, in ticks; the name in the second may hold anything. */
static double cpu_of(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    const char *rest;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    read_file(path, text, sizeof(text));
    rest = strrchr(text, ')');
    if (rest) {
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
               &user, &system);
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* KiB of the line of that name; 0 if there is none. */
static long kib_of(const char *text, const char *name)
{
    const char *line = strstr(text, name);

    return line ? strtol(line + strlen(name), NULL, 10) : 0;
}

process_size_t process_size(pid_t pid)
{
    process_size_t size = {.cpu = cpu_of(pid)};
    char path[64], text[4096];

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    read_file(path, text, sizeof(text));
    size.pss = kib_of(text, "\nPss:");
    size.full = kib_of(text, "\nAnonymous:") + kib_of(text, "\nPss_Shmem:");
    size.anon = kib_of(text, "\nPss_Anon:") + kib_of(text, "\nPss_Shmem:");
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    size.fds = count_entries(path);
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    size.threads = count_entries(path);
    return size;
}
