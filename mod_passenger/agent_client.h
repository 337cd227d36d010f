/* SPDX-License-Identifier: Apache-2.0 */

/* This child's connection to the agent's core: asks for groups and tells what
 * the core should know. All calls are thread-safe; none waits longer than said.
 * A core that is being restarted is waited for, within the deadline. */
#ifndef PSG_AGENT_CLIENT_H
#define PSG_AGENT_CLIENT_H

#include "mod_passenger.h"

apr_status_t psg_agent_client_init(psg_httpd_child_t *child);

/* Finds the group of an app: from the cache of this child, else by asking the
 * core, waiting in `slot`. A group that is GONE is asked for again after
 * psg_agent_forget_group(). APR_TIMEUP: no answer before the deadline.
 * APR_EINVAL: refused, see the slot's refusal. APR_ENOSPC: the app's options are
 * too long (logged). */
apr_status_t psg_agent_find_group(request_rec *r, const psg_request_t *req,
                                  uint32_t slot, uint64_t deadline,
                                  uint32_t *group, uint32_t *generation);
void psg_agent_forget_group(uint32_t group, uint32_t generation);

/* Messages without an answer. What cannot be sent at once is dropped: the core
 * finds out by itself, only later. */
void psg_agent_tell_waiters(uint32_t group, uint32_t generation);
void psg_agent_tell_warm(uint32_t group, uint32_t generation);
void psg_agent_tell_drained(uint32_t process, uint32_t generation);
void psg_agent_tell_resting(uint32_t process, uint32_t generation);
void psg_agent_tell_exhausted(uint32_t process, uint32_t generation);
void psg_agent_tell_suspect(uint32_t process, uint32_t generation,
                            const char *reason);

/* Called while a request waits in a queue: notices that the core is new and
 * introduces this child to it. */
void psg_agent_check(void);

#endif
