/* SPDX-License-Identifier: Apache-2.0 */

/* What a program does with its connection costs nobody else a request, nor
 * makes one happen twice. */
#include <sys/resource.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

/* A folder for the app, which runs as another user if we are root. */
static void make_open_folder(const httpd_t *httpd)
{
    CHECK_INT(test_shell(NULL, "mkdir -m 777 '%s/open'", httpd->app_root), 0);
}

/* Acts on the first line it reads and leaves the rest in the socket, which then
 * looks as if it had read nothing. */
static const char hasty_program[] =
    "import socket\n"
    "listener = socket.socket(fileno=3)\n"
    "while True:\n"
    "    connection, _ = listener.accept()\n"
    "    line = b''\n"
    "    while not line.endswith(b'\\n'):\n"
    "        byte = connection.recv(1)\n"
    "        if not byte:\n"
    "            break\n"
    "        line += byte\n"
    "    if line:\n"
    "        with open('open/done', 'ab') as done:\n"
    "            done.write(line)\n"
    "    connection.close()\n";

TEST(post_is_not_repeated_for_a_program_that_reads_half_of_it)
{
    httpd_t *httpd;

    httpd_allow_log("PSG");
    app_require("python3");
    test_file("www/hasty.py", hasty_program);
    httpd = app_serve("raw", &(httpd_config_t){.vhost_config =
                                                   "PassengerAppStartCommand "
                                                   "\"python3 hasty.py\"\n"});
    make_open_folder(httpd);
    CHECK_INT(http_post(test_format("%s/buy", httpd->url), "")->status, 502);
    CHECK_STR(test_read(test_format("%s/open/done", httpd->app_root)),
              "POST /buy HTTP/1.1\r\n");
}

/* The first answer is complete when more is written: that must not become the
 * answer to somebody else's request. */
static const char late_program[] =
    "const fs = require('fs');\n"
    "const http = require('http');\n"
    "http.createServer((request, response) => {\n"
    "    if (request.url !== '/late') {\n"
    "        response.end('right');\n"
    "        return;\n"
    "    }\n"
    "    response.setHeader('Content-Length', 2);\n"
    "    response.write('ok');\n"
    "    setTimeout(() => response.end('HTTP/1.1 200 OK\\r\\n'\n"
    "        + 'Content-Length: 5\\r\\n\\r\\nwrong',\n"
    "        () => fs.writeFileSync('open/late', '')), 20);\n"
    "}).listen(3000);\n";

TEST(late_surplus_of_an_answer_is_nobodys_answer)
{
    httpd_t *httpd;

    app_require("node");
    app_copy("node", "www");
    test_file("www/app.js", late_program);
    httpd = httpd_start(&(httpd_config_t){0});
    make_open_folder(httpd);
    CHECK_STR(http_get_body(200, "%s/late", httpd->url), "ok");
    WAIT_UNTIL(test_exists(test_format("%s/open/late", httpd->app_root)));
    CHECK_STR(http_get_body(200, "%s/other", httpd->url), "right");
}

enum {
    AT_ONCE = 16,
    /* Of which httpd needs some 20, and two for each visitor: there is no room
     * for idle connections to more than one app. */
    FILES = 72,
};

/* So many requests at once that their connections to the app, which is of the
 * kind without a limit, stay open afterwards. */
static void make_idle_connections(const httpd_t *httpd, const char *app)
{
    http_running_t *running[AT_ONCE];
    const char *url = test_format("%s%s/wait/%s", httpd->url, app, app + 1);
    int i;

    for (i = 0; i < AT_ONCE; i++) {
        running[i] = http_begin(&(http_request_t){.url = url});
    }
    app_release(httpd, app + 1);
    for (i = 0; i < AT_ONCE; i++) {
        CHECK_INT(http_end(running[i])->status, 200);
    }
}

/* Apps that were asked once keep their processes for minutes; httpd must have
 * descriptors left for visitors of others. */
TEST(idle_connections_to_many_apps_leave_httpd_descriptors)
{
    struct rlimit files;
    httpd_t *httpd;
    const char *app;
    int i;

    CHECK_INT(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = FILES;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &files), 0);
    httpd_allow_log("AH10159");
    httpd_allow_log("AH00484");
    httpd = app_serve(
        "node",
        &(httpd_config_t){
            .server_config = "StartServers 1\nServerLimit 1\n"
                             "MaxRequestWorkers 16\nMaxSpareThreads 16\n",
            .vhost_config = test_format("PassengerBaseURI /a /b /c /d\n"
                                        "PassengerAppRoot \"%s/www\"\n",
                                        test_dir())});
    for (i = 0; i < 4; i++) {
        app = test_format("/%c", 'a' + i);
        make_idle_connections(httpd, app);
    }
}
