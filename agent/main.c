/* SPDX-License-Identifier: Apache-2.0 */

/* passenger-agent: chooses the role. Started by httpd's parent (watchdog) and
 * by the watchdog (core, watcher); people only ask it for its version. */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <apr_general.h>

#include "agent_log.h"

typedef struct {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *help;
} role_t;

static const role_t roles[] = {
    {"watchdog", watchdog_main,
     "starts and signals processes; restarts the core"},
    {"core", core_main, "decides which app processes run"},
    {"watcher", tenant_watcher_main, "looks at one user's restart.txt files"},
};

enum {
    ROLE_COUNT = sizeof(roles) / sizeof(roles[0])
};

static void print_help(FILE *out)
{
    int i;

    fputs("usage: passenger-agent ROLE [options]\n"
          "       passenger-agent --version | --help\n\n"
          "httpd's mod_passenger starts this program; there is no need to "
          "start it by hand.\n\nRoles:\n",
          out);
    for (i = 0; i < ROLE_COUNT; i++) {
        fprintf(out, "  %-10s %s\n", roles[i].name, roles[i].help);
    }
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

int main(int argc, char **argv)
{
    int i;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("passenger-agent " PSG_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help(stdout);
        return EXIT_SUCCESS;
    }
    for (i = 0; argc > 1 && i < ROLE_COUNT; i++) {
        if (strcmp(argv[1], roles[i].name) == 0) {
            return run_role(&roles[i], argc - 1, argv + 1);
        }
    }
    print_help(stderr);
    return EXIT_FAILURE;
}
