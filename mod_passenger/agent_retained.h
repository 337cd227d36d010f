/* SPDX-License-Identifier: Apache-2.0 */

/* What httpd's parent keeps across readings of the configuration: the agent and
 * the descriptors it must not lose. Used by agent_daemon.c. */
#ifndef PSG_AGENT_RETAINED_H
#define PSG_AGENT_RETAINED_H

#include <limits.h>
#include <stdint.h>

#include <apr_thread_proc.h>

#include "mod_passenger.h"

/* What outlives a reading of the configuration and this very code, which httpd
 * unloads and loads again. The first five fields stay what and where they are
 * in every version: a newer module ends the agent of an older one by them. */
typedef struct {
    uint32_t version;
    int32_t agent; /* its pid; 0 = none is running */
    int socket;    /* to the agent; its end means that httpd is gone */
    int scoreboard;
    int store[2]; /* see store.h of the agent: what one watchdog leaves to the
                     next. Nobody but us and the watchdog may have it open */
    pid_t httpd;  /* whose agent it is: our own pid, if we are the parent */
    uint64_t started;
    int quick_deaths; /* in a row */
    int told_user;
    apr_proc_t proc; /* for apr_proc_other_child_register() */
    char instance_dir[PATH_MAX];
} psg_retained_t;

/* The one record, fresh if there was none. Another version's agent cannot serve
 * this module: it ends, and its apps with it. */
psg_retained_t *psg_retained_get(server_rec *s);

/* Closes those that are open and makes all -1. */
void psg_retained_close(int *fds, int count);

/* From now on what is the parent's alone is closed in all that it forks. Called
 * when httpd has loaded this code, so that no module forks before that. */
void psg_retained_guard_forks(void);

#endif
