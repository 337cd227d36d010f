/* SPDX-License-Identifier: Apache-2.0 */

/* Which interpreter a process is told to try first. */
#include "test.h"

#include <string.h>

#include "app_group.h"
#include "app_interpreter.h"
#include "app_restart.h"
#include "fake_core.h"

/* A process of the group, which is ready and was found to run `path`. */
static app_process_t *running(app_group_t *group, const char *path)
{
    app_process_t *proc;

    CHECK_INT(app_process_start(group), APR_SUCCESS);
    proc = fake_process(group, PSG_PROCESS_SPAWNING);
    app_interpreter_found(proc, path, "");
    fake_ready(group, 1);
    return proc;
}

/* What the next one is told. */
static const char *known_to_next(app_group_t *group)
{
    app_process_t *proc;

    CHECK_INT(app_process_start(group), APR_SUCCESS);
    proc = fake_process(group, PSG_PROCESS_SPAWNING);
    return app_interpreter_known(proc);
}

TEST(first_process_is_told_nothing)
{
    fake_core_t *fake = fake_core(6, 0);

    CHECK_STR(known_to_next(fake_group(fake, "/srv/a", NULL, NULL)), "");
}

TEST(next_process_is_told_what_the_others_run)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/srv/a", NULL, NULL);

    running(group, "/old/python");
    running(group, "/new/python");
    CHECK_STR(known_to_next(group), "/new/python");
}

TEST(process_that_is_replaced_is_an_example_still)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/srv/a", NULL, NULL);

    app_restart_process(running(group, "/old/python"), "the test wants it");
    CHECK_STR(app_interpreter_known(fake_process(group, PSG_PROCESS_SPAWNING)),
              "/old/python");
}

TEST(restart_begins_anew)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/srv/a", NULL, NULL);

    running(group, "/old/python");
    app_restart_group(group, "the test wants it");
    CHECK_STR(app_interpreter_known(fake_process(group, PSG_PROCESS_SPAWNING)),
              "");
}

TEST(failed_start_begins_anew)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/srv/a", NULL, NULL);

    running(group, "/old/python");
    CHECK_STR(known_to_next(group), "/old/python");
    fake_exit(group, PSG_PROCESS_SPAWNING, 1 << 8);
    CHECK_STR(known_to_next(group), "");
}

TEST(process_that_was_never_ready_is_no_example)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/srv/a", NULL, NULL);

    CHECK_INT(app_process_start(group), APR_SUCCESS);
    app_interpreter_found(fake_process(group, PSG_PROCESS_SPAWNING),
                          "/old/python", "");
    CHECK_INT(app_process_start(group), APR_SUCCESS);
    CHECK_STR(app_interpreter_known(group->last), "");
}

TEST(each_process_is_told_nothing_with_always_restart)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/srv/a", NULL, NULL);

    running(group, "/old/python");
    group->always_restart = 1;
    CHECK_STR(known_to_next(group), "");
}

/* The launcher does not say it then, so it would be the app's own word. */
TEST(configured_path_is_not_replaced)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group =
        fake_group(fake, "/srv/a", "PassengerPython", "/opt/python");
    app_process_t *proc = running(group, "/bin/false");

    CHECK_STR(app_interpreter_of(proc), "/opt/python");
    CHECK_STR(known_to_next(group), "");
}

TEST(first_word_counts)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/srv/a", NULL, NULL);
    app_process_t *proc = running(group, "/old/python");

    app_interpreter_found(proc, "/bin/false", "");
    CHECK_STR(app_interpreter_of(proc), "/old/python");
}

/* A process of an earlier core, say: all it says is the app's. */
TEST(ready_process_is_not_believed)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group = fake_group(fake, "/srv/a", NULL, NULL);

    CHECK_INT(app_process_start(group), APR_SUCCESS);
    fake_ready(group, 1);
    app_interpreter_found(group->first, "/bin/false", "");
    CHECK_STR(app_interpreter_of(group->first), "python3");
    CHECK_STR(known_to_next(group), "");
}

TEST(forked_process_runs_what_its_preloader_runs)
{
    fake_core_t *fake = fake_core(6, 0);
    app_group_t *group =
        fake_group(fake, "/srv/a", "PassengerSpawnMethod", "smart");
    app_process_t *preloader;

    CHECK_INT(app_process_start_as(group, PSG_KIND_PRELOADER, NULL),
              APR_SUCCESS);
    preloader = group->preloader;
    app_interpreter_found(preloader, "/old/python", "");
    app_process_event(preloader, ON_READY, "the test wants it");
    CHECK_INT(app_process_start_as(group, PSG_KIND_APP, preloader),
              APR_SUCCESS);
    CHECK_STR(app_interpreter_of(group->last), "/old/python");
}
