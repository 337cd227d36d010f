/* SPDX-License-Identifier: Apache-2.0 */

/* Several apps in one VirtualHost, whichever way they are configured: each gets
 * its requests and learns where it lives; which are one app and which are not. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "tenants.h"
#include "test.h"

/* The app in `folder`, whose public folder is made; returns its path. */
static const char *make_app(const char *language, const char *folder)
{
    const char *root = app_copy(language, folder);

    mkdir(test_format("%s/public", root), 0755);
    return root;
}

static httpd_t *serve(const char *language, const char *modules,
                      const char *vhost_config)
{
    return app_serve(language, &(httpd_config_t){.modules = modules,
                                                 .vhost_config = vhost_config});
}

/* A value of the JSON that /request answers; the languages differ in blanks. */
static const char *value_of(const char *json, const char *name)
{
    const char *at = strstr(json, test_format("\"%s\":", name));
    const char *end;

    if (!at) {
        return NULL;
    }
    at = strchr(strchr(at, ':'), '"') + 1;
    end = strchr(at, '"');
    return test_format("%.*s", (int)(end - at), at);
}

/* The app at base says that it is there, in its language's words. */
static void check_place(const httpd_t *httpd, const char *language,
                        const char *base)
{
    const char *json =
        http_get_body(200, "%s%s/request/a%%20b?c=d", httpd->url, base);

    if (strcmp(language, "node") == 0) {
        CHECK_STR(value_of(json, "url"),
                  test_format("%s/request/a%%20b?c=d", base));
        return;
    }
    CHECK_STR(value_of(json, "SCRIPT_NAME"), base);
    CHECK_STR(value_of(json, "PATH_INFO"), strcmp(language, "ruby") == 0
                                               ? "/request/a%20b" /* as Rack */
                                               : "/request/a b");
    CHECK_STR(value_of(json, "QUERY_STRING"), "c=d");
}

/* Of four apps at once, all of them; they are four. */
static void check_four(const httpd_t *httpd, const char *language)
{
    static const char *const bases[] = {"", "/shop", "/shop/admin", "/wiki"};
    const char *pids[4];

    for (int i = 0; i < 4; i++) {
        check_place(httpd, language, bases[i]);
        pids[i] = http_get_body(200, "%s%s/pid", httpd->url, bases[i]);
        for (int n = 0; n < i; n++) {
            CHECK(strcmp(pids[i], pids[n]) != 0);
        }
    }
    /* The name of a base URI may begin another path of the root app. */
    CHECK_CONTAINS(http_get_body(200, "%s/shopping/request/x", httpd->url),
                   "/shopping/request/x");
}

/* A link in the DocumentRoot; the one that is inside of another app's lives in
 * the folder that this one's link leads to. */
EACH_LANGUAGE(apps_by_links_know_their_place)
{
    httpd_t *httpd;

    make_app(language, "shop");
    make_app(language, "wiki");
    make_app(language, "admin");
    httpd = serve(language, NULL,
                  "PassengerBaseURI /shop /shop/admin\n"
                  "PassengerBaseURI /wiki\n");
    CHECK_INT(test_shell(NULL,
                         "cd '%s/www/public' && ln -s '%s/shop/public' shop && "
                         "ln -s ../../wiki/public wiki && "
                         "ln -s '%s/admin/public' '%s/shop/public/admin'",
                         test_dir(), test_dir(), test_dir(), test_dir()),
              0);
    check_four(httpd, language);
}

/* As each app has its own section, the outer one's folder is not the inner's. */
static const char *section_of(const char *name, const char *base)
{
    return test_format("<Location %s>\n"
                       "PassengerBaseURI %s\n"
                       "PassengerAppRoot \"%s/%s\"\n"
                       "</Location>\n",
                       base, base, test_dir(), name);
}

static const char *three_sections(void)
{
    return test_format("%s%s%s", section_of("shop", "/shop"),
                       section_of("admin", "/shop/admin"),
                       section_of("wiki", "/wiki"));
}

EACH_LANGUAGE(apps_by_sections_know_their_place)
{
    make_app(language, "shop");
    make_app(language, "wiki");
    make_app(language, "admin");
    check_four(serve(language, NULL, three_sections()), language);
}

/* The established way to serve an app below a URI, whose files are elsewhere. */
EACH_LANGUAGE(apps_by_alias_know_their_place)
{
    const char *config = "";
    static const char *const apps[][2] = {
        {"admin", "/shop/admin"}, {"shop", "/shop"}, {"wiki", "/wiki"}};
    httpd_t *httpd;

    for (int i = 0; i < 3; i++) {
        make_app(language, apps[i][0]);
        test_file(test_format("%s/public/file.txt", apps[i][0]), apps[i][0]);
        config =
            test_format("%sAlias %s \"%s/%s/public\"\n%s", config, apps[i][1],
                        test_dir(), apps[i][0], app_granted(apps[i][0]));
    }
    httpd =
        serve(language, "alias", test_format("%s%s", config, three_sections()));
    check_four(httpd, language);
    app_check_file(httpd, "/shop/file.txt", "shop");
    app_check_file(httpd, "/shop/admin/file.txt", "admin");
    app_check_file(httpd, "/wiki/file.txt", "wiki");
}

/* The Alias says where the app is: in the folder above. */
EACH_LANGUAGE(apps_are_found_by_their_alias)
{
    static const char *const aliases[][2] = {
        {"/shop/admin", "admin"}, {"/shop/", "shop"}, {"/wiki", "wiki"}};
    const char *config = "PassengerBaseURI /shop /shop/admin /wiki\n";
    httpd_t *httpd;

    for (int i = 0; i < 3; i++) {
        const char *slash = strcmp(aliases[i][0], "/shop/") == 0 ? "/" : "";

        make_app(language, aliases[i][1]);
        config = test_format("%sAlias %s \"%s/%s/public%s\"\n%s", config,
                             aliases[i][0], test_dir(), aliases[i][1], slash,
                             app_granted(aliases[i][1]));
    }
    httpd = serve(language, "alias", config);
    check_four(httpd, language);
}

static void write_htaccess(const char *folder, const char *name,
                           const char *base)
{
    test_file(test_format("www/public/%s/.htaccess", folder),
              test_format("PassengerBaseURI %s\n"
                          "PassengerAppRoot \"%s/%s\"\n",
                          base, test_dir(), name));
}

EACH_LANGUAGE(apps_by_htaccess_know_their_place)
{
    httpd_t *httpd;

    make_app(language, "shop");
    make_app(language, "wiki");
    make_app(language, "admin");
    httpd = serve(language, NULL,
                  test_format("<Directory \"%s/www/public\">\n"
                              "AllowOverride All\n"
                              "</Directory>\n",
                              test_dir()));
    write_htaccess("shop", "shop", "/shop");
    write_htaccess("shop/admin", "admin", "/shop/admin");
    write_htaccess("wiki", "wiki", "/wiki");
    check_four(httpd, language);
}

/* Both apps have both startup files: without a type, Ruby's counts. */
TEST(type_holds_for_the_place_that_names_it)
{
    httpd_t *httpd;

    app_require("ruby");
    make_app("python", "shop");
    httpd = serve("python", NULL,
                  "PassengerBaseURI /shop\n"
                  "<Location /shop>\nPassengerAppType wsgi\n</Location>\n");
    CHECK_INT(test_shell(NULL,
                         "cd '%s' && cp '%s/test/apps/ruby/config.ru' www && "
                         "cp www/config.ru shop && "
                         "ln -s ../../shop/public www/public/shop",
                         test_dir(), TEST_SRCDIR),
              0);
    CHECK_STR(http_get_body(200, "%s/hello", httpd->url), "hello from ruby\n");
    CHECK_STR(http_get_body(200, "%s/shop/hello", httpd->url),
              "hello from python\n");
}

/* The app was not there when httpd started, nor when it was asked for. */
TEST(app_that_a_htaccess_adds_is_served_at_once)
{
    httpd_t *httpd;

    make_app("python", "shop");
    app_require("python3");
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config = test_format("<Directory \"%s/www/public\">\n"
                                    "AllowOverride All\n"
                                    "</Directory>\n",
                                    test_dir())});
    mkdir(test_format("%s/www/public/shop", test_dir()), 0755);
    http_get_body(404, "%s/shop/hello", httpd->url);
    write_htaccess("shop", "shop", "/shop");
    CHECK_STR(http_get_body(200, "%s/shop/hello", httpd->url),
              "hello from python\n");
    CHECK_INT(unlink(test_format("%s/www/public/shop/.htaccess", test_dir())),
              0);
    http_get_body(404, "%s/shop/hello", httpd->url);
}

/* What a process need not be started anew for changes without that. */
TEST(app_keeps_its_process_when_limits_change)
{
    httpd_t *httpd = serve("python", NULL, "PassengerMaxRequestQueueSize 5\n");
    pid_t pid = app_pid(httpd);

    httpd_configure(httpd, &(httpd_config_t){.vhost_config =
                                                 "PassengerMaxInstances 2\n"
                                                 "PassengerMinInstances 0\n"
                                                 "PassengerMaxRequests 3\n"});
    httpd_graceful(httpd);
    CHECK_INT(app_pid(httpd), pid);
    for (int i = 0; i < 3; i++) {
        http_get_body(200, "%s/hello", httpd->url);
    }
    WAIT_UNTIL(app_pid(httpd) != pid); /* the new limit holds for it */
}

/* The app at /x of two users, who have all else in common that can be. */
TEST(users_never_share_a_process)
{
    const char *config, *pids[2];
    httpd_t *httpd;

    tenants_create();
    app_require("python3");
    app_copy("python", "shared/app");
    config = test_format(
        "PassengerBaseURI /x\n"
        "PassengerAppRoot \"%s/shared/app\"\n"
        "PassengerAppGroupName same\n"
        "<Location /x/pid/alice>\nPassengerUser psgalice\n</Location>\n"
        "<Location /x/pid/bob>\nPassengerUser psgbob\n</Location>\n",
        test_dir());
    httpd = httpd_start(&(httpd_config_t){.vhost_config = config});
    pids[0] = http_get_body(200, "%s/x/pid/alice", httpd->url);
    pids[1] = http_get_body(200, "%s/x/pid/bob", httpd->url);
    CHECK(strcmp(pids[0], pids[1]) != 0);
    CHECK_INT(process_status((pid_t)atoi(pids[0]), "Uid"), TENANT_ALICE);
    CHECK_INT(process_status((pid_t)atoi(pids[1]), "Uid"), TENANT_BOB);
    CHECK_STR(http_get_body(200, "%s/x/pid/alice", httpd->url), pids[0]);
}
