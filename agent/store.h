/* SPDX-License-Identifier: Apache-2.0 */

/* What a watchdog leaves to the next one: a pair of sockets that httpd's parent
 * made and keeps. Records of processes, each with the descriptors attached,
 * wait in it; nobody reads them until a watchdog starts. So the kernel keeps
 * the descriptors open while no watchdog lives, and closes them when httpd's
 * parent and the watchdog are gone: that ends the apps.
 *
 * Only the watchdog reads and writes; httpd's children close it. A record stays
 * until it is dropped; one that is renewed is there twice for a moment, so that
 * a watchdog may be killed between any two calls. */
#ifndef STORE_H
#define STORE_H

#include <stdint.h>

#include <apr_errno.h>

#include "child_table.h"
#include "wire.h"

typedef struct {
    int in, out; /* where records are read and written; -1: there is no store */
    int warned;  /* that something did not fit */
} store_t;

/* A record; fds are copies the caller owns. */
typedef struct {
    psg_message_t msg; /* KEPT */
    int fds[PSG_FRAME_MAX_FDS], fd_count;
} store_record_t;

/* in and out: the two descriptors; without sockets there, there is no store. */
void store_open(store_t *store, int in, int out);

/* Adds a record of a living process, and notes that in child->stored, or of a
 * listening agent.sock. If it does not fit, that is logged once: that process
 * ends when the watchdog dies. */
void store_put(store_t *store, uint32_t process, app_child_t *child);
void store_put_socket(store_t *store, int agent_socket);

/* The oldest record, which stays; buf has PSG_FRAME_MAX bytes. APR_EAGAIN:
 * there is none. APR_EINVAL: it cannot be understood, or its descriptors do not
 * fit into this process. */
apr_status_t store_peek(const store_t *store, store_record_t *record,
                        char *buf);
/* Removes the oldest record. */
void store_drop(const store_t *store);

/* Removes the records of all processes that have ended, and renews the others
 * and that of agent_socket. */
void store_sweep(store_t *store, child_table_t *children, int agent_socket);

/* Removes all records. */
void store_clear(const store_t *store);

#endif
