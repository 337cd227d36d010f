/* SPDX-License-Identifier: Apache-2.0 */

/* Turns what a child asks for into an app: checks it, decides as whom it is to
 * run, makes the key by which processes are shared. Called by app_pool. */
#include "app_spec.h"

#include <string.h>

#include <apr_strings.h>

/* No path of a system is longer. */
enum {
    TEXT_MAX = 4096
};

/* Options a later core does not need: the module used them up, or they hold
 * for single requests. */
static const psg_option_e not_stored[] = {
    PSG_OPT_enabled, PSG_OPT_base_uri, PSG_OPT_app_root,
    PSG_OPT_max_request_time, PSG_OPT_max_request_queue_time};

/* A copy of bytes as a string, or NULL if they are none. */
static const char *text_of(psg_bytes_t bytes, apr_pool_t *pool)
{
    if (bytes.len > TEXT_MAX || memchr(bytes.data, '\0', bytes.len)) {
        return NULL;
    }
    return apr_pstrmemdup(pool, bytes.data, bytes.len);
}

static const char *check_texts(app_spec_t *spec, const psg_msg_group_t *msg,
                               apr_pool_t *pool)
{
    spec->root = text_of(msg->app_root, pool);
    spec->startup_file = text_of(msg->startup_file, pool);
    spec->base_uri = text_of(msg->base_uri, pool);
    if (!spec->root || spec->root[0] != '/') {
        return "the app root is not an absolute path";
    }
    if (!spec->startup_file) {
        return "the startup file is not a path";
    }
    if (!spec->base_uri || (spec->base_uri[0] && spec->base_uri[0] != '/')) {
        return "the base URI does not begin with a slash";
    }
    return NULL;
}

/* How it is started: by a command, or by an interpreter and a loader. */
static const char *check_type(app_spec_t *spec, const core_t *core,
                              const psg_msg_group_t *msg, apr_pool_t *pool)
{
    const char *name = text_of(msg->app_type, pool);
    const char *configured;

    spec->command = spec->options->app_start_command;
    if (spec->command && spec->command[0]) {
        spec->interpreter = "/bin/sh";
        return NULL;
    }
    spec->command = NULL;
    spec->type = name ? psg_app_type_find(name) : NULL;
    if (!spec->type) {
        return apr_psprintf(pool, "the app type is none of %s",
                            psg_app_type_names());
    }
    if (spec->startup_file[0] == '\0') {
        return "the startup file is missing";
    }
    configured = *(const char *const *)((const char *)spec->options
                                        + spec->type->interpreter);
    if (!configured
        && spec->type->interpreter == offsetof(psg_options_t, ruby)) {
        configured = core->options->default_ruby;
    }
    spec->interpreter =
        configured ? configured : spec->type->default_interpreter;
    return NULL;
}

/* As whom; whether that is allowed is the watchdog's to decide. */
static void set_identity(app_spec_t *spec, const core_t *core)
{
    const psg_options_t *options = spec->options;

    spec->user = spec->group = "";
    if (!core->can_switch_user) {
        spec->identity = IDENTITY_SELF;
    }
    else if (!core->options->user_switching) {
        spec->identity = IDENTITY_DEFAULT;
        spec->user = core->options->default_user;
    }
    else {
        spec->identity = options->user ? IDENTITY_NAMED : IDENTITY_OWNER;
        spec->user = options->user ? options->user : "";
        spec->group = options->group ? options->group : "";
    }
}

/* Line ends separate the parts, each with its length in front, so that no
 * choice of texts makes two apps one. */
static void set_key(app_spec_t *spec, apr_pool_t *pool)
{
    const char *command = spec->command ? spec->command : "";
    const char *name =
        spec->options->app_group_name ? spec->options->app_group_name : "";

    spec->place = apr_psprintf(
        pool, "%lu %s\n%lu %s\n%lu %s\n%lu %s\n%lu %s\n%s\n%lu %s",
        (unsigned long)strlen(spec->root), spec->root,
        (unsigned long)strlen(spec->base_uri), spec->base_uri,
        (unsigned long)strlen(spec->startup_file), spec->startup_file,
        (unsigned long)strlen(command), command, (unsigned long)strlen(name),
        name, spec->type ? spec->type->name : "",
        (unsigned long)strlen(spec->options->app_env), spec->options->app_env);
    spec->key = apr_psprintf(pool, "%s\n%d %u %u\n%lu %s\n%lu %s\n%s",
                             spec->place, (int)spec->identity, spec->owner,
                             spec->owner_gid, (unsigned long)strlen(spec->user),
                             spec->user, (unsigned long)strlen(spec->group),
                             spec->group, spec->interpreter);
}

/* The options that are needed later, and the message again, as short as it can
 * be. What a peer sent beside that goes with the scratch pool. */
static const char *set_options(app_spec_t *spec, const core_t *core,
                               const psg_msg_group_t *msg, apr_pool_t *pool)
{
    psg_message_t copy = {.number = PSG_MSG_GROUP, .as.group = *msg};
    psg_options_t *sent, *kept;
    char encoded[PSG_GROUP_OPTIONS_SIZE], stored[PSG_GROUP_OPTIONS_SIZE];

    if (psg_options_decode(&sent, msg->options.data, msg->options.len,
                           event_loop_scratch(core->loop))
        != APR_SUCCESS) {
        return "the options cannot be understood";
    }
    for (size_t i = 0; i < sizeof(not_stored) / sizeof(not_stored[0]); i++) {
        psg_row_set_remove(&sent->set, not_stored[i]);
    }
    copy.as.group.slot = 0;
    copy.as.group.ticket = 0;
    copy.as.group.options.data = encoded;
    copy.as.group.options.len =
        psg_options_encode(sent, 1u << PSG_SCOPE_APP | 1u << PSG_SCOPE_PLACE,
                           encoded, sizeof(encoded));
    spec->stored_len = psg_wire_encode(&copy, stored, sizeof(stored));
    if (copy.as.group.options.len == 0 || spec->stored_len == 0) {
        return "the options are longer than 8 KiB";
    }
    if (psg_options_decode(&kept, encoded, copy.as.group.options.len, pool)
        != APR_SUCCESS) {
        return "the options cannot be understood";
    }
    spec->options = kept;
    spec->stored = apr_pmemdup(pool, stored, spec->stored_len);
    return NULL;
}

apr_status_t app_spec_make(app_spec_t **spec, const char **problem,
                           const core_t *core, const psg_msg_group_t *msg,
                           apr_pool_t *pool)
{
    app_spec_t *made = apr_pcalloc(pool, sizeof(*made));

    made->owner = msg->owner;
    made->owner_gid = msg->owner_gid;
    *problem = set_options(made, core, msg, pool);
    if (!*problem) {
        *problem = check_texts(made, msg, pool);
    }
    if (!*problem) {
        *problem = check_type(made, core, msg, pool);
    }
    if (*problem) {
        return APR_EINVAL;
    }
    set_identity(made, core);
    set_key(made, pool);
    *spec = made;
    return APR_SUCCESS;
}

apr_status_t app_spec_restore(app_spec_t **spec, const char **problem,
                              const core_t *core, const char *stored,
                              size_t len, apr_pool_t *pool)
{
    psg_message_t message;
    size_t used;

    if (psg_wire_decode(&message, &used, stored, len) != APR_SUCCESS
        || message.number != PSG_MSG_GROUP) {
        *problem = "what is stored for it cannot be understood";
        return APR_EINVAL;
    }
    return app_spec_make(spec, problem, core, &message.as.group, pool);
}
