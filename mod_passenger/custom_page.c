/* SPDX-License-Identifier: Apache-2.0 */

/* Reads the page an app has for the times when it does not start. Called by
 * error_page.c. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custom_page.h"

#include <apr_strings.h>
#include <http_log.h>

#include "log.h"

APLOG_USE_MODULE(passenger);

/* Links may lead anywhere httpd can read, so only the owner of what was opened
 * says whose it is. root's files are for pages of the whole server, which only
 * the administrator can name (see dir_config.c); but a tenant may have put a
 * link there, so everybody must be allowed to read them. */
static const char *objection(const struct stat *info,
                             const psg_request_t *request)
{
    int is_everybodys = request->options->custom_error_page[0] == '/'
                        && info->st_uid == 0 && info->st_mode & S_IROTH;

    if (!S_ISREG(info->st_mode)) {
        return "it is no regular file";
    }
    if (info->st_uid != request->app.owner && !is_everybodys) {
        return "it belongs neither to the owner of the app nor, given by an "
               "absolute path and readable for everybody, to root";
    }
    if (info->st_size > PSG_CUSTOM_PAGE_MAX) {
        return "it is larger than 64 KiB";
    }
    return NULL;
}

/* Returns how many bytes were read, or -1. */
static ssize_t read_all(int fd, char *page, size_t size)
{
    size_t len = 0;
    ssize_t n;

    do {
        n = read(fd, page + len, size - len);
        len += n > 0 ? (size_t)n : 0;
    } while (len < size && (n > 0 || (n < 0 && errno == EINTR)));
    return n < 0 ? -1 : (ssize_t)len;
}

static const char *read_file(request_rec *r, const psg_request_t *request,
                             int fd, size_t *len, const char **problem)
{
    struct stat info;
    char *page;
    ssize_t n;

    if (fstat(fd, &info) != 0) {
        *problem = "it cannot be looked at";
        return NULL;
    }
    *problem = objection(&info, request);
    if (*problem) {
        return NULL;
    }
    page = apr_palloc(r->pool, PSG_CUSTOM_PAGE_MAX);
    n = read_all(fd, page, PSG_CUSTOM_PAGE_MAX);
    if (n <= 0) {
        *problem = n < 0 ? "it cannot be read" : "it is empty";
        return NULL;
    }
    *len = (size_t)n;
    return page;
}

const char *psg_custom_page_read(request_rec *r, const psg_request_t *request,
                                 size_t *len)
{
    static uint64_t next_line;
    const char *path = request->options->custom_error_page;
    const char *page = NULL, *problem = NULL;
    char reason[120];
    int fd;

    if (!path) {
        return NULL;
    }
    if (path[0] != '/') {
        path = apr_pstrcat(r->pool, request->app.root, "/", path, NULL);
    }
    /* Not to wait for the other end of a pipe. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        problem = apr_strerror(errno, reason, sizeof(reason));
    }
    else {
        page = read_file(r, request, fd, len, &problem);
        close(fd);
    }
    if (!page && psg_log_is_due(&next_line)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "PSG0124: app '%s': its PassengerCustomErrorPage '%s' "
                      "cannot be shown: %s; the usual page is",
                      request->app.root, path, problem);
    }
    return page;
}
