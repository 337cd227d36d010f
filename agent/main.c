/* SPDX-License-Identifier: Apache-2.0 */

/* passenger-agent: chooses the role. Started by httpd's parent (watchdog) and
 * by the watchdog (core, watcher); the tools are for people. */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <apr_general.h>

#include "agent_log.h"
#include "upgrade.h"

typedef struct {
    const char *name;
    int (*main)(int argc, char **argv);
    int is_tool; /* for people */
    const char *help;
} role_t;

static const role_t roles[] = {
    {"watchdog", watchdog_main, 0,
     "starts and signals processes; restarts the core"},
    {"core", core_main, 0, "decides which app processes run"},
    {"watcher", tenant_watcher_main, 0,
     "looks at one user's restart.txt files"},
    {"restart-app", restart_app_main, 1, "restarts an app"},
    {"detach-process", detach_process_main, 1, "replaces one process"},
    {"status", status_main, 1, "shows apps and processes"},
    {"list-instances", list_instances_main, 1, "shows which httpds run"},
};

enum {
    ROLE_COUNT = sizeof(roles) / sizeof(roles[0])
};

static void print_roles(FILE *out, int is_tool)
{
    int i;

    for (i = 0; i < ROLE_COUNT; i++) {
        if (roles[i].is_tool == is_tool) {
            fprintf(out, "  %-15s %s\n", roles[i].name, roles[i].help);
        }
    }
}

static void print_help(FILE *out)
{
    fputs("usage: passenger-agent COMMAND [options]\n"
          "       passenger-agent --version | --help\n\n"
          "Commands (COMMAND --help says more):\n",
          out);
    print_roles(out, 1);
    fputs("\nRoles, which httpd's mod_passenger starts:\n", out);
    print_roles(out, 0);
}

/* What all roles need. They are not dumpable: no other process may read their
 * memory, and the core has no files that a crash may leave lying around. */
static int run_role(const role_t *role, int argc, char **argv)
{
    if (apr_initialize() != APR_SUCCESS) {
        fputs("passenger-agent: APR does not initialize\n", stderr);
        return EXIT_FAILURE;
    }
    atexit(apr_terminate);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "passenger-agent");
    agent_log_init();
    return role->main(argc, argv);
}

static int print_protocols(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS
        || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return EXIT_FAILURE;
    }
    fputs(upgrade_protocols(pool), stdout);
    return EXIT_SUCCESS;
}

static const role_t *find_role(const char *name)
{
    int i;

    for (i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(name, roles[i].name) == 0) {
            return &roles[i];
        }
    }
    return NULL;
}

/* Deployment scripts call these names: passenger-status is one command,
 * passenger-config has those for people. */
static int is_called(const char *program, const char *name)
{
    const char *slash = strrchr(program, '/');

    return strcmp(slash ? slash + 1 : program, name) == 0;
}

int main(int argc, char **argv)
{
    const char *program = argc > 0 ? argv[0] : "";
    const role_t *role;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("passenger-agent " PSG_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && strcmp(argv[1], "--protocols") == 0) {
        return print_protocols();
    }
    if (is_called(program, "passenger-status")) {
        return run_role(find_role("status"), argc, argv);
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    role = argc > 1 ? find_role(argv[1]) : NULL;
    if (role && (role->is_tool || !is_called(program, "passenger-config"))) {
        return run_role(role, argc - 1, argv + 1);
    }
    print_help(stderr);
    return EXIT_FAILURE;
}
