/* SPDX-License-Identifier: Apache-2.0 */

/* A real httpd with our module for a test: its own folder, ports, processes.
 * When the test ends it is stopped, and must leave nothing behind: no process,
 * no instance dir, no error log line the test did not expect. */
#ifndef HTTPD_SERVER_H
#define HTTPD_SERVER_H

#include <sys/types.h>

typedef struct {
    const char *mpm;           /* "event" (default), "worker" or "prefork" */
    const char *modules;       /* more of httpd's modules: "rewrite dir" */
    const char *server_config; /* lines of the main server */
    const char *vhost_config;  /* lines of the VirtualHosts */
    const char *document_root; /* default: test_dir()/www/public, made */
    int tls;                   /* a second port with TLS */
    int http2;                 /* h2 on the TLS port, h2c on the other */
    int plain_user;            /* if root: start httpd as a plain user */
    int may_fail;              /* httpd_start returns NULL if httpd refuses */
    int untraced;              /* the test traces it by itself: root_trace.h */
} httpd_config_t;

typedef struct {
    pid_t pid; /* httpd's parent; 0 once it is stopped */
    int port, tls_port;
    const char *url;     /* "http://127.0.0.1:PORT" */
    const char *tls_url; /* "https://127.0.0.1:PORT" */
    const char *document_root;
    const char *app_root; /* the folder above it */
    const char *error_log;
    const char *run_dir; /* where the instance dir is */
} httpd_t;

/* Writes the configuration, starts httpd, waits until it accepts connections. */
httpd_t *httpd_start(const httpd_config_t *config);

/* Replaces server_config and vhost_config; a reload applies them. */
void httpd_configure(httpd_t *httpd, const httpd_config_t *config);

/* Each waits until the new configuration is in use: no later request meets the
 * one before. */
void httpd_graceful(httpd_t *httpd);
void httpd_restart(httpd_t *httpd);

/* Stops and checks; also done when the test ends. */
void httpd_stop(httpd_t *httpd);
/* The same after a signal to httpd's parent: SIGTERM is the stop that does not
 * wait for requests. */
void httpd_kill(httpd_t *httpd, int sig);

/* SIGKILL to httpd's parent; nothing is checked, so what it left is there for
 * the next httpd_start(). */
void httpd_forget(httpd_t *httpd);

/* A line with this text must be in the error log at the end, and may be of any
 * level; _allow_log: may be. */
void httpd_expect_log(const char *text);
void httpd_allow_log(const char *text);

/* The error log so far. */
const char *httpd_log(const httpd_t *httpd);
/* Waits until the error log contains text. */
void httpd_await_log(const httpd_t *httpd, const char *text);

/* Pids; 0 if there is none. */
pid_t httpd_watchdog(const httpd_t *httpd);
pid_t httpd_core(const httpd_t *httpd);

/* What httpd says of the configuration (httpd -t), for tests of directives;
 * returns its exit status. */
int httpd_test_config(const char **output, const httpd_config_t *config);

/* How a shell starts httpd, without arguments. */
const char *httpd_command(void);

/* A port of 127.0.0.1 nobody listens on. */
int httpd_free_port(void);

/* User httpd's children run as. */
const char *httpd_user(void);

#endif
