/* SPDX-License-Identifier: Apache-2.0 */

/* Whether a path is one that a tenant controls: where a process with root's
 * rights has no business. root_trace.c asks. */
#ifndef PATH_JUDGE_H
#define PATH_JUDGE_H

/* Why `program` (its path), being root, may not ask the kernel for `path`
 * (absolute); NULL if it may. Memory is the function's, until the next call. */
const char *path_judge(const char *program, const char *path);

#endif
