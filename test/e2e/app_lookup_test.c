/* SPDX-License-Identifier: Apache-2.0 */

/* Which app a URI belongs to: base URIs, folders, types and startup files; and
 * what the log says where one cannot be found. */
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

/* httpd with a Python app, which answers "python: PATH". */
static httpd_t *serve(const char *modules, const char *vhost_config)
{
    return app_serve("python", &(httpd_config_t){
                                   .modules = modules,
                                   .vhost_config = vhost_config,
                               });
}

/* A link from the document root to another app's public folder. */
static void link_app(const char *language, const char *folder, const char *name)
{
    const char *root = app_copy(language, folder);
    const char *public = test_format("%s/public", root);

    mkdir(public, 0755);
    CHECK_INT(
        symlink(public, test_format("%s/www/public/%s", test_dir(), name)), 0);
}

TEST(base_uri_leads_to_another_app)
{
    httpd_t *httpd;

    app_require("node");
    httpd = serve(NULL, test_format("PassengerBaseURI /shop\n%s",
                                    app_granted("shop/public")));
    link_app("node", "shop", "shop");
    test_file("shop/public/logo.txt", "a logo");
    CHECK_CONTAINS(http_get_body(200, "%s/shop/x", httpd->url), "node: ");
    app_check_file(httpd, "/shop/logo.txt", "a logo");
    app_check(httpd, "/shopping", "/shopping");
    app_check(httpd, "/", "/");
}

TEST(longest_base_uri_wins)
{
    httpd_t *httpd;

    app_require("node ruby");
    httpd =
        serve("alias", "PassengerBaseURI /a\nPassengerBaseURI /a/b /a/b/c\n");
    link_app("node", "first", "a");
    mkdir(test_format("%s/first/public/b", test_dir()), 0755);
    link_app("ruby", "second", "a/b/c");
    CHECK_CONTAINS(http_get_body(200, "%s/a/x", httpd->url), "node: ");
    CHECK_STR(http_get_body(200, "%s/a/b/c/hello", httpd->url),
              "hello from ruby\n");
}

TEST(app_root_may_be_anywhere)
{
    httpd_t *httpd;

    app_require("node");
    httpd = serve(NULL, app_below("/shop", "shop/"));
    app_copy("node", "shop");
    CHECK_CONTAINS(http_get_body(200, "%s/shop/x", httpd->url), "node: ");
    app_check(httpd, "/hi", "/hi");
}

TEST(startup_file_may_have_any_name)
{
    httpd_t *httpd = serve(NULL, "PassengerStartupFile code/main.py\n");

    CHECK_INT(test_shell(NULL,
                         "cd '%s/www' && mkdir code && mv passenger_wsgi.py "
                         "code/main.py",
                         test_dir()),
              0);
    app_check(httpd, "/x", "/x");
}

TEST(type_without_app_root_is_obeyed)
{
    httpd_t *httpd = serve(NULL, "PassengerAppType python\n"
                                 "PassengerStartupFile main\n");

    CHECK_INT(test_shell(NULL, "cd '%s/www' && mv passenger_wsgi.py main",
                         test_dir()),
              0);
    app_check(httpd, "/x", "/x");
}

TEST(app_that_appears_is_found_within_a_moment)
{
    httpd_t *httpd = httpd_start(&(httpd_config_t){0});

    http_get_body(404, "%s/hello", httpd->url);
    app_copy("python", "www");
    WAIT_UNTIL(http_get("%s/hello", httpd->url)->status == 200);
}

TEST(closed_folder_is_named)
{
    httpd_t *httpd =
        serve("status", test_format("PassengerAppRoot \"%s/home/app\"\n"
                                    "<Location /status>\n"
                                    "SetHandler server-status\n"
                                    "</Location>\n",
                                    test_dir()));

    app_copy("python", "home/app");
    test_file("www/public/file.txt", "a file");
    CHECK_INT(chmod(test_format("%s/home", test_dir()), 0600), 0);
    httpd_expect_log(test_format("search permission on '%s/home'", test_dir()));
    http_get_body(500, "%s/x", httpd->url);
    app_check_file(httpd, "/file.txt", "a file");
    http_get_body(200, "%s/status", httpd->url);
    CHECK_INT(chmod(test_format("%s/home", test_dir()), 0755), 0);
    WAIT_UNTIL(http_get("%s/x", httpd->url)->status == 200);
}

TEST(app_root_without_an_app_is_named)
{
    httpd_t *httpd =
        serve(NULL, test_format("PassengerAppRoot \"%s/empty\"\n", test_dir()));

    httpd_expect_log(test_format("PassengerAppRoot is '%s/empty'", test_dir()));
    http_get_body(500, "%s/x", httpd->url);
}

TEST(startup_file_of_an_unknown_kind_is_named)
{
    httpd_t *httpd = serve(NULL, "PassengerStartupFile main\n");

    CHECK_INT(test_shell(NULL, "cd '%s/www' && mv passenger_wsgi.py main",
                         test_dir()),
              0);
    httpd_expect_log("what kind of app is PassengerStartupFile 'main'");
    http_get_body(500, "%s/x", httpd->url);
}

/* A list that is longer than the scoreboard's room for options. */
TEST(hundreds_of_base_uris_may_be_configured)
{
    const char *lines = "";
    httpd_t *httpd;
    int i;

    for (i = 0; i < 500; i++) {
        lines =
            test_format("%sPassengerBaseURI /long/name/of/app/%d\n", lines, i);
    }
    httpd = app_serve("python", &(httpd_config_t){.vhost_config = lines});
    http_get_body(200, "%s/hello", httpd->url);
}

TEST(options_beyond_the_room_are_told_once)
{
    const char *value = "x";
    httpd_t *httpd;
    int i;

    for (i = 0; i < 13; i++) {
        value = test_format("%s%s", value, value);
    }
    httpd = serve(NULL, test_format("PassengerEnvVar LONG %s\n", value));
    httpd_expect_log("are longer than 8192 bytes; look for a long value");
    CHECK_INT(http_get("%s/x", httpd->url)->status, 500);
    CHECK_LACKS(httpd_log(httpd), "PSG0103");
}
