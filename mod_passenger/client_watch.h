/* SPDX-License-Identifier: Apache-2.0 */

/* The visitor's connection while an app works: is it still there, and can it
 * take more without making us wait? */
#ifndef PSG_CLIENT_WATCH_H
#define PSG_CLIENT_WATCH_H

#include <httpd.h>

typedef struct {
    conn_rec *connection;
    int fd; /* -1: HTTP/2, where streams share a connection that is not ours */
} psg_client_t;

void psg_client_watch(psg_client_t *client, conn_rec *connection);

/* A visitor who closed one direction counts as gone: nothing but a complete
 * close looks different only when one writes. */
int psg_client_gone(const psg_client_t *client);

/* True for poll() results of client->fd that mean the same. */
int psg_client_gone_events(short events);

/* Whether a piece (PSG_CLIENT_PIECE bytes) can be written without waiting. Tries
 * to send what httpd still holds for this connection first. Not for HTTP/2. */
int psg_client_ready(const psg_client_t *client);

/* A socket that poll() calls writable has at least this much room. */
enum {
    PSG_CLIENT_PIECE = 16 * 1024
};

#endif
