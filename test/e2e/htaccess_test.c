/* SPDX-License-Identifier: Apache-2.0 */

/* What tenants may say in .htaccess, and what they cannot reach by it. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "tenants.h"
#include "test.h"

/* A vhost whose folders may have .htaccess, with more lines in that section. */
static const char *vhost(const char *allow, const char *lines)
{
    return test_format("<Directory \"%s/www/public\">\nAllowOverride %s\n"
                       "%s</Directory>\n",
                       test_dir(), allow, lines);
}

static httpd_t *serve(const char *lines)
{
    return app_serve("python",
                     &(httpd_config_t){.vhost_config = vhost("All", lines)});
}

static void htaccess(const char *content)
{
    test_file("www/public/place/.htaccess", content);
}

TEST(tenant_configures_the_app)
{
    httpd_t *httpd = serve("");

    htaccess("PassengerAppEnv staging\nPassengerMaxRequests 100\n");
    CHECK_CONTAINS(http_get_body(200, "%s/place/../place/x", httpd->url),
                   "python: /place/x");
    CHECK_STR(http_get("%s/hello", httpd->url)->body, "hello from python\n");
    test_file("www/public/.htaccess", "PassengerAppEnv staging\n");
    CHECK_CONTAINS(http_get_body(200, "%s/environment", httpd->url),
                   "\"WSGI_ENV\": \"staging\"");
}

TEST(what_hosting_panels_write_serves_an_app_elsewhere)
{
    httpd_t *httpd = serve("");
    const char *app = app_copy("python", "other");

    test_file(
        "www/public/sub/.htaccess",
        test_format("# DO NOT REMOVE. PASSENGER CONFIGURATION BEGIN\n"
                    "PassengerAppRoot \"%s\"\nPassengerBaseURI \"/sub\"\n"
                    "PassengerPython \"/usr/bin/python3\"\n"
                    "# PASSENGER CONFIGURATION END\n"
                    "<IfModule Litespeed>\nSetEnv NAME value\n</IfModule>\n",
                    app));
    CHECK_CONTAINS(http_get_body(200, "%s/sub/environment", httpd->url), app);
    CHECK_CONTAINS(http_get_body(200, "%s/sub/request", httpd->url),
                   "\"SCRIPT_NAME\": \"/sub\"");
}

/* Each wrong line is told and counts for nothing; all the rest works. */
TEST(wrong_lines_are_told_and_count_for_nothing)
{
    static const char *const cases[][2] = {
        {"PassengerUser root", "administrator"},
        {"PassengerGroup root", "administrator"},
        {"PassengerAppGroupName other", "administrator"},
        {"PassengerMaxPoolSize 1000", "administrator"},
        {"PassengerLogFile /tmp/x", "administrator"},
        {"PassengerHtaccess full", "administrator"},
        {"PassengerDisableHtaccess off", "administrator"},
        {"PassengerAppRoot relative", "not an absolute path"},
        {"PassengerStartupFile ../../other/passenger_wsgi.py", "outside"},
        {"PassengerStartupFile /etc/passwd", "outside"},
        {"PassengerCustomErrorPage /etc/hostname", "outside"},
        {"PassengerCustomErrorPage public/../../page.html", "outside"},
        {"PassengerStartTimeout 0", "from 1 to 86400"},
        {"PassengerStartTimeout 91", "above what the administrator allows"},
        {"PassengerMaxRequestQueueSize 0", "above what"},
        {"PassengerMinInstances 2", "above what the administrator allows"},
        {"PassengerMemoryLimit 4096", "which is 512"},
        {"PassengerMemoryLimit 0", "which is 512"},
        {"PassengerAppEnv", "takes one argument"},
        {"PassengerAppEnv one two", "takes one argument"},
        {"PassengerSpawnMethod later", "none of"},
        {"PassengerPython /opt/other/python",
         "not on the administrator's list"},
        {"PassengerAppStartCommand /bin/sh", "not on the administrator's list"},
    };
    httpd_t *httpd = serve("PassengerMemoryLimit 512\n"
                           "PassengerHtaccessInterpreters /usr/bin/*\n");
    size_t i;

    httpd_expect_log("PSG0027");
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        htaccess(test_format("# the line\n%s\nPassengerAppEnv %zu\n",
                             cases[i][0], i));
        http_get_body(200, "%s/place/hello", httpd->url);
        httpd_await_log(httpd, test_format("place/.htaccess, line 2: %.*s",
                                           (int)strcspn(cases[i][0], " "),
                                           cases[i][0]));
        httpd_await_log(httpd, cases[i][1]);
    }
}

TEST(lines_are_told_once_however_many_requests_come)
{
    httpd_t *httpd = serve("");
    const char *first;
    int i;

    httpd_expect_log("PSG0027");
    htaccess("PassengerUser root\n");
    for (i = 0; i < 30; i++) {
        http_get_body(200, "%s/place/hello", httpd->url);
    }
    first = strstr(httpd_log(httpd), "PSG0027");
    CHECK(first != NULL);
    /* Each of httpd's few children once. */
    for (i = 0; first && i < 10; i++) {
        first = strstr(first + 1, "PSG0027");
    }
    CHECK(first == NULL);
}

TEST(administrator_may_lift_the_limits_or_allow_nothing)
{
    httpd_t *httpd = serve("PassengerHtaccess full\n");

    htaccess("PassengerStartTimeout 1000\n");
    http_get_body(200, "%s/place/hello", httpd->url);
    httpd_configure(
        httpd, &(httpd_config_t){.vhost_config =
                                     vhost("All", "PassengerHtaccess off\n")});
    httpd_graceful(httpd);
    httpd_expect_log("PassengerHtaccess off");
    test_file("www/public/.htaccess", "PassengerAppEnv staging\n");
    /* A child of the old configuration may take one more connection. */
    WAIT_UNTIL(strstr(http_get_body(200, "%s/environment", httpd->url),
                      "\"WSGI_ENV\": \"production\""));
}

/* Neither of httpd's own ways around AllowOverride is one around our rules. */
TEST(override_lists_are_no_way_around)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){
            .vhost_config =
                vhost("None", "AllowOverrideList PassengerUser PassengerAppEnv "
                              "PassengerMaxPoolSize\n")});

    httpd_expect_log("PSG0027");
    htaccess("PassengerUser root\nPassengerMaxPoolSize 1\n");
    http_get_body(200, "%s/place/hello", httpd->url);
    httpd_await_log(httpd, "line 2: PassengerMaxPoolSize");
}

TEST(errors_that_are_not_fatal_are_no_way_around)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.vhost_config = vhost("All Nonfatal=All",
                                                "PassengerUser nobody\n")});

    httpd_expect_log("PSG0027");
    htaccess("NoSuchDirective x\nPassengerUser root\n"
             "PassengerMaxRequests 5\n");
    http_get_body(200, "%s/place/hello", httpd->url);
    httpd_await_log(httpd, "line 2: PassengerUser is for the server's");
}

/* www is psgalice's, and so is the app; the .htaccess is psgbob's. */
TEST(htaccess_of_another_user_does_not_reach_an_app)
{
    httpd_t *httpd;

    tenants_create();
    httpd = serve("");
    tenants_give("www", "psgalice:psgalice");
    httpd_expect_log("counts for apps of its owner only");
    htaccess("PassengerAppEnv staging\n");
    CHECK_INT(test_shell(NULL, "chown psgbob '%s/www/public/place/.htaccess'",
                         test_dir()),
              0);
    http_get_body(500, "%s/place/hello", httpd->url);
    http_get_body(200, "%s/hello", httpd->url); /* others notice nothing */
    CHECK_INT(test_shell(NULL, "chown psgalice '%s/www/public/place/.htaccess'",
                         test_dir()),
              0);
    http_get_body(200, "%s/place/hello", httpd->url);
}

/* A tenant's link to a file of the app's owner would speak with that voice. */
TEST(link_to_the_owners_file_does_not_count)
{
    httpd_t *httpd;

    tenants_create();
    httpd = serve("");
    tenants_give("www", "psgalice:psgalice");
    httpd_expect_log("it is a link");
    test_file("alice", "PassengerAppEnv staging\n");
    test_file("www/public/place/file", "");
    CHECK_INT(test_shell(NULL,
                         "cd '%s' && chown psgalice alice && "
                         "ln -s ../../../alice www/public/place/.htaccess",
                         test_dir()),
              0);
    http_get_body(500, "%s/place/hello", httpd->url);
}

static int answers_with_link_to(const httpd_t *httpd, const char *file)
{
    CHECK_INT(test_shell(NULL, "cd '%s' && ln -f %s www/public/place/.htaccess",
                         test_dir(), file),
              0);
    return http_get("%s/place/hello", httpd->url)->status;
}

/* The same without a trace: in psgbob's folder, a name for what is another's. */
TEST(hard_link_to_the_owners_file_does_not_count)
{
    httpd_t *httpd;

    tenants_create();
    httpd = serve("");
    tenants_give("www", "psgalice:psgalice");
    httpd_expect_log("it may be a hard link");
    test_file("alice", "PassengerAppEnv staging\n");
    test_file("root", "PassengerAppEnv staging\n");
    test_file("www/public/place/file", "");
    tenants_give("www/public/place", "psgbob:psgbob");
    tenants_give("alice", "psgalice:psgalice");
    CHECK_INT(answers_with_link_to(httpd, "alice"), 500);
    CHECK_INT(answers_with_link_to(httpd, "root"), 500);
    CHECK_INT(unlink(test_format("%s/root", test_dir())), 0);
    http_get_body(200, "%s/place/hello", httpd->url);
    tenants_give("www/public/place", "psgalice:psgalice");
    CHECK_INT(answers_with_link_to(httpd, "alice"), 200);
}

TEST(other_name_for_allowing_nothing_is_understood)
{
    httpd_t *httpd = serve("PassengerDisableHtaccess on\n");

    httpd_expect_log("PassengerHtaccess off");
    test_file("www/public/.htaccess", "PassengerAppEnv staging\n");
    CHECK_CONTAINS(http_get_body(200, "%s/environment", httpd->url),
                   "\"WSGI_ENV\": \"production\"");
}

TEST(lines_without_effect_are_explained)
{
    httpd_t *httpd = serve("");

    htaccess("PassengerHighPerformance on\n");
    http_get_body(200, "%s/place/hello", httpd->url);
    httpd_await_log(httpd, "PSG0046: PassengerHighPerformance does nothing");
    CHECK_CONTAINS(
        httpd_log(httpd),
        test_format("(line 1 of %s/www/public/place/.htaccess)", test_dir()));
}
