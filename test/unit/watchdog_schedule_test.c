/* SPDX-License-Identifier: Apache-2.0 */

/* How app processes of the watchdog are scheduled. */
#include "test.h"

#include <sched.h>
#include <sys/resource.h>

#include "watchdog_driver.h"

/* The watchdog has read all that was sent before. */
static void fence(driver_t *driver, pid_t last, int in_batches)
{
    driver_schedule(driver, 9, 3, in_batches);
    WAIT_UNTIL(sched_getscheduler(last)
               == (in_batches ? SCHED_BATCH : SCHED_OTHER));
}

TEST(app_is_scheduled_in_batches_and_as_usual_again)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t app = driver_spawn(driver, 7, "read line <&4");
    pid_t last = driver_spawn(driver, 9, "read line <&4");

    driver_schedule(driver, 7, 2, 1);
    driver_schedule(driver, 8, 3, 1);
    driver_schedule(driver, 0xffffffff, 3, 1);
    fence(driver, last, 1);
    CHECK_INT(sched_getscheduler(app), SCHED_OTHER);
    driver_schedule(driver, 7, 3, 1);
    WAIT_UNTIL(sched_getscheduler(app) == SCHED_BATCH);
    driver_schedule(driver, 7, 3, 0);
    WAIT_UNTIL(sched_getscheduler(app) == SCHED_OTHER);
    CHECK_INT(driver_end(driver), 0);
}

TEST(policy_or_priority_of_an_app_is_left_alone)
{
    driver_t *driver = driver_start_with_core("w");
    pid_t app = driver_spawn(driver, 7, "read line <&4");
    pid_t nice = driver_spawn(driver, 8, "read line <&4");
    pid_t last = driver_spawn(driver, 9, "read line <&4");
    const struct sched_param param = {.sched_priority = 0};

    CHECK_INT(sched_setscheduler(app, SCHED_IDLE, &param), 0);
    CHECK_INT(setpriority(PRIO_PROCESS, (id_t)nice, 1), 0);
    driver_schedule(driver, 7, 3, 1);
    driver_schedule(driver, 8, 3, 1);
    fence(driver, last, 1);
    CHECK_INT(sched_getscheduler(nice), SCHED_OTHER);
    CHECK_INT(sched_getscheduler(app), SCHED_IDLE);
    driver_schedule(driver, 7, 3, 0);
    fence(driver, last, 0);
    CHECK_INT(sched_getscheduler(app), SCHED_IDLE);
    CHECK_INT(driver_end(driver), 0);
}
