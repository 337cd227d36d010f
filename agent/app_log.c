/* SPDX-License-Identifier: Apache-2.0 */

/* Called by launcher.c. The app writes there itself, so no slow or full disk of
 * a tenant holds anybody else up. */
#include "app_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Anything but a regular file could make the app wait for a reader. */
static int open_regular(const char *file)
{
    int fd = open(
        file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
        0640);
    struct stat info;

    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)
        || fcntl(fd, F_SETFL, O_APPEND) != 0) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

void app_log_open(const char *file)
{
    int fd = open_regular(file);

    if (fd < 0) {
        dprintf(STDERR_FILENO,
                "PassengerAppLogFile '%s' cannot be used: %s; output goes to "
                "httpd's log\n",
                file,
                errno == EINVAL ? "it is not a regular file" : strerror(errno));
        return;
    }
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    close(fd);
}
