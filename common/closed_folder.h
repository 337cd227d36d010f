/* SPDX-License-Identifier: Apache-2.0 */

/* Which folder keeps this process from a file. */
#ifndef PSG_CLOSED_FOLDER_H
#define PSG_CLOSED_FOLDER_H

#include <apr_pools.h>

/* The first folder on the way to path that may not be entered, or NULL; in pool.
 * Judged by access(2), so by the real user of the process. */
const char *psg_closed_folder(const char *path, apr_pool_t *pool);

#endif
