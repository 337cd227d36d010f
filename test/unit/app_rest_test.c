/* SPDX-License-Identifier: Apache-2.0 */

/* Out-of-band work as the core sees it: the process is told once, and gets
 * requests again when it says so, or when it takes too long. */
#include "test.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app_rest.h"
#include "fake_core.h"

static int app; /* the app's end of its control channel */

/* A READY process that can be told something. */
static app_process_t *make_process(fake_core_t *fake)
{
    app_group_t *group = fake_group(fake, "/a", NULL, NULL);
    int control[2], output[2];
    app_process_t *proc;

    fake_leave(fake, fake_enter(fake, group));
    proc = fake_process(group, PSG_PROCESS_SPAWNING);
    CHECK(proc != NULL);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, control), 0);
    CHECK_INT(pipe(output), 0);
    app = control[1];
    app_process_attach(proc, 1, (int[]){control[0], output[0], dup(output[0])});
    fake_ready(group, 1);
    return proc;
}

/* As a child of httpd marks it. */
static uint32_t *mark(fake_core_t *fake, const app_process_t *proc)
{
    uint32_t *resting = &fake->core.sb->processes[proc->index].resting;

    *resting = 1;
    return resting;
}

static const char *heard(void)
{
    char *text = apr_pcalloc(test_pool(), 256);

    (void)recv(app, text, 255, MSG_DONTWAIT);
    return text;
}

static void say(fake_core_t *fake, const char *line)
{
    CHECK_INT(write(app, line, strlen(line)), strlen(line));
    CHECK_INT(event_loop_turn(fake->core.loop, 0), APR_SUCCESS);
}

TEST(rest_ends_when_the_process_says_so)
{
    fake_core_t *fake = fake_core(1, 0);
    app_process_t *proc = make_process(fake);
    uint32_t *resting = mark(fake, proc), slot;

    app_rest_begin(proc);
    app_rest_begin(proc); /* and the tick */
    CHECK_STR(heard(), "{\"command\":\"oob_work\"}\n");
    slot = fake_enter(fake, proc->group);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_QUEUED);
    say(fake, "{\"event\":\"rested\"}\n");
    CHECK_INT(*resting, 0);
    CHECK_INT(fake_state(fake, slot), PSG_SLOT_RUNNING);
    say(fake, "{\"event\":\"rested\"}\n"); /* means nothing now */
    CHECK_INT(proc->state, PSG_PROCESS_READY);
}

TEST(rest_of_which_nobody_told_begins_soon)
{
    fake_core_t *fake = fake_core(1, 0);
    app_process_t *proc = make_process(fake);

    CHECK_STR(heard(), "");
    mark(fake, proc);
    app_pool_tick(&fake->core);
    CHECK_STR(heard(), "{\"command\":\"oob_work\"}\n");
}

TEST(rest_ends_after_a_minute)
{
    fake_core_t *fake = fake_core(1, 0);
    app_process_t *proc = make_process(fake);
    uint32_t *resting = mark(fake, proc);

    app_rest_begin(proc);
    fake_pass(fake, 59);
    CHECK_INT(*resting, 1);
    fake_pass(fake, 2);
    CHECK_INT(*resting, 0);
    CHECK_CONTAINS(fake_log(), "PSG2109");
}

TEST(rest_of_a_process_that_does_not_listen_is_none)
{
    fake_core_t *fake = fake_core(1, 0);
    app_process_t *proc = make_process(fake);
    uint32_t *resting = mark(fake, proc);

    close(app);
    app_rest_begin(proc);
    CHECK_INT(*resting, 0);
}

TEST(rest_ends_with_the_process)
{
    fake_core_t *fake = fake_core(1, 0);
    app_process_t *proc = make_process(fake);

    mark(fake, proc);
    app_rest_begin(proc);
    app_process_exited(proc, 9);
    fake_pass(fake, 70);
    CHECK_LACKS(fake_log(), "PSG2109");
}
