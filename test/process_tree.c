/* SPDX-License-Identifier: Apache-2.0 */

/* See process_tree.h. httpd_server.c and tests call it. */
#include "process_tree.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "test.h"

/* The second field, a name in brackets, may contain anything, so look behind
 * its last ')'. Nothing is allocated: conditions are asked hundreds of times. */
pid_t process_parent(pid_t pid)
{
    char path[64], line[512], state = 0;
    int parent = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file) {
        return 0;
    }
    if (fgets(line, sizeof(line), file) && strrchr(line, ')')
        && sscanf(strrchr(line, ')') + 1, " %c %d", &state, &parent) != 2) {
        parent = 0;
    }
    fclose(file);
    return state == 'Z' || state == 'X' ? 0 : parent;
}

int process_is_below(pid_t pid, pid_t root)
{
    int depth;

    for (depth = 0; depth < 64 && pid > 1; depth++) {
        pid = process_parent(pid);
        if (pid == root) {
            return 1;
        }
    }
    return 0;
}

/* Arguments are separated by NULs, where strings would end. */
static const char *command_line(pid_t pid)
{
    const char *path = test_format("/proc/%d/cmdline", (int)pid);
    char *text = apr_pcalloc(test_pool(), 4096);
    FILE *file = fopen(path, "re");
    size_t i, len = 0;

    if (file) {
        len = fread(text, 1, 4095, file);
        fclose(file);
    }
    for (i = 0; i + 1 < len; i++) {
        text[i] = text[i] == 0 ? ' ' : text[i];
    }
    return text;
}

static int compare(const void *left, const void *right)
{
    return *(const pid_t *)left - *(const pid_t *)right;
}

int process_find_all(pid_t root, const char *text, pid_t *pids, int size)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int count = 0;

    while (proc && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 1 && count < size && process_is_below(pid, root)
            && strstr(command_line(pid), text)) {
            pids[count++] = pid;
        }
    }
    if (proc) {
        closedir(proc);
    }
    qsort(pids, (size_t)count, sizeof(*pids), compare);
    return count;
}

pid_t process_find(pid_t root, const char *text)
{
    pid_t pids[64];

    return process_find_all(root, text, pids, 64) > 0 ? pids[0] : 0;
}

int process_is_alive(pid_t pid)
{
    return process_parent(pid) != 0;
}

/* The inode of the socket that listens on the port; 0 if there is none. */
static unsigned long listening_inode(const char *table, unsigned port)
{
    FILE *file = fopen(table, "re");
    unsigned long inode, found = 0;
    unsigned local, state;
    char line[512];

    while (file && found == 0 && fgets(line, sizeof(line), file)) {
        if (sscanf(line, " %*d: %*[0-9A-F]:%x %*s %x %*s %*s %*s %*d %*d %lu",
                   &local, &state, &inode)
                == 3
            && local == port && state == 10 /* TCP_LISTEN */) {
            found = inode;
        }
    }
    if (file) {
        fclose(file);
    }
    return found;
}

int process_listens(pid_t pid, int port)
{
    char path[64], wanted[64], target[64];
    unsigned long inode = listening_inode("/proc/net/tcp", (unsigned)port);
    DIR *fds;
    struct dirent *entry;
    int found = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    fds = opendir(path);
    while (fds && !found && (entry = readdir(fds)) != NULL) {
        ssize_t len =
            readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

        target[len < 0 ? 0 : len] = '\0';
        found = inode != 0 && strcmp(target, wanted) == 0;
    }
    if (fds) {
        closedir(fds);
    }
    return found;
}

long process_status(pid_t pid, const char *name)
{
    const char *status = test_read(test_format("/proc/%d/status", (int)pid));
    const char *line = strstr(status, test_format("\n%s:", name));

    return line ? strtol(line + strlen(name) + 2, NULL, 10) : -1;
}

/* Our parent is the test's supervisor, a subreaper: orphans become its. */
const char *process_orphans(void)
{
    DIR *proc = opendir("/proc");
    const char *list = "";
    struct dirent *entry;

    while (proc && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 1 && pid != getpid() && process_parent(pid) == getppid()) {
            list = apr_psprintf(test_pool(), "%s%d %s\n", list, (int)pid,
                                command_line(pid));
        }
    }
    if (proc) {
        closedir(proc);
    }
    return list;
}
