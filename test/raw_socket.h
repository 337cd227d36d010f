/* SPDX-License-Identifier: Apache-2.0 */

/* Bytes over TCP for what no HTTP library would send, and for reading slowly. */
#ifndef RAW_SOCKET_H
#define RAW_SOCKET_H

#include <stddef.h>

/* Connects to 127.0.0.1. The _slow form asks for a receive buffer as small as
 * the system gives, so that unread bytes stay with the sender. */
int raw_connect(int port);
int raw_connect_slow(int port);

/* Sends all of text. */
void raw_send(int fd, const char *text);
/* Sends as much as goes within `seconds`; returns the number of bytes. */
size_t raw_send_bytes(int fd, const char *data, size_t len, int seconds);

/* Reads until `text` came, the end of the stream, or 10 s passed; returns all
 * that came, ending with NUL. text NULL: until the end of the stream. */
const char *raw_read_until(int fd, const char *text);

/* Reads once, at most len bytes; 0 at the end of the stream. */
size_t raw_read(int fd, char *buf, size_t len);

#endif
