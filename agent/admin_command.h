/* SPDX-License-Identifier: Apache-2.0 */

/* Does what the admin socket was asked for, as far as the peer may. An app of
 * another user does not exist for him: what he may not, and what is not there,
 * have the same answer. */
#ifndef ADMIN_COMMAND_H
#define ADMIN_COMMAND_H

#include <jansson.h>

#include "admin_request.h"
#include "app_group.h"

/* The answer; NULL if there is no memory. The caller owns it. */
json_t *admin_command_run(core_t *core, const admin_request_t *request,
                          uid_t peer);

/* {"ok":false,...} */
json_t *admin_command_refuse(const char *error, const char *message);

/* Whether peer may see the group. */
int admin_command_may_see(const app_group_t *group, uid_t peer);

/* Text of which not every byte may be UTF-8. */
json_t *admin_command_text(const char *text, apr_pool_t *pool);

#endif
