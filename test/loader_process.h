/* SPDX-License-Identifier: Apache-2.0 */

/* A loader as the agent starts one, but without agent and httpd: what is said
 * to it and what it answers is the test's. Used by the loader tests. */
#ifndef LOADER_PROCESS_H
#define LOADER_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

typedef struct {
    const char *language;
    const char *socket; /* the path of what is fd 3 in the loader, or NULL */
    int control;        /* the other end of its fd 4 */
    int is_http;        /* the request format, once it is ready */
    pid_t pid;
    const char *said; /* the last line it said on its control channel */
} loader_t;

/* One answer. */
typedef struct {
    int status; /* 0: the connection ended before the head did */
    const char *head, *body;
    size_t body_len;
} loader_answer_t;

/* Starts "ruby", "python" or "node" in a folder; startup_file may be NULL.
 * interpreter: NULL for the usual one. It is killed when the test ends. */
loader_t *loader_start(const char *language, const char *app_root,
                       const char *startup_file, const char *interpreter);
/* The same for an app of one file, which is made below test_dir(). */
loader_t *loader_start_code(const char *language, const char *code);
/* The same for test/apps/NAME, and waits until it is ready. */
loader_t *loader_serve(const char *language, const char *name);

/* For those who start one in another way: a loader to be filled in, which is
 * killed when the test ends; and the socket it is to listen at, as fd 3. */
loader_t *loader_make(const char *language);
int loader_listen(loader_t *loader);

/* Waits for the next line on the control channel; "" at its end. */
const char *loader_read_line(loader_t *loader);
/* Waits for "ready". */
void loader_await_ready(loader_t *loader);
/* Waits for its end; the exit status, or 128 + the signal. */
int loader_wait(loader_t *loader);

int loader_connect(const loader_t *loader);
/* A request in the loader's format. body: NULL for none. */
const char *loader_request(const loader_t *loader, const char *method,
                           const char *path, const char *body, size_t body_len,
                           size_t *len);
void loader_send(int fd, const char *data, size_t len);
/* Sends a request without a body. */
void loader_ask(const loader_t *loader, int fd, const char *method,
                const char *path);
/* Reads one answer to a request of that method. */
loader_answer_t loader_read_answer(int fd, const char *method);
/* All at once, on one connection: the answer to a GET. */
loader_answer_t loader_get(const loader_t *loader, int fd, const char *path);
/* Whether nothing but the end of the connection comes. */
int loader_is_closed(int fd);

#endif
