/* SPDX-License-Identifier: Apache-2.0 */

/* What the core has to be told. Nothing is queued: what is owed is marked in
 * the table of processes, so a core that does not read costs no memory. Called
 * by the watchdog's loop. */
#include "core_process.h"

#include <string.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "birth.h"
#include "watchdog.h"

/* Microseconds until a send is tried again that failed for lack of something
 * (memory, descriptors in flight): the socket itself would be writable. */
enum {
    RETRY = 200000
};

/* Sends if the core takes it now. A core that is gone is noticed by its end. */
static int send_now(watchdog_t *dog, const psg_message_t *msg, const int *fds,
                    int fd_count)
{
    apr_status_t rv = psg_wire_send(dog->core.channel, msg, fds, fd_count, 0);
    char text[128];

    if (rv == APR_SUCCESS) {
        return 1;
    }
    if (!APR_STATUS_IS_EAGAIN(rv) && !APR_STATUS_IS_EPIPE(rv)
        && !APR_STATUS_IS_ECONNRESET(rv)) {
        agent_log(PSG_LOG_ERROR, "PSG2230: cannot send %s to the core: %s",
                  psg_wire_name(msg->number),
                  apr_strerror(rv, text, sizeof(text)));
        dog->core.retry_at = psg_now() + RETRY;
    }
    return 0;
}

static int tell_config(watchdog_t *dog)
{
    const int log = WATCHDOG_FD_LOG;

    if (dog->core.config_owed && send_now(dog, &dog->config, &log, 1)) {
        dog->core.config_owed = 0;
    }
    return !dog->core.config_owed;
}

/* SPAWNED of a new process, ADOPT of one that a new core finds. */
static int tell_living(watchdog_t *dog, app_child_t *child)
{
    uint32_t process = child_table_index(dog->children, child);
    psg_message_t msg;

    if (child->told) {
        return 1;
    }
    memset(&msg, 0, sizeof(msg));
    if (dog->core.adopting) {
        msg.number = PSG_MSG_ADOPT;
        msg.as.adopt.process = process;
        msg.as.adopt.process_generation = child->generation;
        msg.as.adopt.pid = (uint32_t)child->pid;
        msg.as.adopt.uid = (uint32_t)child->uid;
    }
    else {
        msg.number = PSG_MSG_SPAWNED;
        msg.as.spawned.process = process;
        msg.as.spawned.process_generation = child->generation;
        msg.as.spawned.pid = (uint32_t)child->pid;
        msg.as.spawned.uid = (uint32_t)child->uid;
    }
    child->told = send_now(dog, &msg, child->fds, CHILD_FD_COUNT) != 0;
    dog->core.adopted += child->told && dog->core.adopting;
    return child->told;
}

static int tell_exited(watchdog_t *dog, app_child_t *child)
{
    psg_message_t msg = {.number = PSG_MSG_EXITED};

    if (!child->exited) {
        return 1;
    }
    msg.as.exited.process = child_table_index(dog->children, child);
    msg.as.exited.process_generation = child->generation;
    msg.as.exited.status = (uint32_t)child->status;
    if (!send_now(dog, &msg, NULL, 0)) {
        return 0;
    }
    child_table_drop(dog->children, child);
    return 1;
}

/* A process that ended before the new core heard of it is not mentioned. */
static int tell_adopted(watchdog_t *dog)
{
    psg_message_t msg = {.number = PSG_MSG_ADOPTED};
    app_child_t *child = NULL;

    if (!dog->core.adopting) {
        return 1;
    }
    while ((child = child_table_next(dog->children, child)) != NULL) {
        if (child->exited && !child->told) {
            child_table_drop(dog->children, child);
        }
        else if (!tell_living(dog, child)) {
            return 0;
        }
    }
    msg.as.adopted.count = dog->core.adopted;
    if (!send_now(dog, &msg, NULL, 0)) {
        return 0;
    }
    dog->core.adopting = 0;
    return 1;
}

static int send_failed(watchdog_t *dog, uint32_t process, uint32_t generation,
                       const char *reason)
{
    psg_message_t msg = {.number = PSG_MSG_SPAWN_FAILED};

    msg.as.spawn_failed.process = process;
    msg.as.spawn_failed.process_generation = generation;
    msg.as.spawn_failed.reason.data = reason;
    msg.as.spawn_failed.reason.len = strlen(reason);
    return send_now(dog, &msg, NULL, 0);
}

static int tell_failure(watchdog_t *dog)
{
    core_process_t *core = &dog->core;

    core->failure_owed =
        core->failure_owed
        && !send_failed(dog, core->failed_process, core->failed_generation,
                        core->failure);
    return !core->failure_owed;
}

/* The ends of a process that is to be forked. */
static int tell_offer(watchdog_t *dog, birth_t *birth)
{
    const int fds[] = {birth->channels.listening, birth->channels.control[1],
                       birth->channels.output[1], birth->channel[1]};
    psg_message_t msg = {.number = PSG_MSG_FORKABLE};

    msg.as.forkable.process = birth->process;
    msg.as.forkable.process_generation = birth->generation;
    if (!send_now(dog, &msg, fds, sizeof(fds) / sizeof(fds[0]))) {
        return 0;
    }
    birth_was_told(birth);
    return 1;
}

static int tell_births(watchdog_t *dog)
{
    for (int i = dog->births->count - 1; i >= 0; i--) {
        birth_t *birth = &dog->births->list[i];

        if (birth->state == BIRTH_OFFERED && !tell_offer(dog, birth)) {
            return 0;
        }
        if (birth->state == BIRTH_FAILED) {
            if (!send_failed(dog, birth->process, birth->generation,
                             birth->failure)) {
                return 0;
            }
            birth_drop(dog, birth);
        }
    }
    return 1;
}

static int owes_births(const watchdog_t *dog)
{
    for (int i = 0; i < dog->births->count; i++) {
        if (dog->births->list[i].state != BIRTH_AWAITED) {
            return 1;
        }
    }
    return 0;
}

void core_process_tell(watchdog_t *dog)
{
    app_child_t *child = NULL;

    if (psg_now() < dog->core.retry_at) {
        return;
    }
    dog->core.retry_at = 0;
    if (dog->core.channel < 0 || !tell_config(dog) || !tell_adopted(dog)
        || !tell_failure(dog) || !tell_births(dog)) {
        return;
    }
    while ((child = child_table_next(dog->children, child)) != NULL) {
        if (!tell_living(dog, child) || !tell_exited(dog, child)) {
            return;
        }
    }
}

int core_process_owes(watchdog_t *dog)
{
    app_child_t *child = NULL;

    if (dog->core.config_owed || dog->core.adopting || dog->core.failure_owed
        || owes_births(dog)) {
        return 1;
    }
    while ((child = child_table_next(dog->children, child)) != NULL) {
        if (!child->told || child->exited) {
            return 1;
        }
    }
    return 0;
}

void core_process_spawn_failed(watchdog_t *dog, uint32_t process,
                               uint32_t generation, const char *reason)
{
    dog->core.failure_owed = 1;
    dog->core.failed_process = process;
    dog->core.failed_generation = generation;
    apr_cpystrn(dog->core.failure, reason, sizeof(dog->core.failure));
}

/* A core that does not take it just ends; the apps get our signals anyway. */
void core_process_tell_end(watchdog_t *dog, const char *reason)
{
    psg_message_t msg = {.number = PSG_MSG_END};

    msg.as.end.reason.data = reason;
    msg.as.end.reason.len = strlen(reason);
    if (dog->core.channel >= 0) {
        (void)send_now(dog, &msg, NULL, 0);
    }
}
