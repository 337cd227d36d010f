/* SPDX-License-Identifier: Apache-2.0 */

/* Finds processes by descent and command line, for tests that look at them or
 * kill them. */
#ifndef PROCESS_TREE_H
#define PROCESS_TREE_H

#include <sys/types.h>

/* Descendants of root whose command line contains text (arguments separated by
 * spaces); at most `size` pids are stored, ordered by pid. Returns the number. */
int process_find_all(pid_t root, const char *text, pid_t *pids, int size);
/* The only or first one; 0 if there is none. */
pid_t process_find(pid_t root, const char *text);

/* The parent of pid; 0 if pid is gone or a zombie. */
pid_t process_parent(pid_t pid);
/* Whether root is its parent, or the parent of that, and so on. */
int process_is_below(pid_t pid, pid_t root);
/* Whether pid exists and is not a zombie. */
int process_is_alive(pid_t pid);

/* Whether pid has the socket open that listens on this TCP port; 0 if its
 * descriptors may not be seen. */
int process_listens(pid_t pid, int port);

/* A number from the line "NAME:" of /proc/PID/status, e.g. "Uid"; -1. */
long process_status(pid_t pid, const char *name);

/* What the test started that has lost its parent, one a line; "" if nothing. */
const char *process_orphans(void);

#endif
