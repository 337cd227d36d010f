/* SPDX-License-Identifier: Apache-2.0 */

/* What a process is started with, and from where each thing comes:
 *   program      the interpreter's option, else its default; /bin/sh for a
 *                start command
 *   arguments    the loader of the app's type; the command
 *   environment  PROTOCOL section 1; the user's own variables (HOME and so on),
 *                PATH, PWD and LISTEN_* are the launcher's, which knows the user
 *   identity     app_spec; the watchdog decides whether it may be
 * Called by app_process. */
#include "spawner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "app_env.h"
#include "app_group.h"
#include "app_interpreter.h"
#include "scoreboard_writer.h"
#include "watchdog_link.h"

/* How often a port is drawn before we give up. */
enum {
    PORT_TRIES = 20
};

static psg_bytes_t bytes_of(const char *text)
{
    return (psg_bytes_t){.data = text, .len = strlen(text)};
}

/* The strings of array, each with its NUL, one after the other. */
static psg_bytes_t list_of(const apr_array_header_t *array, apr_pool_t *pool)
{
    size_t len = 0;
    char *list;

    for (int i = 0; i < array->nelts; i++) {
        len += strlen(APR_ARRAY_IDX(array, i, const char *)) + 1;
    }
    list = apr_palloc(pool, len ? len : 1);
    len = 0;
    for (int i = 0; i < array->nelts; i++) {
        const char *text = APR_ARRAY_IDX(array, i, const char *);

        memcpy(list + len, text, strlen(text) + 1);
        len += strlen(text) + 1;
    }
    return (psg_bytes_t){.data = list, .len = len};
}

/* Whether the shell would only look the command up and run it. */
static int is_simple(const char *command)
{
    static const char *const own[] = {
        "!",       ".",        ":",     "alias",    "break",  "case",   "cd",
        "command", "continue", "eval",  "exec",     "exit",   "export", "for",
        "if",      "local",    "read",  "readonly", "return", "set",    "shift",
        "source",  "time",     "times", "trap",     "type",   "ulimit", "umask",
        "unset",   "until",    "wait",  "while",
    };
    size_t first = strcspn(command, " \t");

    if (strpbrk(command, ";&|(){}`#\n") || first == 0
        || memchr(command, '=', first)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strlen(own[i]) == first && memcmp(own[i], command, first) == 0) {
            return 0;
        }
    }
    return 1;
}

/* A shell that stays as the parent would get our signals instead of the
 * program, and LISTEN_PID would be the shell's. */
static const char *command_of(const app_spec_t *spec, apr_pool_t *pool)
{
    const char *command = spec->command;

    command += strspn(command, " \t");
    return is_simple(command) ? apr_pstrcat(pool, "exec ", command, NULL)
                              : spec->command;
}

static psg_bytes_t args_of(const app_spec_t *spec, const char *loaders,
                           apr_pool_t *pool)
{
    apr_array_header_t *args = apr_array_make(pool, 3, sizeof(const char *));

    APR_ARRAY_PUSH(args, const char *) = spec->interpreter;
    if (spec->command) {
        APR_ARRAY_PUSH(args, const char *) = "-c";
        APR_ARRAY_PUSH(args, const char *) = command_of(spec, pool);
    }
    else {
        APR_ARRAY_PUSH(args, const char *) =
            apr_pstrcat(pool, loaders, "/", spec->type->loader, NULL);
    }
    return list_of(args, pool);
}

static void set(apr_array_header_t *env, const char *name, const char *value)
{
    APR_ARRAY_PUSH(env, const char *) =
        apr_pstrcat(env->pool, name, "=", value, NULL);
}

/* Made from nothing: what the agent's own environment holds is not the app's
 * business. Its language is, because that decides how texts are read. */
static psg_bytes_t env_of(const app_spec_t *spec, psg_process_kind_e kind,
                          int port, apr_pool_t *pool)
{
    static const char *const env_names[] = {"PASSENGER_APP_ENV", "RAILS_ENV",
                                            "RACK_ENV", "WSGI_ENV", "NODE_ENV"};
    apr_array_header_t *env = apr_array_make(pool, 20, sizeof(const char *));
    const char *lang = getenv("LANG");

    set(env, "LANG", lang && lang[0] ? lang : "C.UTF-8");
    set(env, "IN_PASSENGER", "1");
    set(env, "PYTHONUNBUFFERED", "1");
    set(env, "PASSENGER_APP_ROOT", spec->root);
    if (spec->startup_file[0]) {
        set(env, "PASSENGER_STARTUP_FILE", spec->startup_file);
    }
    for (size_t i = 0; i < sizeof(env_names) / sizeof(env_names[0]); i++) {
        set(env, env_names[i], spec->options->app_env);
    }
    if (spec->base_uri[0]) {
        set(env, "PASSENGER_BASE_URI", spec->base_uri);
        set(env, "RAILS_RELATIVE_URL_ROOT", spec->base_uri);
    }
    if (port != 0) {
        set(env, "PORT", apr_itoa(pool, port));
    }
    if (spec->options->thread_count > 1
        && strcmp(spec->options->concurrency_model, "thread") == 0) {
        set(env, "PASSENGER_THREADS",
            apr_itoa(pool, (int)spec->options->thread_count));
    }
    if (kind == PSG_KIND_PRELOADER) {
        set(env, "PASSENGER_PRELOAD", "1");
    }
    if (spec->options->app_log_file) {
        set(env, "PASSENGER_APP_LOG_FILE", spec->options->app_log_file);
    }
    if (spec->options->preload_bundler && spec->type
        && strcmp(spec->type->name, "ruby") == 0) {
        set(env, "RUBYOPT", "-rbundler/setup");
    }
    app_env_set_all(env, spec->options->env_vars);
    return list_of(env, pool);
}

void spawner_fill(psg_msg_spawn_t *spawn, const app_spec_t *spec,
                  psg_process_kind_e kind, const char *loaders, int port,
                  apr_pool_t *pool)
{
    spawn->kind = (uint32_t)kind;
    spawn->preloader = PSG_NONE;
    spawn->identity = (uint32_t)spec->identity;
    spawn->owner = spec->owner;
    spawn->owner_gid = spec->owner_gid;
    spawn->env_file =
        bytes_of(spec->options->env_file ? spec->options->env_file : "");
    spawn->shell_env = (uint32_t)spec->options->load_shell_envvars;
    spawn->user = bytes_of(spec->user);
    spawn->group = bytes_of(spec->group);
    spawn->app_root = bytes_of(spec->root);
    spawn->startup_file = bytes_of(spec->startup_file);
    spawn->args_list = args_of(spec, loaders, pool);
    spawn->interpreter = bytes_of("");
    spawn->env_list = env_of(spec, kind, port, pool);
}

/* Whether one of our own processes was given that port, perhaps a moment ago. */
static int is_given_away(const psg_scoreboard_t *sb, int port)
{
    uint32_t used = sb->header.processes_used;

    for (uint32_t p = 0; p < used && p < PSG_MAX_PROCESSES; p++) {
        if (sb->processes[p].state != PSG_PROCESS_UNUSED
            && sb->processes[p].port == (uint32_t)port) {
            return 1;
        }
    }
    return 0;
}

/* Lets the kernel choose; 0 if it cannot. */
static int draw_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port = 0;

    if (fd < 0) {
        return 0;
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, len) == 0
        && getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
        port = ntohs(address.sin_port);
    }
    (void)close(fd);
    return port;
}

apr_status_t spawner_find_port(int *port, const psg_scoreboard_t *sb)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        int drawn = draw_port();

        if (drawn != 0 && !is_given_away(sb, drawn)) {
            *port = drawn;
            return APR_SUCCESS;
        }
    }
    return APR_EGENERAL;
}

static apr_status_t spawn(core_t *core, app_process_t *proc, const char **why)
{
    const app_spec_t *spec = proc->group->spec;
    apr_pool_t *scratch = event_loop_scratch(core->loop);
    psg_message_t msg = {.number = PSG_MSG_SPAWN};
    apr_status_t rv;
    char text[128];

    if (spec->command) {
        rv = spawner_find_port(&proc->port, core->sb);
        if (rv != APR_SUCCESS) {
            *why = "there is no free TCP port on 127.0.0.1";
            return rv;
        }
        scoreboard_process_set_port(core->writer, proc->index,
                                    (uint32_t)proc->port);
    }
    spawner_fill(&msg.as.spawn, spec, proc->kind, core->loaders, proc->port,
                 scratch);
    msg.as.spawn.interpreter = bytes_of(app_interpreter_known(proc));
    if (proc->is_forked) {
        msg.as.spawn.preloader = proc->preloader;
        msg.as.spawn.preloader_generation = proc->preloader_generation;
    }
    msg.as.spawn.process = proc->index;
    msg.as.spawn.process_generation = proc->generation;
    rv = watchdog_link_send(core, &msg);
    if (rv != APR_SUCCESS) {
        *why = apr_psprintf(scratch, "the watchdog cannot be asked to: %s",
                            apr_strerror(rv, text, sizeof(text)));
    }
    return rv;
}

static void send_signal(core_t *core, const app_process_t *proc, int number)
{
    psg_message_t msg = {.number = PSG_MSG_SIGNAL};

    msg.as.signal.process = proc->index;
    msg.as.signal.process_generation = proc->generation;
    msg.as.signal.signal = (uint32_t)number;
    (void)watchdog_link_send(core, &msg); /* its deadline comes again */
}

static void send_schedule(core_t *core, const app_process_t *proc,
                          int in_batches)
{
    psg_message_t msg = {.number = PSG_MSG_SCHEDULE};

    msg.as.schedule.process = proc->index;
    msg.as.schedule.process_generation = proc->generation;
    msg.as.schedule.in_batches = (uint32_t)in_batches;
    (void)watchdog_link_send(core, &msg); /* it only costs time */
}

const core_starter_t spawner_starter = {
    .spawn = spawn, .signal = send_signal, .schedule = send_schedule};
