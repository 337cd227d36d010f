/* SPDX-License-Identifier: Apache-2.0 */

/* Finds the requests of a process on the scoreboard and logs them. Children of
 * httpd write there what visitors sent, so nothing is believed. */
#include "request_log.h"

#include <string.h>

#include <apr_strings.h>

#include "agent_log.h"
#include "app_group.h"

enum {
    SECOND = 1000000,
    LINES_MAX = 20
};

/* A copy that ends, without what could end the quotes around it. Control
 * characters are the log's business. */
static const char *quotable(const char *text, size_t size, apr_pool_t *pool)
{
    char *copy = apr_pstrmemdup(pool, text, strnlen(text, size));

    for (char *at = copy; *at; at++) {
        if (*at == '\'' || *at == '\n') {
            *at = '?';
        }
    }
    return copy;
}

const char *request_log_words(const psg_slot_t *slot, uint64_t now,
                              apr_pool_t *pool)
{
    uint64_t age = slot->started < now ? now - slot->started : 0;

    return apr_psprintf(pool, "%s '%s' of %s, for %" APR_UINT64_T_FMT ".%u s",
                        quotable(slot->method, sizeof(slot->method), pool),
                        quotable(slot->uri, sizeof(slot->uri), pool),
                        quotable(slot->client, sizeof(slot->client), pool),
                        (apr_uint64_t)(age / SECOND),
                        (unsigned)(age % SECOND / (SECOND / 10)));
}

static int runs_on(const psg_slot_t *slot, const app_process_t *proc)
{
    return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == PSG_SLOT_RUNNING
           && slot->process == proc->index
           && slot->process_generation == proc->generation;
}

static void log_one(const app_process_t *proc, const psg_slot_t *entry)
{
    apr_pool_t *scratch = event_loop_scratch(proc->core->loop);
    psg_slot_t slot = *entry;

    agent_log(
        PSG_LOG_WARN, "PSG2107: app '%s': process %d still works on %s",
        proc->group->spec->root, proc->pid,
        request_log_words(&slot, event_loop_now(proc->core->loop), scratch));
}

/* Those of one child of httpd; `count` were found before. */
static uint32_t log_row(const app_process_t *proc, uint32_t row, uint32_t count)
{
    const psg_scoreboard_t *sb = proc->core->sb;
    uint32_t used =
        __atomic_load_n(&sb->children[row].slots_used, __ATOMIC_ACQUIRE);

    for (uint32_t i = 0; i < used && i < PSG_SLOTS_PER_CHILD; i++) {
        const psg_slot_t *slot = &sb->slots[row * PSG_SLOTS_PER_CHILD + i];

        if (runs_on(slot, proc) && count++ < LINES_MAX) {
            log_one(proc, slot);
        }
    }
    return count;
}

uint32_t request_log_running(const app_process_t *proc)
{
    const psg_scoreboard_t *sb = proc->core->sb;
    uint32_t count = 0;

    for (uint32_t row = 0; row < PSG_MAX_CHILDREN; row++) {
        if (__atomic_load_n(&sb->children[row].pid, __ATOMIC_ACQUIRE) != 0) {
            count = log_row(proc, row, count);
        }
    }
    if (count > LINES_MAX) {
        agent_log(PSG_LOG_WARN,
                  "PSG2108: app '%s': process %d works on %u more requests",
                  proc->group->spec->root, proc->pid, count - LINES_MAX);
    }
    return count;
}
