/* SPDX-License-Identifier: Apache-2.0 */

/* What a process is started with: program, arguments, environment, identity. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "app_group.h"
#include "fake_core.h"
#include "spawner.h"

/* An app of `type` ("" if options say how to start it), as a GROUP message. */
typedef struct {
    const char *root, *type, *startup_file, *base_uri;
    const char *options[8]; /* directive, value, ... NULL */
} sample_t;

static const sample_t sample = {.root = "/srv/shop",
                                .type = "python",
                                .startup_file = "passenger_wsgi.py",
                                .base_uri = ""};

static psg_bytes_t bytes_of(const char *text)
{
    return (psg_bytes_t){text, strlen(text)};
}

static app_spec_t *spec_of(const core_t *core, const sample_t *app)
{
    psg_options_t *options = psg_options_create(test_pool());
    psg_msg_group_t msg = {.owner = 1001, .owner_gid = 1002};
    const char *problem = "";
    char encoded[4096];
    app_spec_t *spec = NULL;

    for (int i = 0; app->options[i]; i += 2) {
        psg_options_set(options,
                        (psg_option_e)psg_options_find(app->options[i]),
                        app->options[i + 1], test_pool());
    }
    msg.app_root = bytes_of(app->root);
    msg.app_type = bytes_of(app->type);
    msg.startup_file = bytes_of(app->startup_file);
    msg.base_uri = bytes_of(app->base_uri);
    msg.options = (psg_bytes_t){
        encoded, psg_options_encode(options, 7, encoded, sizeof(encoded))};
    if (app_spec_make(&spec, &problem, core, &msg, test_pool())
        != APR_SUCCESS) {
        return NULL;
    }
    return spec;
}

/* The list with | where NULs are, and one in front. */
static const char *shown(psg_bytes_t list)
{
    char *text = apr_palloc(test_pool(), list.len + 2);

    text[0] = '|';
    for (size_t i = 0; i < list.len; i++) {
        text[i + 1] = list.data[i] ? list.data[i] : '|';
    }
    text[list.len + 1] = '\0';
    return text;
}

static psg_msg_spawn_t message(const sample_t *app, int port)
{
    fake_core_t *fake = fake_core(6, 0);
    app_spec_t *spec = spec_of(&fake->core, app);
    psg_msg_spawn_t spawn;

    CHECK(spec != NULL);
    memset(&spawn, 0, sizeof(spawn));
    spawner_fill(&spawn, spec, PSG_KIND_APP, "/usr/share/loaders", port,
                 test_pool());
    return spawn;
}

TEST(spawner_runs_the_loader_of_the_type)
{
    psg_msg_spawn_t spawn = message(&sample, 0);

    CHECK_STR(shown(spawn.args_list),
              "|python3|/usr/share/loaders/python/loader.py|");
    CHECK_STR(shown(spawn.app_root), "|/srv/shop");
    CHECK_STR(shown(spawn.startup_file), "|passenger_wsgi.py");
    CHECK_INT(spawn.owner, 1001);
    CHECK_INT(spawn.owner_gid, 1002);
}

TEST(spawner_takes_the_configured_interpreter)
{
    sample_t app = sample;

    app.options[0] = "PassengerPython";
    app.options[1] = "/venv/bin/python";
    CHECK_STR(shown(message(&app, 0).args_list),
              "|/venv/bin/python|/usr/share/loaders/python/loader.py|");
}

TEST(spawner_gives_exactly_the_promised_environment)
{
    unsetenv("LANG");
    setenv("SECRET", "of the agent", 1);
    CHECK_STR(shown(message(&sample, 0).env_list),
              "|LANG=C.UTF-8|IN_PASSENGER=1|PYTHONUNBUFFERED=1|"
              "PASSENGER_APP_ROOT=/srv/shop|"
              "PASSENGER_STARTUP_FILE=passenger_wsgi.py|"
              "PASSENGER_APP_ENV=production|RAILS_ENV=production|"
              "RACK_ENV=production|WSGI_ENV=production|NODE_ENV=production|");
}

TEST(spawner_tells_a_preloader_that_it_is_one)
{
    fake_core_t *fake = fake_core(6, 0);
    psg_msg_spawn_t spawn;

    memset(&spawn, 0, sizeof(spawn));
    spawner_fill(&spawn, spec_of(&fake->core, &sample), PSG_KIND_PRELOADER,
                 "/usr/share/loaders", 0, test_pool());
    CHECK_INT(spawn.kind, PSG_KIND_PRELOADER);
    CHECK_CONTAINS(shown(spawn.env_list), "|PASSENGER_PRELOAD=1|");
    CHECK_LACKS(shown(message(&sample, 0).env_list), "PASSENGER_PRELOAD");
}

TEST(spawner_tells_the_app_where_it_lives)
{
    sample_t app = sample;
    const char *env;

    setenv("LANG", "de_DE.UTF-8", 1);
    app.base_uri = "/blog";
    app.options[0] = "PassengerAppEnv";
    app.options[1] = "staging";
    env = shown(message(&app, 0).env_list);
    CHECK_CONTAINS(env, "|PASSENGER_BASE_URI=/blog|");
    CHECK_CONTAINS(env, "|RAILS_RELATIVE_URL_ROOT=/blog|");
    CHECK_CONTAINS(env, "|RAILS_ENV=staging|");
    CHECK_CONTAINS(env, "|LANG=de_DE.UTF-8|");
    CHECK_LACKS(env, "|PORT=");
}

/* Env of the sample app with that model and that number. */
static const char *env_of_threads(const char *model, const char *count)
{
    sample_t app = sample;

    app.options[0] = "PassengerConcurrencyModel";
    app.options[1] = model;
    app.options[2] = "PassengerThreadCount";
    app.options[3] = count;
    return shown(message(&app, 0).env_list);
}

TEST(spawner_tells_the_loader_how_many_threads_to_use)
{
    CHECK_CONTAINS(env_of_threads("thread", "8"), "|PASSENGER_THREADS=8|");
    CHECK_LACKS(env_of_threads("thread", "1"), "PASSENGER_THREADS");
    CHECK_LACKS(env_of_threads("process", "8"), "PASSENGER_THREADS");
}

static const char *args_of_command(const char *command)
{
    sample_t app = {.root = "/srv/shop",
                    .type = "",
                    .startup_file = "",
                    .base_uri = "",
                    .options = {"PassengerAppStartCommand", command}};

    return shown(message(&app, 4000).args_list);
}

TEST(spawner_runs_commands_in_a_shell)
{
    static const char *const simple[] = {
        "./server --port $PORT",
        "python3 app.py \"a b\"",
        "/opt/x/bin/run >log 2>/dev/null",
    };
    static const char *const others[] = {
        "cd web && ./server", "./a; ./b",
        "A=1 ./server",       "./a | ./b",
        "exec ./server",      "(./server)",
        "`cat command`",      "if true; then x",
        "! ./server",         ". ./env",
        "./server & wait",
    };

    for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
        CHECK_STR(args_of_command(simple[i]),
                  test_format("|/bin/sh|-c|exec %s|", simple[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CHECK_STR(args_of_command(others[i]),
                  test_format("|/bin/sh|-c|%s|", others[i]));
    }
}

TEST(spawner_gives_commands_a_port)
{
    sample_t app = {.root = "/srv/shop",
                    .type = "",
                    .startup_file = "",
                    .base_uri = "",
                    .options = {"PassengerAppStartCommand", "./server"}};
    const char *env = shown(message(&app, 4000).env_list);

    CHECK_CONTAINS(env, "|PORT=4000|");
    CHECK_LACKS(env, "PASSENGER_STARTUP_FILE");
}

TEST(spawner_finds_a_port_that_is_not_given_away)
{
    fake_core_t *fake = fake_core(6, 0);
    int port = 0;

    CHECK_INT(spawner_find_port(&port, fake->core.sb), APR_SUCCESS);
    CHECK(port > 0 && port < 65536);
}

static identity_e identity(int can_switch, int switching, const char *user)
{
    fake_core_t *fake = fake_core(6, 0);
    psg_options_t options = *fake->core.options;
    sample_t app = sample;
    app_spec_t *spec;

    fake->core.can_switch_user = can_switch;
    options.user_switching = switching;
    fake->core.options = &options;
    app.options[0] = user ? "PassengerUser" : NULL;
    app.options[1] = user;
    spec = spec_of(&fake->core, &app);
    CHECK(spec != NULL);
    return spec->identity;
}

TEST(spawner_asks_for_the_right_user)
{
    CHECK_INT(identity(0, 1, NULL), IDENTITY_SELF);
    CHECK_INT(identity(0, 0, "bob"), IDENTITY_SELF);
    CHECK_INT(identity(1, 0, NULL), IDENTITY_DEFAULT);
    CHECK_INT(identity(1, 0, "bob"), IDENTITY_DEFAULT);
    CHECK_INT(identity(1, 1, NULL), IDENTITY_OWNER);
    CHECK_INT(identity(1, 1, "bob"), IDENTITY_NAMED);
}

TEST(spawner_never_shares_between_owners)
{
    fake_core_t *fake = fake_core(6, 0);
    app_spec_t *one, *two;
    psg_msg_group_t msg = {.owner = 1001};
    const char *problem;

    msg.app_root = bytes_of("/srv/shop");
    msg.app_type = bytes_of("python");
    msg.startup_file = bytes_of("passenger_wsgi.py");
    msg.base_uri = msg.options = bytes_of("");
    CHECK_INT(app_spec_make(&one, &problem, &fake->core, &msg, test_pool()),
              APR_SUCCESS);
    msg.owner = 1002;
    CHECK_INT(app_spec_make(&two, &problem, &fake->core, &msg, test_pool()),
              APR_SUCCESS);
    CHECK(strcmp(one->key, two->key) != 0);
}

TEST(spawner_refuses_apps_that_make_no_sense)
{
    fake_core_t *fake = fake_core(6, 0);
    sample_t app = sample;

    app.root = "srv";
    CHECK(spec_of(&fake->core, &app) == NULL);
    app = sample;
    app.type = "perl";
    CHECK(spec_of(&fake->core, &app) == NULL);
    app = sample;
    app.startup_file = "";
    CHECK(spec_of(&fake->core, &app) == NULL);
    app = sample;
    app.base_uri = "blog";
    CHECK(spec_of(&fake->core, &app) == NULL);
    CHECK(spec_of(&fake->core, &sample) != NULL);
}

TEST(spawner_app_survives_on_the_scoreboard)
{
    fake_core_t *fake = fake_core(6, 0);
    sample_t app = sample;
    app_spec_t *spec, *again;
    const char *problem;

    app.options[0] = "PassengerMinInstances";
    app.options[1] = "4";
    app.options[2] = "PassengerBaseURI";
    app.options[3] = "/blog";
    spec = spec_of(&fake->core, &app);
    CHECK(spec != NULL);
    CHECK_INT(app_spec_restore(&again, &problem, &fake->core, spec->stored,
                               spec->stored_len, test_pool()),
              APR_SUCCESS);
    CHECK_STR(again->key, spec->key);
    CHECK_INT(again->options->min_instances, 4);
    for (size_t len = 0; len < spec->stored_len; len++) {
        CHECK_INT(app_spec_restore(&again, &problem, &fake->core, spec->stored,
                                   len, test_pool()),
                  APR_EINVAL);
    }
}

TEST(bundler_is_preloaded_for_ruby_if_asked_to)
{
    sample_t app = sample;

    app.options[0] = "PassengerPreloadBundler";
    app.options[1] = "on";
    CHECK(strstr(shown(message(&app, 0).env_list), "RUBYOPT") == NULL);
    app.type = "ruby";
    CHECK_CONTAINS(shown(message(&app, 0).env_list),
                   "|RUBYOPT=-rbundler/setup|");
}
