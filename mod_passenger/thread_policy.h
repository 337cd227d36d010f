/* SPDX-License-Identifier: Apache-2.0 */

/* How the kernel schedules the threads of httpd that serve crowds: many quick
 * requests at once. Whenever such a thread wakes, some times a request, it would
 * push another one, or the app, off its CPU: up to a quarter of httpd's time goes
 * there. With SCHED_BATCH (see sched(7)) it waits until that one sleeps, which is
 * soon. Without a crowd it must not wait: whatever computes for long on a busy
 * machine would hold it up for some milliseconds each time. */
#ifndef PSG_THREAD_POLICY_H
#define PSG_THREAD_POLICY_H

#include "mod_passenger.h"

/* The calling thread is about to serve a request for an app; see
 * psg_slot_is_crowded(). Nothing changes if httpd was given another policy or
 * priority than the usual one. */
void psg_thread_policy_note(int is_crowded);

/* A hook (handler, before all others), which declines: other requests, and what
 * they start, such as CGI programs, are scheduled as usual. */
int psg_thread_policy_review(request_rec *r);

#endif
