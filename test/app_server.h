/* SPDX-License-Identifier: Apache-2.0 */

/* httpd with one of the apps of test/apps. Those in ruby/, python/ and node/
 * have the same routes:
 *
 *   /hello         "hello from LANGUAGE\n"
 *   /pid           the process's
 *   /request       what the app sees of the request, as JSON
 *   /environment   the process's environment, as JSON
 *   /echo          the request's body
 *   /upload/FILE   "uploaded"; FILE below the app root gets lines: "first " and
 *                  the body's first five bytes, "all " and its length, or "cut"
 *   /early         "early", without reading the body
 *   /half          the process kills itself when it has read some of the body
 *   /size/N        N bytes of the pattern http_request_t.body_size sends
 *   /wait/FILE     "waited", once FILE exists below the app root
 *   /pieces/FILE   "one\n" at once, "two\n" once FILE exists, without a length
 *   /status/N      that status, with a body if it may have one
 *   /headers       50 headers X-Number-i: value i, two Set-Cookie
 *   /say/TEXT      prints TEXT on stdout and stderr
 *   /record/FILE   appends the process's pid to FILE below the app root
 *   /stick/FILE    the same, and never answers
 *   /leak/N        keeps N MiB of memory
 *   /burn/N        uses the CPU for N milliseconds
 *   /die           the process kills itself
 *   /raise         an exception
 *   anything else  "LANGUAGE: PATH"
 */
#ifndef APP_SERVER_H
#define APP_SERVER_H

#include "httpd_server.h"

/* A test for Ruby and one for Python, which both have preloaders and threads:
 * RUBY_AND_PYTHON(promise) { ... language ... } */
#define RUBY_AND_PYTHON(name)               \
    static void name(const char *language); \
    TEST(ruby_##name)                       \
    {                                       \
        name("ruby");                       \
    }                                       \
    TEST(python_##name)                     \
    {                                       \
        name("python");                     \
    }                                       \
    static void name(const char *language)

/* A test for each language. */
#define EACH_LANGUAGE(name)                 \
    static void name(const char *language); \
    TEST(node_##name)                       \
    {                                       \
        name("node");                       \
    }                                       \
    RUBY_AND_PYTHON(name)

/* Copies test/apps/NAME and starts httpd; its app_root is the copy. config may
 * be NULL. Skips the test if the interpreter is not there. */
httpd_t *app_serve(const char *name, const httpd_config_t *config);

/* Copies test/apps/NAME to `folder` below test_dir(); returns its path. */
const char *app_copy(const char *name, const char *folder);

/* Configuration by which the app in `folder` of test_dir() is at `uri`. */
const char *app_below(const char *uri, const char *folder);

/* Skips the test unless all of these programs (separated by spaces) exist. */
void app_require(const char *programs);

/* The pid /pid answers with. */
pid_t app_pid(const httpd_t *httpd);

/* What `passenger-agent ARGUMENTS` prints of this httpd, which must succeed. */
const char *app_tool(const httpd_t *httpd, const char *arguments);

/* Makes a file the app waits for. */
void app_release(const httpd_t *httpd, const char *file);

/* What http_request_t.body_size sends and /size/N answers. */
int app_is_pattern(const char *data, size_t len);

/* The Python app answers the path, and sees it as `seen`. */
void app_check(const httpd_t *httpd, const char *path, const char *seen);

/* The path is answered with that content. */
void app_check_file(const httpd_t *httpd, const char *path,
                    const char *content);

/* Configuration by which everybody may read a folder of test_dir() by HTTP. */
const char *app_granted(const char *folder);

#endif
