/* SPDX-License-Identifier: Apache-2.0 */

/* Which requests an app answers and which httpd does, together with the modules
 * that have a say: mod_dir, mod_alias, mod_rewrite, mod_negotiation and others. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "raw_socket.h"
#include "test.h"

/* httpd with a Python app, which answers "python: PATH". */
static httpd_t *serve(const char *modules, const char *vhost_config)
{
    return app_serve("python", &(httpd_config_t){
                                   .modules = modules,
                                   .vhost_config = vhost_config,
                               });
}

TEST(cached_page_stands_for_its_uri)
{
    httpd_t *httpd = serve(NULL, NULL);

    test_file("www/public/page.html", "page");
    test_file("www/public/folder.html", "folder's page");
    test_file("www/public/folder/index.html", "index");
    test_file("www/public/folder/a b.html", "a b");
    app_check_file(httpd, "/page", "page");
    app_check_file(httpd, "/page.html", "page");
    app_check_file(httpd, "/page?question", "page");
    app_check_file(httpd, "/folder", "folder's page");
    app_check_file(httpd, "/folder/", "index");
    app_check_file(httpd, "/folder/a%20b", "a b");
    app_check(httpd, "/page/", "/page/");
    app_check(httpd, "/page/more", "/page/more");
    app_check(httpd, "/other", "/other");
}

TEST(cached_page_is_for_get_and_head_only)
{
    httpd_t *httpd = serve(NULL, NULL);
    const char *url = test_format("%s/page", httpd->url);
    const http_response_t *answer;

    test_file("www/public/page.html", "cached");
    answer = http_request(&(http_request_t){.url = url, .method = "HEAD"});
    CHECK_INT(answer->status, 200);
    CHECK_STR(http_header(answer, "Content-Length"), "6");
    CHECK_STR(http_post(url, "x")->body, "python: /page");
    answer = http_request(&(http_request_t){.url = url, .method = "DELETE"});
    CHECK_STR(answer->body, "python: /page");
}

TEST(cached_page_obeys_access_control)
{
    httpd_t *httpd = serve(NULL, "<Files secret.html>\n"
                                 "Require all denied\n"
                                 "</Files>\n");

    test_file("www/public/secret.html", "secret");
    http_get_body(403, "%s/secret.html", httpd->url);
    app_check(httpd, "/secret", "/secret");
    httpd_allow_log("AH01630");
}

TEST(path_below_a_file_is_the_apps)
{
    httpd_t *httpd = serve(NULL, NULL);

    test_file("www/public/file.txt", "a file");
    app_check_file(httpd, "/file.txt", "a file");
    app_check(httpd, "/file.txt/more", "/file.txt/more");
}

TEST(folder_is_neither_listed_nor_redirected)
{
    httpd_t *httpd = serve("autoindex", "DirectoryIndex index.txt\n"
                                        "Options +Indexes\n");

    test_file("www/public/folder/index.txt",
              "an index the app did not ask for");
    app_check(httpd, "/folder", "/folder");
    app_check(httpd, "/folder/", "/folder/");
    app_check(httpd, "/", "/");
}

TEST(folder_without_app_is_httpds)
{
    httpd_t *httpd = serve("autoindex", "<Location /off>\n"
                                        "PassengerEnabled Off\n"
                                        "Options +Indexes\n"
                                        "</Location>\n");
    const http_response_t *answer;

    test_file("www/public/off/file.txt", "a file");
    answer = http_get("%s/off", httpd->url);
    CHECK_INT(answer->status, 301);
    CHECK_CONTAINS(http_get_body(200, "%s/off/", httpd->url), "file.txt");
    http_get_body(404, "%s/off/none", httpd->url);
}

TEST(document_root_without_app_is_httpds)
{
    httpd_t *httpd = httpd_start(&(httpd_config_t){.modules = "autoindex"});

    test_file("www/public/file.txt", "a file");
    app_check_file(httpd, "/file.txt", "a file");
    http_get_body(404, "%s/none", httpd->url);
}

TEST(multiviews_do_not_take_an_apps_uri)
{
    httpd_t *httpd = serve("negotiation", "Options +MultiViews\n");

    test_file("www/public/list.txt", "a variant");
    test_file("www/public/folder/list.txt", "a variant");
    app_check(httpd, "/list", "/list");
    app_check(httpd, "/folder/list", "/folder/list");
    app_check_file(httpd, "/list.txt", "a variant");
}

TEST(alias_leads_to_files_elsewhere)
{
    httpd_t *httpd =
        serve("alias", test_format("Alias /assets \"%s/else\"\n%s", test_dir(),
                                   app_granted("else")));

    test_file("else/file.css", "body {}");
    app_check_file(httpd, "/assets/file.css", "body {}");
    app_check(httpd, "/assets/none.css", "/assets/none.css");
    app_check(httpd, "/assets/", "/assets/");
}

TEST(redirect_and_script_alias_win)
{
    httpd_t *httpd =
        serve("alias cgid",
              test_format("Redirect /old http://elsewhere.test/new\n"
                          "ScriptAlias /cgi \"%s/cgi\"\n%s"
                          "<Location /gone>\nRedirect gone\n</Location>\n",
                          test_dir(), app_granted("cgi")));
    const http_response_t *answer = http_get("%s/old/x", httpd->url);

    CHECK_INT(answer->status, 302);
    CHECK_STR(http_header(answer, "Location"), "http://elsewhere.test/new/x");
    http_get_body(410, "%s/gone", httpd->url);
    test_file("cgi/script",
              "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
              "printf \"cgi: $PATH_INFO\"\n");
    CHECK_INT(test_shell(NULL, "chmod 755 '%s/cgi/script'", test_dir()), 0);
    app_check_file(httpd, "/cgi/script", "cgi: ");
    app_check_file(httpd, "/cgi/script/more", "cgi: /more");
}

TEST(other_handlers_win)
{
    httpd_t *httpd = serve("status rewrite",
                           "<Location /status>\n"
                           "SetHandler server-status\n"
                           "</Location>\n"
                           "RewriteEngine On\n"
                           "RewriteRule ^/rewritten$ - [H=server-status]\n");

    CHECK_CONTAINS(http_get_body(200, "%s/status", httpd->url),
                   "Server Status");
    CHECK_CONTAINS(http_get_body(200, "%s/rewritten", httpd->url),
                   "Server Status");
}

TEST(proxied_request_is_not_the_apps)
{
    int closed = httpd_free_port();
    httpd_t *httpd =
        serve("proxy proxy_http rewrite",
              test_format("ProxyPass /proxied http://127.0.0.1:%d/\n"
                          "RewriteEngine On\n"
                          "RewriteRule ^/sent$ http://127.0.0.1:%d/ [P]\n",
                          closed, closed));

    httpd_allow_log("[proxy");
    http_get_body(503, "%s/proxied/x", httpd->url);
    http_get_body(503, "%s/sent", httpd->url);
    app_check(httpd, "/x", "/x");
}

TEST(rewrite_rules_of_the_server_apply)
{
    httpd_t *httpd =
        serve("rewrite", "RewriteEngine On\n"
                         "RewriteRule ^/short/(.*)$ /long/$1 [PT]\n"
                         "RewriteRule ^/tofile$ /file.txt [PT]\n"
                         "RewriteRule ^/away$ http://elsewhere.test/ [R]\n"
                         "RewriteRule ^/forbidden$ - [F]\n");

    test_file("www/public/file.txt", "a file");
    app_check(httpd, "/short/x", "/long/x");
    app_check_file(httpd, "/tofile", "a file");
    CHECK_INT(http_get("%s/away", httpd->url)->status, 302);
    http_get_body(403, "%s/forbidden", httpd->url);
}

TEST(rewrite_rules_of_htaccess_apply)
{
    httpd_t *httpd =
        serve("rewrite", test_format("<Directory \"%s/www/public\">\n"
                                     "AllowOverride All\n"
                                     "Options +FollowSymLinks\n"
                                     "</Directory>\n",
                                     test_dir()));

    test_file("www/public/file.txt", "a file");
    test_file("www/public/.htaccess", "RewriteEngine On\n"
                                      "RewriteRule ^tofile$ /file.txt\n"
                                      "RewriteRule ^short/(.*)$ /long/$1 [L]\n"
                                      "RewriteRule ^away$ /there [R=301]\n");
    app_check_file(httpd, "/tofile", "a file");
    app_check(httpd, "/short/x", "/long/x");
    CHECK_INT(http_get("%s/away", httpd->url)->status, 301);
    app_check(httpd, "/other", "/other");
}

TEST(app_writes_httpds_error_pages)
{
    httpd_t *httpd = serve(NULL, "ErrorDocument 403 /sorry\n"
                                 "<Files hidden.txt>\n"
                                 "Require all denied\n"
                                 "</Files>\n");
    const http_response_t *answer;

    httpd_allow_log("AH01630");
    test_file("www/public/hidden.txt", "hidden");
    answer = http_get("%s/hidden.txt", httpd->url);
    CHECK_INT(answer->status, 403);
    CHECK_STR(answer->body, "python: /sorry");
}

TEST(file_includes_what_an_app_says)
{
    httpd_t *httpd = serve("include", "Options +Includes\n"
                                      "AddOutputFilter INCLUDES .html\n");

    test_file("www/public/file.html",
              "before <!--#include virtual=\"/part\" --> after");
    app_check_file(httpd, "/file.html", "before python: /part after");
}

TEST(trace_and_options_of_the_server_are_httpds)
{
    httpd_t *httpd = serve(NULL, NULL);
    const http_response_t *answer;
    int fd;

    answer = http_request(&(http_request_t){
        .url = test_format("%s/x", httpd->url), .method = "TRACE"});
    CHECK_CONTAINS(answer->body, "TRACE /x");
    answer = http_request(&(http_request_t){
        .url = test_format("%s/x", httpd->url), .method = "OPTIONS"});
    CHECK_STR(answer->body, "python: /x");
    fd = raw_connect(httpd->port);
    raw_send(fd, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK_LACKS(raw_read_until(fd, NULL), "python");
    close(fd);
}

static int count_of(const char *text, const char *word)
{
    int count = 0;

    for (; (text = strstr(text, word)) != NULL; text++) {
        count++;
    }
    return count;
}

/* What httpd's children do with files, written down by strace. */
typedef struct {
    const httpd_t *httpd;
    const char *output;
    pid_t children[16];
    int count;
} trace_t;

/* Skips the test where strace is not permitted. */
static void trace_begin(trace_t *trace, const httpd_t *httpd)
{
    const char *said = test_format("%s/trace.err", test_dir());
    const char *args = "";
    int i;

    trace->httpd = httpd;
    trace->output = test_format("%s/trace", test_dir());
    trace->count =
        process_find_all(httpd->pid, TEST_HTTPD, trace->children, 16);
    for (i = 0; i < trace->count; i++) {
        args = test_format("%s -p %d", args, (int)trace->children[i]);
    }
    test_shell(NULL,
               "timeout 20 strace -f -e trace=%%file -o '%s' %s >/dev/null "
               "2>'%s' & echo $! >'%s/tracer'",
               trace->output, args, said, test_dir());
    WAIT_UNTIL(count_of(test_read(said), "\n") >= trace->count);
    if (count_of(test_read(said), "attached") < trace->count) {
        SKIP("strace may not attach: %s", test_read(said));
    }
}

/* httpd, told to end while its threads are slowed down, looks at sockets that
 * they have freed already, so it must be itself again before. */
static void trace_end(const trace_t *trace)
{
    int i;

    CHECK_INT(test_shell(NULL, "kill $(cat '%s/tracer')", test_dir()), 0);
    for (i = 0; i < trace->count; i++) {
        WAIT_UNTIL(process_status(trace->children[i], "TracerPid") == 0);
    }
}

/* How often they have asked for the file; `marker` is a file name that nobody
 * asked for before, so that the trace is known to be complete. */
static int trace_count(const trace_t *trace, const char *name,
                       const char *marker)
{
    http_get("%s/%s", trace->httpd->url, marker);
    WAIT_UNTIL(strstr(test_read(trace->output), marker) != NULL);
    return count_of(test_read(trace->output), test_format("/%s\"", name));
}

TEST(mapping_costs_no_stat_but_for_a_cached_page)
{
    httpd_t *httpd;
    trace_t trace;

    app_require("strace");
    httpd = serve(NULL, NULL);
    test_file("www/public/file.txt", "a file");
    app_check(httpd, "/warm", "/warm");
    trace_begin(&trace, httpd);
    app_check_file(httpd, "/file.txt", "a file");
    app_check(httpd, "/none/below", "/none/below");
    app_check(httpd, "/dynamic", "/dynamic");
    CHECK_INT(trace_count(&trace, "dynamic.html", "marker1"), 1);
    CHECK_INT(trace_count(&trace, "file.txt.html", "marker2"), 0);
    CHECK_INT(trace_count(&trace, "below.html", "marker3"), 0);
    /* core's stat and the default handler's open */
    CHECK_INT(trace_count(&trace, "file.txt", "marker4"), 2);
    trace_end(&trace);
}
