/* SPDX-License-Identifier: Apache-2.0 */

/* The commands for people and deployment scripts: restart-app, detach-process,
 * status, list-instances. Called by main.c, also under the names
 * passenger-config and passenger-status. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_file_info.h>
#include <apr_strings.h>

#include "admin_client.h"
#include "agent_log.h"
#include "main.h"
#include "status_report.h"

/* Of passenger-status when it was refused or not answered. */
enum {
    EXIT_REFUSED = 2
};

typedef struct {
    apr_pool_t *pool;
    const char *instance, *name, *argument;
    int json, all, quiet;
    int ignore_no_app, ignore_no_instance, ignore_no_pid;
} tool_t;

/* Those that have no meaning here (colours, headers, a choice of how to restart
 * that is made by PassengerRollingRestarts) are taken for scripts' sake. */
static const struct option options[] = {
    {"instance", required_argument, NULL, 'i'},
    {"name", required_argument, NULL, 'n'},
    {"all", no_argument, NULL, 'a'},
    {"json", no_argument, NULL, 'j'},
    {"show", required_argument, NULL, 's'},
    {"quiet", no_argument, NULL, 'q'},
    {"ignore-app-not-running", no_argument, NULL, 'A'},
    {"ignore-passenger-not-running", no_argument, NULL, 'P'},
    {"ignore-nonexistant-pid", no_argument, NULL, 'N'},
    {"rolling-restart", no_argument, NULL, 'v'},
    {"no-header", no_argument, NULL, 'v'},
    {"force-colors", no_argument, NULL, 'v'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: passenger-agent restart-app PATH-PREFIX | --name NAME | --all\n"
    "         [--ignore-app-not-running] [--ignore-passenger-not-running]\n"
    "       passenger-agent detach-process PID [--ignore-nonexistant-pid]\n"
    "       passenger-agent status [--json]\n"
    "       passenger-agent list-instances [--json]\n"
    "All but the last take --instance DIR-OR-NAME. You see and restart apps "
    "that\n"
    "run as you; root all.\n";

/* Two of the forms there may be; 0 for others. */
static int parse_show(tool_t *tool, const char *what)
{
    tool->json = strcmp(what, "json") == 0;
    return tool->json || strcmp(what, "pool") == 0;
}

static int take_option(tool_t *tool, int option)
{
    switch (option) {
    case 'i':
        tool->instance = optarg;
        return 1;
    case 'n':
        tool->name = optarg;
        return 1;
    case 'a':
        tool->all = 1;
        return 1;
    case 'j':
        tool->json = 1;
        return 1;
    case 's':
        return parse_show(tool, optarg);
    case 'q':
        tool->quiet = 1;
        return 1;
    case 'A':
        tool->ignore_no_app = 1;
        return 1;
    case 'P':
        tool->ignore_no_instance = 1;
        return 1;
    case 'N':
        tool->ignore_no_pid = 1;
        return 1;
    default:
        return option == 'v';
    }
}

/* Exits after --help and after a mistake. */
static void start(tool_t *tool, int argc, char **argv)
{
    int option;

    memset(tool, 0, sizeof(*tool));
    if (apr_pool_create(&tool->pool, NULL) != APR_SUCCESS) {
        exit(EXIT_FAILURE);
    }
    while ((option = getopt_long(argc, argv, "vhq", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        }
        if (!take_option(tool, option)) {
            fputs(usage, stderr);
            exit(EXIT_FAILURE);
        }
    }
    tool->argument = argv[optind];
    if (tool->argument && argv[optind + 1]) {
        fputs(usage, stderr);
        exit(EXIT_FAILURE);
    }
}

static int fail(const char *text)
{
    fprintf(stderr, "%s\n", text);
    return EXIT_FAILURE;
}

static const char *escape(const char *text, apr_pool_t *pool)
{
    size_t size = strlen(text) * 4 + 1;
    char *escaped = apr_palloc(pool, size);

    (void)agent_log_escape(escaped, size, text);
    return escaped;
}

static void list(FILE *out, const apr_array_header_t *found, apr_pool_t *pool)
{
    fprintf(out, "%-24s%s\n", "Name", "Folder");
    for (int i = 0; i < found->nelts; i++) {
        const admin_instance_t *at = &APR_ARRAY_IDX(found, i, admin_instance_t);

        fprintf(out, "%-24s%s\n", escape(at->name, pool),
                escape(at->path, pool));
    }
}

static void explain_none(void)
{
    fputs(
        "No httpd with mod_passenger is running that you can reach. If one "
        "is:\n"
        "it may have another PassengerInstanceRegistryDir or "
        "DefaultRuntimeDir;\n"
        "name that folder with PASSENGER_INSTANCE_REGISTRY_DIR=FOLDER, or the\n"
        "instance with --instance FOLDER/passenger.PID. A cleaner of "
        "temporary\n"
        "files may have removed its folder. One that was not started as root\n"
        "answers only the user who started it.\n",
        stderr);
}

static int is_named(const admin_instance_t *instance, const char *name)
{
    const char *number = strrchr(instance->name, '.');

    return strcmp(instance->name, name) == 0
           || (number && strcmp(number + 1, name) == 0);
}

/* The instance to talk to; 0 if there is none or no choice was made, which was
 * said. */
static int choose(admin_instance_t *instance, const tool_t *tool)
{
    apr_array_header_t *found;
    int matches = 0;

    if (tool->instance && strchr(tool->instance, '/')) {
        if (admin_client_open(instance, tool->instance, tool->pool)
            == APR_SUCCESS) {
            return 1;
        }
        explain_none();
        return 0;
    }
    found = admin_client_find(tool->pool);
    for (int i = 0; i < found->nelts; i++) {
        const admin_instance_t *at = &APR_ARRAY_IDX(found, i, admin_instance_t);

        if (!tool->instance || is_named(at, tool->instance)) {
            *instance = *at;
            matches++;
        }
    }
    if (matches > 1) {
        fputs("Several instances are running; choose one with --instance:\n\n",
              stderr);
        list(stderr, found, tool->pool);
    }
    else if (matches == 0) {
        explain_none();
    }
    return matches == 1;
}

/* Takes over request. Never NULL: a missing answer is one, too. */
static json_t *ask(const admin_instance_t *instance, json_t *request)
{
    json_t *answer = admin_client_ask(instance, request);

    json_decref(request);
    return answer ? answer
                  : json_pack("{s:b, s:s, s:s}", "ok", 0, "error", "no_answer",
                              "message",
                              "the agent did not answer; its log says why");
}

static const char *message_of(const json_t *answer, apr_pool_t *pool)
{
    const char *text = json_string_value(json_object_get(answer, "message"));

    return escape(text ? text : "the agent's answer is not understood", pool);
}

static int is_ok(const json_t *answer)
{
    return json_is_true(json_object_get(answer, "ok"));
}

static int is_error(const json_t *answer, const char *word)
{
    const char *error = json_string_value(json_object_get(answer, "error"));

    return error && strcmp(error, word) == 0;
}

/* The working directory by the name the shell knows: the link "current", not
 * the release it leads to. */
static const char *working_directory(apr_pool_t *pool)
{
    const char *logical = getenv("PWD");
    struct stat here, there;
    char buf[PATH_MAX];

    if (logical && logical[0] == '/' && stat(".", &here) == 0
        && stat(logical, &there) == 0 && here.st_dev == there.st_dev
        && here.st_ino == there.st_ino) {
        return logical;
    }
    return getcwd(buf, sizeof(buf)) ? apr_pstrdup(pool, buf) : "/";
}

static const char *absolute(const char *path, apr_pool_t *pool)
{
    char *merged;

    if (path[0] == '/') {
        return path;
    }
    return apr_filepath_merge(&merged, working_directory(pool), path,
                              APR_FILEPATH_NOTRELATIVE, pool)
                   == APR_SUCCESS
               ? merged
               : path;
}

static json_t *ask_restart(const admin_instance_t *instance, const char *path,
                           apr_pool_t *pool)
{
    return ask(instance, json_pack("{s:s, s:s}", "command", "restart_app",
                                   "app", escape(path, pool)));
}

/* An app is known by the path in httpd's configuration; the caller may know it
 * by another one that leads there. */
static json_t *restart(const tool_t *tool, const admin_instance_t *instance)
{
    const char *path =
        absolute(tool->argument ? tool->argument : "/", tool->pool);
    char real[PATH_MAX];
    json_t *answer;

    if (tool->name) {
        return ask(instance, json_pack("{s:s, s:s}", "command", "restart_app",
                                       "name", escape(tool->name, tool->pool)));
    }
    answer = ask_restart(instance, path, tool->pool);
    if (is_error(answer, "no_such_app") && realpath(path, real)
        && strcmp(path, real) != 0) {
        json_decref(answer);
        answer = ask_restart(instance, real, tool->pool);
    }
    return answer;
}

int restart_app_main(int argc, char **argv)
{
    admin_instance_t instance;
    const json_t *app;
    json_t *answer;
    tool_t tool;
    size_t i;

    start(&tool, argc, argv);
    if ((tool.argument != NULL) + (tool.name != NULL) + tool.all != 1) {
        return fail("Say which apps to restart: the path of a folder, "
                    "--name NAME or --all.");
    }
    if (!choose(&instance, &tool)) {
        return tool.ignore_no_instance ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    answer = restart(&tool, &instance);
    if (is_error(answer, "no_such_app") && tool.ignore_no_app) {
        return EXIT_SUCCESS;
    }
    if (!is_ok(answer)) {
        return fail(message_of(answer, tool.pool));
    }
    json_array_foreach(json_object_get(answer, "restarted"), i, app)
    {
        printf("Restarting %s\n", escape(json_string_value(app), tool.pool));
    }
    return EXIT_SUCCESS;
}

int detach_process_main(int argc, char **argv)
{
    admin_instance_t instance;
    json_t *answer;
    tool_t tool;
    char *end;
    long pid;

    start(&tool, argc, argv);
    errno = 0;
    pid = tool.argument ? strtol(tool.argument, &end, 10) : 0;
    if (pid < 1 || *end || errno || pid > INT_MAX) {
        return fail("Say which process to detach: its PID.");
    }
    if (!choose(&instance, &tool)) {
        return EXIT_FAILURE;
    }
    answer = ask(&instance, json_pack("{s:s, s:I}", "command", "detach_process",
                                      "pid", (json_int_t)pid));
    if (is_ok(answer)) {
        printf("Process %ld detached.\n", pid);
        return EXIT_SUCCESS;
    }
    if (is_error(answer, "no_such_process") && tool.ignore_no_pid) {
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "Could not detach process %ld.\n", pid);
    return fail(message_of(answer, tool.pool));
}

int status_main(int argc, char **argv)
{
    admin_instance_t instance;
    json_t *answer;
    tool_t tool;

    start(&tool, argc, argv);
    if (tool.argument && !tool.instance) {
        tool.instance = tool.argument; /* passenger-status NAME */
    }
    if (!choose(&instance, &tool)) {
        return EXIT_FAILURE;
    }
    answer = ask(&instance, json_pack("{s:s}", "command", "status"));
    if (!is_ok(answer)) {
        fail(message_of(answer, tool.pool));
        return EXIT_REFUSED;
    }
    if (tool.json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    else {
        status_report_print(stdout, answer, tool.pool);
    }
    return EXIT_SUCCESS;
}

int list_instances_main(int argc, char **argv)
{
    apr_array_header_t *found;
    json_t *array = json_array();
    tool_t tool;

    start(&tool, argc, argv);
    found = admin_client_find(tool.pool);
    if (!tool.json) {
        if (found->nelts > 0) {
            list(stdout, found, tool.pool);
        }
        else if (!tool.quiet) {
            puts("There are no instances running.");
        }
        return EXIT_SUCCESS;
    }
    for (int i = 0; i < found->nelts; i++) {
        const admin_instance_t *at = &APR_ARRAY_IDX(found, i, admin_instance_t);

        json_array_append_new(
            array, json_pack("{s:o, s:o}", "name",
                             json_string(escape(at->name, tool.pool)), "path",
                             json_string(escape(at->path, tool.pool))));
    }
    json_dumpf(array, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(array);
    return EXIT_SUCCESS;
}
