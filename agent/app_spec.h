/* SPDX-License-Identifier: Apache-2.0 */

/* What an app is: its folder, how it is started, as whom, with which options.
 * Made from a GROUP message, or from its copy on the scoreboard by a new core.
 * Records; app_pool makes them, app_group and spawner read them. */
#ifndef APP_SPEC_H
#define APP_SPEC_H

#include <stddef.h>

#include "app_type.h"
#include "core.h"
#include "privileges.h"
#include "wire.h"

typedef struct {
    const char *root, *base_uri; /* base_uri: "" for the root of the server */
    const char *startup_file;    /* "" if there is a command */
    const char *command;         /* PassengerAppStartCommand, or NULL */
    const psg_app_type_t *type;  /* NULL if there is a command */
    const char *interpreter; /* for messages, too: "/bin/sh" for a command */
    identity_e identity;
    const char *user, *group; /* as configured, or "" */
    uint32_t owner, owner_gid;
    const psg_options_t *options;

    /* Apps with the same key share processes. `place` is the part of it that
     * says which app it is for a user: the rest is how it is run. */
    const char *key, *place;
    const char *stored; /* what a later core needs; bytes */
    size_t stored_len;
} app_spec_t;

/* Everything is copied to pool. Hostile input is expected; on APR_EINVAL
 * *problem says what is wrong. */
apr_status_t app_spec_make(app_spec_t **spec, const char **problem,
                           const core_t *core, const psg_msg_group_t *msg,
                           apr_pool_t *pool);

/* The reverse of spec->stored. */
apr_status_t app_spec_restore(app_spec_t **spec, const char **problem,
                              const core_t *core, const char *stored,
                              size_t len, apr_pool_t *pool);

#endif
