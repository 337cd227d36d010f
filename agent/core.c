/* SPDX-License-Identifier: Apache-2.0 */

/* The core as a process: order of start, loop, end. Called by main.c, started
 * by the watchdog with its descriptors in place (see core.h). */
#include "core.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <apr_strings.h>

#include "admin_socket.h"
#include "agent_log.h"
#include "app_pool.h"
#include "child_watch.h"
#include "main.h"
#include "module_socket.h"
#include "restart_watch.h"
#include "scoreboard_writer.h"
#include "spawner.h"
#include "watchdog_link.h"

enum {
    SECOND = 1000000,
    TURN_MAX = 60 * SECOND,
    /* After the watchdog said END: to log what apps say when they end. It kills
     * us, and them, after five seconds. */
    LINGER = 4 * SECOND,
    LINGER_STEP = SECOND / 20,
    FREE_MEMORY_MAX = 1024 * 1024, /* bytes kept for later */
};

static int fail(const char *what, apr_status_t rv)
{
    char text[128];

    agent_log(PSG_LOG_CRIT, "PSG2010: the agent's core cannot start: %s: %s",
              what, apr_strerror(rv, text, sizeof(text)));
    return EXIT_FAILURE;
}

/* Three descriptors for each process, one or two for each child: as many as
 * the system lets us have. Apps get the limit from the watchdog, not from us. */
static void raise_limits(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* The watchdog's numbers are for us alone; we start nobody, but a second wall
 * costs nothing. */
static void close_on_exec(void)
{
    for (int fd = CORE_FD_SCOREBOARD; fd <= CORE_FD_ADMIN; fd++) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
}

static const char *argument(int argc, char **argv, const char *name)
{
    size_t len = strlen(name);

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=') {
            return argv[i] + len + 1;
        }
    }
    return NULL;
}

/* Children are heard only when all that was there before is known again. */
static apr_status_t serve(core_t *core)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && !watchdog_link_has_ended(core)) {
        rv = event_loop_turn(core->loop, TURN_MAX);
        if (rv == APR_SUCCESS && !core->module
            && watchdog_link_is_complete(core)) {
            child_watch_create(core);
            rv = module_socket_create(core);
            admin_socket_create(core);
            app_pool_start_ticking(core);
        }
    }
    return rv;
}

/* Everybody was told to end; their last words still belong into the log. */
static void linger(core_t *core)
{
    uint64_t end = event_loop_now(core->loop) + LINGER;

    while (event_loop_now(core->loop) < end && !app_pool_is_silent(core)) {
        if (event_loop_turn(core->loop, LINGER_STEP) != APR_SUCCESS) {
            break;
        }
    }
}

static int run(core_t *core)
{
    apr_status_t rv = psg_scoreboard_attach(&core->sb, CORE_FD_SCOREBOARD);

    if (rv != APR_SUCCESS) {
        return fail("the scoreboard cannot be mapped, or mod_passenger is of "
                    "another version",
                    rv);
    }
    rv = event_loop_create(&core->loop, core->pool);
    if (rv != APR_SUCCESS) {
        return fail("event loop", rv);
    }
    core->writer = scoreboard_writer_create(core->sb, core->pool);
    core->apps = app_pool_create(core);
    core->starter = &spawner_starter;
    restart_watch_create(core);
    rv = watchdog_link_create(core);
    if (rv != APR_SUCCESS) {
        return fail("channel to the watchdog", rv);
    }
    rv = serve(core);
    if (rv != APR_SUCCESS) {
        return fail("the event loop fails", rv);
    }
    if (core->stopping) {
        linger(core);
    }
    return EXIT_SUCCESS;
}

int core_main(int argc, char **argv)
{
    const char *loaders = argument(argc, argv, "--loaders");
    const char *instance_dir = argument(argc, argv, "--instance-dir");
    core_t core;

    memset(&core, 0, sizeof(core));
    raise_limits();
    close_on_exec();
    (void)signal(SIGPIPE, SIG_IGN);
    /* The apps' sockets have names relative to it; start_probe connects. */
    if (instance_dir && chdir(instance_dir) != 0) {
        agent_log(PSG_LOG_WARN, "PSG2011: the folder '%s' cannot be entered",
                  instance_dir);
    }
    if (apr_pool_create(&core.pool, NULL) != APR_SUCCESS) {
        return EXIT_FAILURE;
    }
    /* What a busy moment needed goes back to the system. */
    apr_allocator_max_free_set(apr_pool_allocator_get(core.pool),
                               FREE_MEMORY_MAX);
    core.loaders = loaders && loaders[0] ? loaders : PSG_LOADER_DIR;
    core.options = psg_options_create(core.pool);
    return run(&core);
}
