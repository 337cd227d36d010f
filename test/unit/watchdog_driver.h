/* SPDX-License-Identifier: Apache-2.0 */

/* A watchdog to try things on: the test is its httpd and its core. The process
 * it starts as the core only hands its channel to the test and waits. */
#ifndef WATCHDOG_DRIVER_H
#define WATCHDOG_DRIVER_H

#include <sys/types.h>

#include "wire.h"

typedef struct {
    pid_t pid;          /* of the watchdog */
    int httpd;          /* our end of its fd 4 */
    int listener;       /* where cores report */
    const char *dir;    /* the instance dir */
    const char *answer; /* its first word to httpd */
    pid_t core_pid;
    int core; /* the core's fd 4 */
    /* The latest message the core got, and its descriptors. */
    psg_message_t msg;
    char *frame;
    int fds[PSG_FRAME_MAX_FDS], fd_count;
} driver_t;

/* What comes with a process is in driver->fds. */
enum {
    DRIVER_CONTROL,
    DRIVER_OUTPUT,
    DRIVER_LISTENING
};

/* Starts a watchdog for instance dir `name` below test_dir() and takes its
 * answer. All of a test have the same store. */
driver_t *driver_start(const char *name);
/* The same, and it gets a configuration and its core, told of all it has. */
driver_t *driver_start_with_core(const char *name);

/* Closes it, as the end of httpd's parent does. */
void driver_forget_store(void);

/* Sends CONFIG with the text of user names and a log. */
void driver_configure(driver_t *driver);

/* Waits for the next core. */
void driver_accept_core(driver_t *driver);

/* Waits for the core's next message, of any or of that kind. */
void driver_expect_any(driver_t *driver);
void driver_expect(driver_t *driver, psg_message_e number);
void driver_send(driver_t *driver, const psg_message_t *msg);

/* Closes the descriptors of the latest message. */
void driver_close_fds(driver_t *driver);

/* A SPAWN of `sh -c script` in test_dir(), which looks like a loader. */
psg_message_t driver_spawn_message(uint32_t process, const char *script);
/* Spawns it; returns its pid. driver->fds are the process's. */
pid_t driver_spawn(driver_t *driver, uint32_t process, const char *script);
/* The same as a start command: to it, what comes on fd 4 is a signal. */
pid_t driver_spawn_program(driver_t *driver, uint32_t process,
                           const char *script);
void driver_signal(driver_t *driver, uint32_t process, uint32_t generation,
                   int number);

void driver_schedule(driver_t *driver, uint32_t process, uint32_t generation,
                     int in_batches);

/* The text that comes from fd until it contains `until` or ends. */
const char *driver_read(int fd, const char *until);

/* Ends httpd's side and waits for the watchdog; returns its exit status. */
int driver_end(driver_t *driver);
int driver_wait(driver_t *driver);

#endif
