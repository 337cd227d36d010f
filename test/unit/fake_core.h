/* SPDX-License-Identifier: Apache-2.0 */

/* A core without a watchdog: processes are only said to be started, ready and
 * ended, and time passes when the test says so. For the tests of app_process
 * and app_pool. */
#ifndef FAKE_CORE_H
#define FAKE_CORE_H

#include "app_pool.h"
#include "core.h"
#include "request_slot.h"

/* What was asked of the watchdog, newest last. */
typedef struct {
    int number; /* of the signal; 0 = a process was asked for */
    uint32_t process;
} fake_call_t;

enum {
    FAKE_CALLS = 4096
};

typedef struct {
    core_t core;
    psg_slot_pool_t *slots; /* of a child of httpd, which the test plays */
    fake_call_t calls[FAKE_CALLS];
    int call_count;
    int refuse_spawn; /* 1: asking for a process fails at once */
    int in_batches;   /* how often that was asked for, less how often not */
} fake_core_t;

/* With these limits; the rest has its default. */
fake_core_t *fake_core(int max_pool_size, int max_instances_per_app);

/* A core on the scoreboard of another one, which is as good as killed. */
fake_core_t *fake_core_after(fake_core_t *before);

/* The group of the Python app at `root`, asked for with an option (or NULL)
 * by a child that knows the configuration. */
app_group_t *fake_group(fake_core_t *fake, const char *root,
                        const char *directive, const char *value);

/* The same without options, for an app whose startup file is that user's. */
app_group_t *fake_group_of(fake_core_t *fake, const char *root, uint32_t owner);

/* A group with so many idle processes, up to 16. */
app_group_t *fake_serving(fake_core_t *fake, const char *root, int count);

/* Its READY processes of the old version, or of the new one. */
uint32_t fake_old_ready(const app_group_t *group);
uint32_t fake_new_ready(const app_group_t *group);

/* Lets time pass: timers that are due run, in steps of 10 ms. */
void fake_pass(fake_core_t *fake, double seconds);

/* Lines the core has logged so far. From the first call of fake_core() on, fd 2
 * is a file. */
const char *fake_log(void);

/* How often that signal (0: a spawn) was asked for. */
int fake_count(const fake_core_t *fake, int number);

/* The group's first process in that state, or NULL. */
app_process_t *fake_process(app_group_t *group, psg_process_state_e state);

/* The process that is SPAWNING gets ready; one in that state ends. */
void fake_ready(app_group_t *group, uint32_t concurrency);
void fake_exit(app_group_t *group, psg_process_state_e state, int status);

/* A request enters the group: its slot, which is QUEUED or RUNNING, or PSG_NONE
 * if the queue is full or the app is not tried now. Tells the core if it has to be told. */
uint32_t fake_enter(fake_core_t *fake, app_group_t *group);
psg_slot_state_e fake_state(const fake_core_t *fake, uint32_t slot);
/* The request ends; it may also wait still, or have failed. */
void fake_leave(fake_core_t *fake, uint32_t slot);

#endif
