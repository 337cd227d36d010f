/* SPDX-License-Identifier: Apache-2.0 */

/* Unnamed temporary files, for bodies that are too large to be kept in memory.
 * They vanish with their last descriptor, whatever becomes of this process. */
#ifndef PSG_SPOOL_H
#define PSG_SPOOL_H

#include <sys/uio.h>

#include <apr_file_io.h>
#include <apr_pools.h>

typedef struct {
    apr_file_t *file; /* NULL: not open */
    int fd; /* the same; invalid once a bucket of file was passed on */
    apr_off_t length;
} psg_spool_t;

/* Opens a file in folder, or in the system's folder for such files if that is
 * NULL; it is closed with pool. */
apr_status_t psg_spool_open(psg_spool_t *spool, const char *folder,
                            apr_pool_t *pool);

/* Appends all of vec (which is changed), or nothing. */
apr_status_t psg_spool_append(psg_spool_t *spool, struct iovec *vec, int count);

/* Gives the space of the first `end` bytes back, which are read no more. */
void psg_spool_forget(psg_spool_t *spool, apr_off_t end);

/* Makes it empty. */
void psg_spool_clear(psg_spool_t *spool);

#endif
