/* SPDX-License-Identifier: Apache-2.0 */

/* Changes the policy of the thread it is called in. Called by handler.c, and by
 * httpd for each request. */
#include "thread_policy.h"

#include <sched.h>
#include <string.h>
#include <sys/resource.h>

typedef enum {
    POLICY_UNKNOWN,
    POLICY_NORMAL,
    POLICY_BATCH,
    POLICY_FOREIGN /* not for us to change */
} policy_e;

static _Thread_local policy_e policy;

static policy_e find_policy(void)
{
    return sched_getscheduler(0) == SCHED_OTHER
                   && getpriority(PRIO_PROCESS, 0) == 0
               ? POLICY_NORMAL
               : POLICY_FOREIGN;
}

static void set_policy(policy_e wanted)
{
    const struct sched_param param = {.sched_priority = 0};
    int number = wanted == POLICY_BATCH ? SCHED_BATCH : SCHED_OTHER;

    policy =
        sched_setscheduler(0, number, &param) == 0 ? wanted : POLICY_FOREIGN;
}

static void calm_down(void)
{
    if (policy == POLICY_BATCH) {
        set_policy(POLICY_NORMAL);
    }
}

void psg_thread_policy_note(int is_crowded)
{
    if (!is_crowded) {
        calm_down();
        return;
    }
    if (policy == POLICY_UNKNOWN) {
        policy = find_policy();
    }
    if (policy == POLICY_NORMAL) {
        set_policy(POLICY_BATCH);
    }
}

int psg_thread_policy_review(request_rec *r)
{
    if (!r->handler || strcmp(r->handler, PSG_HANDLER) != 0) {
        calm_down();
    }
    return DECLINED;
}
