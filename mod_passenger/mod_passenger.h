/* SPDX-License-Identifier: Apache-2.0 */

/* What the files of the module share: the module record, the state of this
 * httpd child, and what is known of a request that an app will answer. */
#ifndef MOD_PASSENGER_H
#define MOD_PASSENGER_H

#include <httpd.h>
#include <http_config.h>

#include "dir_config.h"
#include "options.h"
#include "scoreboard.h"
#include "request_slot.h"
#include "app_type.h"

#define PSG_HANDLER "passenger-handler"

/* Exactly one symbol of the module is visible; all others are hidden by
 * -fvisibility=hidden, since httpd loads modules into one name space. */
extern __attribute__((visibility("default"))) module passenger_module;

#define psg_request_config(r)                                            \
    ((const psg_dir_config_t *)ap_get_module_config((r)->per_dir_config, \
                                                    &passenger_module))

/* An app as app_lookup found it. Strings live in the request's pool or longer. */
typedef struct {
    const char *root;           /* absolute, no slash at the end */
    const char *base_uri;       /* "" for the root of the server */
    const char *startup_file;   /* NULL for a start command */
    const psg_app_type_t *type; /* NULL for a start command */
    apr_uid_t owner;            /* of the startup file, or the root */
    apr_gid_t owner_gid;
} psg_app_t;

/* request_config: set by request_map for requests an app answers. */
typedef struct {
    psg_app_t app;
    const psg_options_t *options;
    uint32_t sticky_wish;   /* the process its cookie names, see sticky.h */
    uint32_t sticky_id;     /* the one that answers; 0 = no sticky sessions */
    int wants_rest;         /* its process asks for time without requests */
    const apr_table_t *env; /* what SetEnv and PassEnv set, or NULL */
} psg_request_t;

#define psg_request_get(r)                                      \
    ((psg_request_t *)ap_get_module_config((r)->request_config, \
                                           &passenger_module))

/* This httpd child; made at child_init, read by all threads. */
typedef struct {
    psg_scoreboard_t *sb;
    psg_slot_pool_t *slots;
    uint32_t row;             /* in sb->children */
    const char *instance_dir; /* sockets: agent.sock, apps/INDEX.GENERATION */
    apr_pool_t *pool;         /* child pool; not for use after child_init */
} psg_httpd_child_t;

/* NULL if the agent could not be started or the child could not attach. */
extern psg_httpd_child_t *psg_child;

#endif
