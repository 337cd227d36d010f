/* SPDX-License-Identifier: Apache-2.0 */

/* restart.txt as one number, and what a change of it means. Pure; used by the
 * watcher, which looks at the file. */
#ifndef RESTART_STAMP_H
#define RESTART_STAMP_H

#include <stdint.h>
#include <sys/stat.h>

#define RESTART_FILE_NAME "restart.txt"
#define RESTART_FILE_ALWAYS_NAME "always_restart.txt"

/* What was seen of a restart.txt: one of these, or the time it was changed. */
enum {
    RESTART_STAMP_UNSEEN = 0, /* nobody looked yet */
    RESTART_STAMP_ABSENT = 1,
};

/* Of a file that is there (info), or not (NULL). Never UNSEEN. */
uint64_t restart_stamp_of(const struct stat *info);

/* Whether going from one to the other is a wish to restart: the file appeared,
 * or has another time, be it an earlier one. What was there when somebody looked
 * for the first time is none, nor is the end of a file. */
int restart_stamp_is_wish(uint64_t before, uint64_t now);

#endif
