/* SPDX-License-Identifier: Apache-2.0 */

/* Starts watchers as their users, talks to them, replaces those that die.
 * Called by restart_watch and, with the watchdog's news, by watchdog_link. */
#include "watcher_process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "agent_log.h"
#include "app_output.h"
#include "paced_source.h"
#include "scoreboard_writer.h"
#include "stall_alarm.h"
#include "watchdog_link.h"

enum {
    SECOND = 1000000,
    /* A new core starts nothing before it knows what lives. */
    CORE_IS_NEW_PAUSE = SECOND / 50,
    /* Before one that died is replaced: the tenant may kill it at will. */
    PAUSE_MIN = SECOND / 2,
    PAUSE_MAX = 60 * SECOND,
    LONG_LIFE = 60 * SECOND,
    MESSAGES_PER_TURN = 32,
    MESSAGES_PER_SECOND = 1000, /* it says later what is not heard */
    TEXT_MAX = 512,
};

typedef enum {
    WATCHER_NONE,    /* no process; perhaps the timer runs */
    WATCHER_ASKED,   /* SPAWN was sent */
    WATCHER_RUNNING, /* it can be talked to */
    WATCHER_KILLED,  /* its end will be told */
} watcher_state_e;

struct watcher_t {
    core_t *core;
    apr_pool_t *pool;
    const char *key;
    identity_e identity; /* as in app_spec_t */
    uint32_t owner, owner_gid;
    const char *user, *group;
    uint32_t uses;
    watcher_state_e state;
    uint32_t index, generation; /* of its process, unless NONE */
    int pid;
    int fd; /* -1 = none */
    paced_source_t source;
    app_output_t *output; /* in output_pool, as long as the process */
    apr_pool_t *output_pool;
    event_timer_t start;
    uint64_t started, pause;
};

struct watcher_table_t {
    apr_hash_t *by_key;
    watcher_started_fn on_started;
    watcher_message_fn on_message;
    char *frame;
};

void watcher_process_create(core_t *core, watcher_started_fn on_started,
                            watcher_message_fn on_message)
{
    watcher_table_t *table = apr_pcalloc(core->pool, sizeof(*table));

    table->by_key = apr_hash_make(core->pool);
    table->on_started = on_started;
    table->on_message = on_message;
    table->frame = apr_palloc(core->pool, PSG_FRAME_MAX);
    core->watchers = table;
}

static watcher_t *find(const core_t *core, uint32_t process)
{
    apr_pool_t *scratch = event_loop_scratch(core->loop);

    if (!core->watchers) {
        return NULL;
    }
    for (apr_hash_index_t *i = apr_hash_first(scratch, core->watchers->by_key);
         i; i = apr_hash_next(i)) {
        watcher_t *watcher = apr_hash_this_val(i);

        if (watcher->state != WATCHER_NONE && watcher->index == process) {
            return watcher;
        }
    }
    return NULL;
}

static watcher_t *find_exactly(const core_t *core, uint32_t process,
                               uint32_t generation)
{
    watcher_t *watcher = find(core, process);

    return watcher && watcher->generation == generation ? watcher : NULL;
}

int watcher_process_is(const core_t *core, uint32_t process)
{
    return find(core, process) != NULL;
}

static void close_channels(watcher_t *watcher)
{
    if (watcher->fd >= 0) {
        paced_source_unwatch(&watcher->source);
        stall_alarm_close(watcher->fd);
        watcher->fd = -1;
    }
    if (watcher->output) {
        app_output_close(watcher->output);
        watcher->output = NULL;
        apr_pool_destroy(watcher->output_pool);
    }
}

static void forget(watcher_t *watcher)
{
    event_timer_clear(&watcher->start);
    apr_hash_set(watcher->core->watchers->by_key, watcher->key,
                 APR_HASH_KEY_STRING, NULL);
    apr_pool_destroy(watcher->pool);
}

static void on_start(void *baton);

static void start_in(watcher_t *watcher, uint64_t usec)
{
    event_timer_set(&watcher->start, watcher->core->loop,
                    event_loop_now(watcher->core->loop) + usec, on_start,
                    watcher);
}

/* Longer and longer, unless the one before lived long. */
static void start_after_pause(watcher_t *watcher)
{
    uint64_t lived = event_loop_now(watcher->core->loop) - watcher->started;

    watcher->pause = watcher->pause == 0 || lived > LONG_LIFE
                         ? PAUSE_MIN
                         : watcher->pause * 2;
    if (watcher->pause > PAUSE_MAX) {
        watcher->pause = PAUSE_MAX;
    }
    start_in(watcher, watcher->pause);
}

static psg_bytes_t bytes_of(const char *text)
{
    return (psg_bytes_t){.data = text, .len = strlen(text)};
}

static apr_status_t send_spawn(const watcher_t *watcher)
{
    psg_message_t msg = {.number = PSG_MSG_SPAWN};
    psg_msg_spawn_t *spawn = &msg.as.spawn;

    spawn->process = watcher->index;
    spawn->process_generation = watcher->generation;
    spawn->kind = PSG_KIND_WATCHER;
    spawn->preloader = PSG_NONE;
    spawn->identity = (uint32_t)watcher->identity;
    spawn->owner = watcher->owner;
    spawn->owner_gid = watcher->owner_gid;
    spawn->user = bytes_of(watcher->user);
    spawn->group = bytes_of(watcher->group);
    spawn->app_root = spawn->startup_file = bytes_of("");
    spawn->args_list = spawn->env_list = bytes_of("");
    return watchdog_link_send(watcher->core, &msg);
}

static void on_start(void *baton)
{
    watcher_t *watcher = baton;
    core_t *core = watcher->core;

    if (!watchdog_link_is_complete(core)) {
        start_in(watcher, CORE_IS_NEW_PAUSE);
        return;
    }
    watcher->started = event_loop_now(core->loop);
    if (core->stopping
        || scoreboard_process_new(core->writer, PSG_NONE, &watcher->index)
               != APR_SUCCESS) {
        start_after_pause(watcher);
        return;
    }
    scoreboard_process_set_kind(core->writer, watcher->index, PSG_KIND_WATCHER);
    watcher->generation = core->sb->processes[watcher->index].generation;
    watcher->state = WATCHER_ASKED;
    if (send_spawn(watcher) != APR_SUCCESS) {
        scoreboard_process_free(core->writer, watcher->index);
        watcher->state = WATCHER_NONE;
        start_after_pause(watcher);
    }
}

/* It has nothing to put in order. */
static void send_kill(const watcher_t *watcher)
{
    psg_message_t msg = {.number = PSG_MSG_SIGNAL};

    msg.as.signal.process = watcher->index;
    msg.as.signal.process_generation = watcher->generation;
    msg.as.signal.signal = SIGKILL;
    (void)watchdog_link_send(watcher->core, &msg);
}

static void end(watcher_t *watcher)
{
    close_channels(watcher);
    watcher->state = WATCHER_KILLED;
    send_kill(watcher);
}

static watcher_t *add(core_t *core, const char *key)
{
    watcher_t *watcher;
    apr_pool_t *pool;

    if (apr_pool_create(&pool, core->pool) != APR_SUCCESS) {
        return NULL;
    }
    watcher = apr_pcalloc(pool, sizeof(*watcher));
    watcher->core = core;
    watcher->pool = pool;
    watcher->key = apr_pstrdup(pool, key);
    watcher->fd = -1;
    apr_hash_set(core->watchers->by_key, watcher->key, APR_HASH_KEY_STRING,
                 watcher);
    return watcher;
}

/* All that decides who the watchdog will run it as, and nothing else. */
static const char *key_of(const app_spec_t *spec, apr_pool_t *pool)
{
    int by_owner = spec->identity == IDENTITY_OWNER;
    int by_group = strcmp(spec->group, IDENTITY_FILE_GROUP) == 0;

    return apr_psprintf(
        pool, "%d %u %u %lu %s %s", (int)spec->identity,
        by_owner ? spec->owner : 0, by_group ? spec->owner_gid : 0,
        (unsigned long)strlen(spec->user), spec->user, spec->group);
}

watcher_t *watcher_process_use(core_t *core, const app_spec_t *spec)
{
    const char *key = key_of(spec, event_loop_scratch(core->loop));
    watcher_t *watcher =
        apr_hash_get(core->watchers->by_key, key, APR_HASH_KEY_STRING);

    if (!watcher) {
        watcher = add(core, key);
        if (!watcher) {
            return NULL;
        }
        watcher->identity = spec->identity;
        watcher->owner = spec->owner;
        watcher->owner_gid = spec->owner_gid;
        watcher->user = apr_pstrdup(watcher->pool, spec->user);
        watcher->group = apr_pstrdup(watcher->pool, spec->group);
        start_in(watcher, 0);
    }
    watcher->uses++;
    return watcher;
}

void watcher_process_release(watcher_t *watcher)
{
    if (--watcher->uses > 0) {
        return;
    }
    if (watcher->state == WATCHER_NONE) {
        forget(watcher);
    }
    else if (watcher->state == WATCHER_RUNNING) {
        end(watcher);
    }
}

apr_status_t watcher_process_send(watcher_t *watcher, const psg_message_t *msg)
{
    return watcher->fd >= 0 ? psg_wire_send(watcher->fd, msg, NULL, 0, 0)
                            : APR_EAGAIN;
}

/* The launcher says one line, as it does for apps. */
static void log_nonsense(const watcher_t *watcher)
{
    const char *text = watcher->core->watchers->frame;

    agent_log(PSG_LOG_ERROR,
              "PSG2070: watcher %d said what cannot be understood, and is "
              "replaced; meanwhile restart.txt is not looked at: %.*s",
              watcher->pid, text[0] == '{' ? TEXT_MAX : 0, text);
}

static void on_readable(void *baton)
{
    watcher_t *watcher = baton;
    core_t *core = watcher->core;
    char *frame = core->watchers->frame;
    psg_message_t msg;

    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        apr_status_t rv;

        memset(frame, 0, TEXT_MAX);
        stall_alarm_set();
        rv = psg_wire_recv(watcher->fd, &msg, frame, NULL, NULL);
        stall_alarm_clear();
        if (APR_STATUS_IS_EAGAIN(rv)) {
            return;
        }
        if (rv == APR_SUCCESS) {
            core->watchers->on_message(core, watcher, &msg);
            if (paced_source_took(&watcher->source, 1)) {
                return;
            }
            continue;
        }
        if (!APR_STATUS_IS_EOF(rv)) {
            log_nonsense(watcher);
        }
        close_channels(watcher);
        send_kill(watcher); /* it ends by itself, or is of no use */
        return;
    }
}

/* What it prints is about it, for instance that a library is missing. */
static void open_output(watcher_t *watcher, int fd)
{
    if (apr_pool_create(&watcher->output_pool, watcher->pool) != APR_SUCCESS) {
        (void)close(fd);
        return;
    }
    if (app_output_create(&watcher->output, watcher->core->loop, fd,
                          watcher->pid, "watcher", watcher->output_pool)
        != APR_SUCCESS) {
        (void)close(fd);
        apr_pool_destroy(watcher->output_pool);
    }
}

int watcher_process_attach(core_t *core, uint32_t process, uint32_t generation,
                           int pid, const int fds[3])
{
    watcher_t *watcher = find_exactly(core, process, generation);

    if (!watcher || watcher->state != WATCHER_ASKED) {
        return 0;
    }
    watcher->pid = pid;
    watcher->state = WATCHER_RUNNING;
    scoreboard_process_set_pid(core->writer, process, pid);
    (void)close(fds[2]);
    open_output(watcher, fds[1]);
    watcher->fd = fds[0];
    if (paced_source_watch(&watcher->source, core->loop, watcher->fd,
                           MESSAGES_PER_SECOND, on_readable, watcher)
            != APR_SUCCESS
        || watcher->uses == 0) {
        end(watcher);
        return 1;
    }
    agent_log(PSG_LOG_INFO, "PSG2071: watcher %d looks at restart.txt files",
              pid);
    core->watchers->on_started(core, watcher);
    return 1;
}

int watcher_process_adopt(core_t *core, uint32_t process, uint32_t generation)
{
    const psg_process_t *entry;
    watcher_t *watcher;

    if (!core->watchers || process >= PSG_MAX_PROCESSES) {
        return 0;
    }
    entry = &core->sb->processes[process];
    if (entry->kind != PSG_KIND_WATCHER || entry->generation != generation
        || find(core, process)) {
        return 0;
    }
    /* A key no app has. Nobody uses it, so its end is the end of it. */
    watcher = add(core, apr_psprintf(event_loop_scratch(core->loop),
                                     "process %u", process));
    if (!watcher) {
        return 0;
    }
    scoreboard_process_keep(core->writer, process);
    watcher->index = process;
    watcher->generation = generation;
    end(watcher);
    return 1;
}

int watcher_process_ended(core_t *core, uint32_t process, uint32_t generation,
                          const char *why)
{
    watcher_t *watcher = find_exactly(core, process, generation);

    if (!watcher) {
        return 0;
    }
    if (watcher->state != WATCHER_KILLED && !core->stopping) {
        agent_log(PSG_LOG_WARN,
                  "PSG2072: watcher %d is gone (%s); until there is a new one "
                  "its user's restart.txt files are not looked at",
                  watcher->pid, why);
    }
    close_channels(watcher);
    scoreboard_process_free(core->writer, process);
    watcher->state = WATCHER_NONE;
    if (watcher->uses == 0) {
        forget(watcher);
    }
    else {
        start_after_pause(watcher);
    }
    return 1;
}
