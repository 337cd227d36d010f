/* SPDX-License-Identifier: Apache-2.0 */

/* See htaccess_storm.h. */
#include "htaccess_storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "app_server.h"
#include "htaccess_writer.h"
#include "http_client.h"
#include "tenants.h"
#include "test.h"

enum {
    EACH_APP = 4,     /* files: a request that reaches an app, if any does */
    EACH_CANARY = 10, /* files: a look at the other site */
    ANSWER_SECONDS = 25,
};

/* All that the app knows, but what each process and request has of its own. */
static const char canary_program[] =
    "import os\n"
    "OWN = ('LISTEN_PID', 'REMOTE_PORT', 'wsgi.input', 'wsgi.errors')\n"
    "def lines(mapping):\n"
    "    return ''.join('%s=%r\\n' % item for item in sorted(mapping.items())\n"
    "                   if item[0] not in OWN and isinstance(item[1], str))\n"
    "def application(environ, start_response):\n"
    "    start_response('200 OK', [('X-User', str(os.getuid()))])\n"
    "    return [(lines(os.environ) + lines(environ)).encode()]\n";

static httpd_t *serve(int canary_port)
{
    if (getuid() == 0) {
        tenants_create();
    }
    app_require("python3");
    app_copy("python", "www");
    test_file("www/public/place/file.txt", "file");
    test_file("www/public/place/.htaccess", "");
    test_file("alice/passenger_wsgi.py", canary_program);
    /* httpd's ETag is another one in the first second. */
    test_shell(NULL, "touch -d '1 hour ago' '%s'",
               test_file("alice/public/file.txt", "of alice"));
    if (getuid() == 0) {
        test_shell(NULL,
                   "cd '%s' && chown -R psgbob www && chown -R psgalice alice",
                   test_dir());
    }
    return httpd_start(&(httpd_config_t){
        .modules = "alias rewrite headers env setenvif auth_basic authn_core "
                   "authn_file authz_user authz_host access_compat",
        .server_config =
            test_format("PassengerStartTimeout 3\nListen 127.0.0.1:%d\n"
                        "<VirtualHost 127.0.0.1:%d>\nServerName alice\n"
                        "DocumentRoot \"%s/alice/public\"\n"
                        "<Directory \"%s/alice/public\">\n"
                        "Require all granted\nAllowOverride All\n"
                        "</Directory>\n</VirtualHost>\n",
                        canary_port, canary_port, test_dir(), test_dir()),
        .vhost_config = test_format("<Directory \"%s/www/public\">\n"
                                    "AllowOverride All\nOptions All\n"
                                    "</Directory>\n",
                                    test_dir())});
}

/* Without the only header that differs each time. */
static const char *ask_canary(int port, const char *path)
{
    const http_response_t *answer =
        http_get("http://127.0.0.1:%d%s", port, path);
    char *head = apr_pstrdup(test_pool(), answer->head);
    char *date = strstr(head, "Date: ");

    if (date) {
        memset(date, '-', strcspn(date, "\r\n"));
    }
    return apr_pstrcat(test_pool(), head, answer->body, NULL);
}

static void write_file(const htaccess_writer_t *writer)
{
    const char *path = test_format("%s/www/public/place/.htaccess", test_dir());
    FILE *file = fopen(path, "we");

    CHECK(file != NULL);
    CHECK(fwrite(writer->text, 1, writer->len, file) == writer->len);
    CHECK_INT(fclose(file), 0);
}

static uint64_t choose_seed(void)
{
    const char *text = getenv("HTACCESS_SEED");
    uint64_t seed =
        text ? strtoull(text, NULL, 10)
             : (uint64_t)getpid() << 32 | (uint64_t)(test_now() * 1e6);

    return seed ? seed : 1;
}

/* What the folder's owner gets is all the same, if it is an answer. */
static void ask_place(htaccess_storm_t *storm, const httpd_t *httpd,
                      http_client_t *client, int number)
{
    const char *path = number % EACH_APP == 0 ? "app" : "file.txt";
    const http_response_t *answer = http_request(
        &(http_request_t){.url = test_format("%s/place/%s", httpd->url, path),
                          .client = client,
                          .seconds = ANSWER_SECONDS});

    if (answer->status == 0) {
        FAIL("seed %llu, file %d: no answer to '%s': %s",
             (unsigned long long)storm->seed, number, path, answer->error);
    }
    storm->statuses[answer->status / 100 % 6]++;
}

htaccess_storm_t htaccess_storm_run(int files)
{
    htaccess_storm_t storm = {.seed = choose_seed(), .files = files};
    htaccess_writer_t writer = {.state = storm.seed};
    int port = httpd_free_port(), i;
    httpd_t *httpd = serve(port);
    http_client_t *client = http_client_create();
    const char *app, *file;
    pid_t core, watchdog = httpd_watchdog(httpd);

    fprintf(stderr, "HTACCESS_SEED=%llu\n", (unsigned long long)storm.seed);
    httpd_allow_log("[core:alert]"); /* "Invalid command" and the like */
    httpd_allow_log("[core:error]");
    httpd_allow_log("[passenger:error]");
    httpd_allow_log("[authz_core:error]");
    httpd_allow_log("[authn_core:error]");
    httpd_allow_log("[auth_basic:error]");
    httpd_allow_log("[rewrite:");
    httpd_allow_log("PSG");
    app = ask_canary(port, "/");
    file = ask_canary(port, "/file.txt");
    CHECK_CONTAINS(app, "REQUEST_METHOD='GET'");
    CHECK_CONTAINS(file, "of alice");
    core = httpd_core(httpd);
    for (i = 1; i <= files; i++) {
        htaccess_writer_next(&writer);
        write_file(&writer);
        ask_place(&storm, httpd, client, i);
        if (i % EACH_CANARY == 0) {
            CHECK_STR(ask_canary(port, "/"), app);
            CHECK_STR(ask_canary(port, "/file.txt"), file);
        }
    }
    writer.len = 0;
    write_file(&writer);
    CHECK_STR(http_get_body(200, "%s/place/file.txt", httpd->url), "file");
    CHECK_STR(ask_canary(port, "/"), app);
    CHECK_INT(httpd_core(httpd), core);
    CHECK_INT(httpd_watchdog(httpd), watchdog);
    free(writer.text);
    return storm;
}
