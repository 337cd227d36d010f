/* SPDX-License-Identifier: Apache-2.0 */

/* Unnamed temporary files. Called by request_body.c and response_buffer.c. */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <apr_portable.h>
#include <apr_strings.h>

/* APR finds the folder by making files in it, so it is asked once. */
static apr_status_t temp_folder(const char **folder, apr_pool_t *pool)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char known[APR_PATH_MAX];
    apr_status_t status = APR_SUCCESS;
    const char *found;

    pthread_mutex_lock(&lock);
    if (known[0] == '\0') {
        status = apr_temp_dir_get(&found, pool);
        if (status == APR_SUCCESS) {
            apr_cpystrn(known, found, sizeof(known));
        }
    }
    pthread_mutex_unlock(&lock);
    *folder = known;
    return status;
}

/* An APR file made from a descriptor is never closed by its pool, and its
 * buckets could not take it along; a duplicate of it does both. */
static apr_status_t adopt_descriptor(apr_file_t **file, int fd,
                                     apr_pool_t *pool)
{
    apr_file_t *bare = NULL;
    apr_status_t status;

    status = apr_os_file_put(&bare, &fd,
                             APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_BINARY
                                 | APR_FOPEN_SENDFILE_ENABLED,
                             pool);
    if (status == APR_SUCCESS) {
        status = apr_file_dup(file, bare, pool);
    }
    close(fd);
    if (status == APR_SUCCESS) {
        /* APR's duplicates are inherited by programs that other modules start
         * without APR. */
        apr_os_file_get(&fd, *file);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return status;
}

/* Not every file system has O_TMPFILE. */
static apr_status_t open_named(apr_file_t **file, const char *folder,
                               apr_pool_t *pool)
{
    char *name = apr_pstrcat(pool, folder, "/passenger.XXXXXX", NULL);
    apr_status_t status = apr_file_mktemp(
        file, name,
        APR_FOPEN_CREATE | APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_EXCL
            | APR_FOPEN_BINARY | APR_FOPEN_SENDFILE_ENABLED,
        pool);

    if (status == APR_SUCCESS) {
        apr_file_remove(name, pool);
    }
    return status;
}

apr_status_t psg_spool_open(psg_spool_t *spool, const char *folder,
                            apr_pool_t *pool)
{
    apr_file_t *file = NULL;
    apr_status_t status = folder ? APR_SUCCESS : temp_folder(&folder, pool);
    int fd;

    if (status != APR_SUCCESS) {
        return status;
    }
    fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    status = fd >= 0 ? adopt_descriptor(&file, fd, pool)
                     : open_named(&file, folder, pool);
    if (status != APR_SUCCESS) {
        return status;
    }
    apr_os_file_get(&spool->fd, file);
    spool->file = file;
    spool->length = 0;
    return APR_SUCCESS;
}

apr_status_t psg_spool_append(psg_spool_t *spool, struct iovec *vec, int count)
{
    apr_off_t at = spool->length;

    while (count > 0) {
        ssize_t n = pwritev(spool->fd, vec, count, at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        at += n;
        while (count > 0 && (size_t)n >= vec->iov_len) {
            n -= (ssize_t)vec->iov_len;
            vec++;
            count--;
        }
        if (count > 0) {
            vec->iov_base = (char *)vec->iov_base + n;
            vec->iov_len -= (size_t)n;
        }
    }
    spool->length = at;
    return APR_SUCCESS;
}

/* Where the file system cannot do it, the space is kept for longer. */
void psg_spool_forget(psg_spool_t *spool, apr_off_t end)
{
    (void)!fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                     end);
}

void psg_spool_clear(psg_spool_t *spool)
{
    if (spool->file && spool->length > 0 && ftruncate(spool->fd, 0) == 0) {
        spool->length = 0;
    }
}
