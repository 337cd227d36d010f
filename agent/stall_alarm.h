/* SPDX-License-Identifier: Apache-2.0 */

/* Keeps tenants from holding up a process of ours that has one thread. Before
 * Linux 6.16 they can attach descriptors to what they send, and unread ones are
 * closed with the socket; closing a TCP socket with SO_LINGER lasts as long as
 * its sender wants, unless a signal comes. Between set and clear one comes every
 * 10 ms, with a handler that does nothing: other calls may fail with EINTR. */
#ifndef STALL_ALARM_H
#define STALL_ALARM_H

void stall_alarm_set(void);
void stall_alarm_clear(void);

/* close() in between. */
void stall_alarm_close(int fd);

#endif
