/* SPDX-License-Identifier: Apache-2.0 */

/* HTTP for tests: libcurl in our words. What curl would not send or read as we
 * need it goes over raw_socket.h. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

/* Keeps connections open between requests, as a browser does. */
typedef struct http_client_t http_client_t;

typedef struct {
    const char *url;
    const char *method;         /* NULL: GET, or POST if there is a body */
    const char *const *headers; /* "Name: value", the last one is NULL */
    const char *body;           /* a string */
    uint64_t body_size;    /* instead of body: as many bytes of a pattern */
    int chunked;           /* send the body without a length */
    int version;           /* 10, 11 (default) or 20 */
    int seconds;           /* deadline; default 20 */
    int discard;           /* do not keep the answer's body, count it */
    const char *user;      /* "name:password" for basic authentication */
    http_client_t *client; /* NULL: a new connection for this request */
    /* Called with each piece of the body as it arrives. */
    void (*on_piece)(void *data, const char *piece, size_t len);
    void *data;
} http_request_t;

typedef struct {
    int status; /* 0: there was no answer */
    int version;
    const char *head; /* status line and headers of the last answer */
    const char *body; /* a NUL is behind it */
    uint64_t body_len;
    int new_connections; /* made for this request */
    const char *error; /* what curl says went wrong, e.g. a cut body; or NULL */
    double seconds;
} http_response_t;

/* Never fails the test: look at status and error. */
const http_response_t *http_request(const http_request_t *request);
const http_response_t *http_get(const char *url_format, ...)
    __attribute__((format(printf, 1, 2)));
const http_response_t *http_post(const char *url, const char *body);

/* GET whose answer must be complete and have that status; returns the body. */
const char *http_get_body(int status, const char *url_format, ...)
    __attribute__((format(printf, 2, 3)));

/* The value of the nth (from 0) header of that name, or NULL. */
const char *http_header(const http_response_t *response, const char *name);
const char *http_header_nth(const http_response_t *response, const char *name,
                            int n);

/* Lives as long as the test. */
http_client_t *http_client_create(void);

/* A request in the background. http_end() waits for it. */
typedef struct http_running_t http_running_t;
http_running_t *http_begin(const http_request_t *request);
const http_response_t *http_end(http_running_t *running);
/* Whether http_end() would not wait. */
int http_is_done(const http_running_t *running);

/* GETs in a loop over some connections, in a process of its own. */
typedef struct http_load_t http_load_t;
typedef struct {
    int ok;       /* answered 200 */
    int other;    /* answered anything else */
    int failed;   /* no answer, or an incomplete one */
    int last_bad; /* the last status that was not 200 */
} http_load_result_t;
http_load_t *http_load_start(const char *url, int connections);
/* What was done so far. */
http_load_result_t http_load_look(const http_load_t *load);
/* Lets the requests in progress end. */
http_load_result_t http_load_stop(http_load_t *load);

#endif
