/* SPDX-License-Identifier: Apache-2.0 */

/* An app whose folder is the DocumentRoot does not show its source. */
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

static void write_files(const char *folder)
{
    static const char *const names[] = {
        ".env",          "data.sqlite3",      "settings.py",  "lib/x.rb",
        "package.json",  "node_modules/a.js", "index.css",    "static/site.js",
        ".well-known/x", "helper.js",         "venv/bin/any", "config/app.yml"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        test_file(test_format("%s/%s", folder, names[i]), "secret or not");
    }
}

static httpd_t *serve(const char *name, const char *lines)
{
    httpd_t *httpd;

    app_copy(name, "www");
    write_files("www");
    httpd = httpd_start(&(httpd_config_t){
        .document_root = test_format("%s/www", test_dir()),
        .vhost_config =
            test_format("PassengerAppRoot \"%s/www\"\n%s", test_dir(), lines)});
    return httpd;
}

static int status_of(const httpd_t *httpd, const char *path)
{
    return http_get("%s%s", httpd->url, path)->status;
}

TEST(source_and_secrets_are_refused)
{
    static const char *const refused[] = {"/.env",
                                          "/data.sqlite3",
                                          "/settings.py",
                                          "/lib/x.rb",
                                          "/package.json",
                                          "/venv/bin/any",
                                          "/node_modules/a.js",
                                          "/config/app.yml",
                                          "/passenger_wsgi.py",
                                          "/%2eenv",
                                          "//settings.py"};
    httpd_t *httpd;
    size_t i;

    app_require("python3");
    httpd = serve("python", "");
    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (status_of(httpd, refused[i]) != 403) {
            FAIL("%s is not refused", refused[i]);
        }
    }
    CHECK_STR(http_get_body(200, "%s/index.css", httpd->url), "secret or not");
    CHECK_STR(http_get_body(200, "%s/helper.js", httpd->url), "secret or not");
    http_get_body(200, "%s/.well-known/x", httpd->url);
    http_get_body(200, "%s/hello", httpd->url);
}

TEST(scripts_of_node_apps_are_refused_outside_of_public_folders)
{
    httpd_t *httpd;

    app_require("node");
    httpd = serve("node", "");
    CHECK_INT(status_of(httpd, "/app.js"), 403);
    CHECK_INT(status_of(httpd, "/helper.js"), 403);
    CHECK_INT(status_of(httpd, "/static/site.js"), 200);
}

TEST(files_below_public_are_served_whatever_their_names)
{
    httpd_t *httpd = app_serve("python", NULL);

    test_file("www/public/settings.py", "an example");
    CHECK_STR(http_get_body(200, "%s/settings.py", httpd->url), "an example");
}

TEST(startup_file_is_refused_whatever_its_name)
{
    httpd_t *httpd;

    app_require("python3");
    httpd = serve("python",
                  "PassengerAppType wsgi\nPassengerStartupFile code/main\n");
    CHECK_INT(test_shell(NULL,
                         "cd '%s/www' && mkdir code && "
                         "mv passenger_wsgi.py code/main && cp code/main main",
                         test_dir()),
              0);
    http_get_body(200, "%s/hello", httpd->url);
    CHECK_INT(status_of(httpd, "/code/main"), 403);
    CHECK_INT(status_of(httpd, "/main"), 200);
}

TEST(administrator_may_allow_it)
{
    httpd_t *httpd;

    app_require("python3");
    httpd = serve("python", "PassengerProtectAppFiles off\n");
    CHECK_INT(status_of(httpd, "/settings.py"), 200);
}

TEST(other_name_of_the_folder_makes_no_difference)
{
    httpd_t *httpd;

    app_require("python3");
    app_copy("python", "app");
    write_files("app");
    CHECK_INT(test_shell(NULL, "ln -s app '%s/link'", test_dir()), 0);
    httpd = httpd_start(&(httpd_config_t){
        .document_root = test_format("%s/link", test_dir()),
        .vhost_config =
            test_format("PassengerAppRoot \"%s/app\"\n", test_dir())});
    CHECK_INT(status_of(httpd, "/settings.py"), 403);
    CHECK_INT(status_of(httpd, "/index.css"), 200);
}

/* The folder that is served may be an Alias's. */
TEST(source_below_an_alias_is_refused)
{
    httpd_t *httpd;

    app_require("python3");
    app_copy("python", "app");
    write_files("app");
    httpd = httpd_start(&(httpd_config_t){
        .modules = "alias",
        .vhost_config =
            test_format("Alias /shop \"%s/app\"\n%s"
                        "<Location /shop>\nPassengerBaseURI /shop\n"
                        "PassengerAppRoot \"%s/app\"\n</Location>\n",
                        test_dir(), app_granted("app"), test_dir())});
    http_get_body(200, "%s/shop/hello", httpd->url);
    CHECK_INT(status_of(httpd, "/shop/.env"), 403);
    CHECK_INT(status_of(httpd, "/shop/settings.py"), 403);
    CHECK_INT(status_of(httpd, "/shop/passenger_wsgi.py"), 403);
    CHECK_INT(status_of(httpd, "/shop/index.css"), 200);
}

/* One link leads to the app's folder, the other to what is public of it. */
TEST(source_below_a_link_is_refused)
{
    httpd_t *httpd;

    app_require("python3");
    app_copy("python", "app");
    write_files("app");
    test_file("app/public/settings.py", "an example");
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config = test_format("PassengerBaseURI /all /some\n"
                                    "PassengerAppRoot \"%s/app\"\n",
                                    test_dir())});
    CHECK_INT(test_shell(NULL,
                         "cd '%s/www/public' && ln -s ../../app all && "
                         "ln -s ../../app/public some",
                         test_dir()),
              0);
    CHECK_INT(status_of(httpd, "/all/settings.py"), 403);
    CHECK_INT(status_of(httpd, "/all/lib/x.rb"), 403);
    CHECK_INT(status_of(httpd, "/all/.env"), 403);
    CHECK_INT(status_of(httpd, "/all/index.css"), 200);
    CHECK_INT(status_of(httpd, "/some/settings.py"), 200);
}
