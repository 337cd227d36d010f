/* SPDX-License-Identifier: Apache-2.0 */

/* Which processes the core has scheduled in batches, and until when. */
#include "app_policy.h"

#include "fake_core.h"
#include "request_ahead.h"
#include "test.h"

/* So many seconds pass. */
static void tick(fake_core_t *fake, int times)
{
    for (int i = 0; i < times; i++) {
        app_policy_tick(&fake->core);
    }
}

/* A process with a crowd, as far as the scoreboard says. */
static psg_process_t *crowded_process(fake_core_t *fake)
{
    app_group_t *group = fake_serving(fake, "/srv/app", 1);
    uint32_t index = fake->core.sb->groups[group->index].first_process;
    psg_process_t *entry = &fake->core.sb->processes[index];

    tick(fake, 2);
    CHECK_INT(fake->in_batches, 0);
    entry->quick = PSG_QUICK_COUNT;
    entry->busy = PSG_CROWD;
    return entry;
}

TEST(process_of_a_crowd_is_scheduled_in_batches_until_it_is_gone)
{
    fake_core_t *fake = fake_core(6, 0);
    psg_process_t *entry = crowded_process(fake);

    tick(fake, 5);
    CHECK_INT(fake->in_batches, 1);
    entry->busy = 0;
    tick(fake, APP_POLICY_CALM - 1);
    CHECK_INT(fake->in_batches, 1);
    tick(fake, 1);
    CHECK_INT(fake->in_batches, 0);
}

TEST(crowd_that_comes_and_goes_is_one)
{
    fake_core_t *fake = fake_core(6, 0);
    psg_process_t *entry = crowded_process(fake);

    for (int i = 0; i < 5; i++) {
        entry->busy = PSG_CROWD;
        tick(fake, 1);
        CHECK_INT(fake->in_batches, 1);
        entry->busy = 0;
        tick(fake, APP_POLICY_CALM - 1);
        CHECK_INT(fake->in_batches, 1);
    }
}
