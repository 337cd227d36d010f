/* SPDX-License-Identifier: Apache-2.0 */

/* Configurations as hosting panels and configuration managers write them. */
#include <string.h>
#include <sys/stat.h>

#include "app_server.h"
#include "http_client.h"
#include "tenants.h"
#include "test.h"

/* An app in a Location of its own, with every interpreter named whatever the
 * app's language is, and a name with blanks; the rest of the server has none. */
EACH_LANGUAGE(app_of_a_location_is_served_as_panels_write_it)
{
    const char *app;
    httpd_t *httpd;

    app_require("ruby python3 node");
    app = app_copy(language, "apps/shop");
    httpd = httpd_start(&(httpd_config_t){
        .modules = "env access_compat",
        .server_config = "<IfModule mod_passenger.c>\n"
                         "PassengerRoot /opt/panel/locations.ini\n"
                         "PassengerEnabled off\n"
                         "PassengerDisableHtaccess on\n"
                         "PassengerDefaultRuby ruby\n"
                         "PassengerDisableSecurityUpdateCheck on\n"
                         "</IfModule>\n",
        .vhost_config = test_format("<Location \"/shop\">\n"
                                    "<IfModule mod_env.c>\n"
                                    "SetEnv \"SHOP_NAME\" \"two words\"\n"
                                    "</IfModule>\n"
                                    "<IfModule mod_passenger.c>\n"
                                    "PassengerAppEnv \"development\"\n"
                                    "PassengerEnabled on\n"
                                    "PassengerBaseURI \"/shop\"\n"
                                    "PassengerAppRoot \"%s\"\n"
                                    "PassengerAppGroupName \"user - shop\"\n"
                                    "PassengerRuby ruby\n"
                                    "PassengerPython /usr/bin/python3\n"
                                    "PassengerNodejs node\n"
                                    "</IfModule>\n"
                                    "</Location>\n"
                                    "<Directory \"%s\">\n"
                                    "Allow from all\nOptions -MultiViews\n"
                                    "Options -Indexes\nRequire all granted\n"
                                    "</Directory>\n",
                                    app, app)});
    CHECK_CONTAINS(http_get_body(200, "%s/shop/environment", httpd->url),
                   "two words");
    http_get_body(404, "%s/elsewhere", httpd->url);
}

static const char *app_section(const char *uri, const char *name)
{
    return test_format("<Location \"%s\">\n"
                       "PassengerAppEnv \"%s\"\n"
                       "PassengerEnabled on\n"
                       "PassengerBaseURI \"%s\"\n"
                       "PassengerAppRoot \"%s/apps/%s\"\n"
                       "PassengerAppGroupName \"user - %s\"\n"
                       "</Location>\n",
                       uri, name, uri, test_dir(), name, name);
}

/* Panels write a file for each app, which httpd reads by their names: the
 * section of the root may come after those inside of it. */
TEST(apps_of_locations_may_come_in_any_order)
{
    static const char *const apps[][2] = {{"/shop/admin", "admin"},
                                          {"/", "main"},
                                          {"/shop", "shop"},
                                          {"/wiki", "wiki"}};
    const char *sections = "";
    httpd_t *httpd;

    app_require("python3");
    for (int i = 0; i < 4; i++) {
        app_copy("python", test_format("apps/%s", apps[i][1]));
        sections =
            test_format("%s%s", sections, app_section(apps[i][0], apps[i][1]));
    }
    httpd = httpd_start(
        &(httpd_config_t){.server_config = "PassengerEnabled off\n",
                          .vhost_config = test_format("%s%s", sections,
                                                      "<Location /wiki>\n"
                                                      "PassengerAppEnv later\n"
                                                      "</Location>\n")});
    for (int i = 0; i < 3; i++) {
        const char *base = apps[i][0][1] ? apps[i][0] : "";

        CHECK_CONTAINS(http_get_body(200, "%s%s/environment", httpd->url, base),
                       test_format("\"WSGI_ENV\": \"%s\"", apps[i][1]));
        CHECK_CONTAINS(http_get_body(200, "%s%s/environment", httpd->url, base),
                       test_format("apps/%s\"", apps[i][1]));
        CHECK_CONTAINS(http_get_body(200, "%s%s/request", httpd->url, base),
                       test_format("\"SCRIPT_NAME\": \"%s\"", base));
    }
    /* Of one URI, the later section still wins. */
    CHECK_CONTAINS(http_get_body(200, "%s/wiki/environment", httpd->url),
                   "\"WSGI_ENV\": \"later\"");
}

/* The block a selector writes into the .htaccess of an app's URI. */
EACH_LANGUAGE(app_of_a_htaccess_is_served_as_selectors_write_it)
{
    static const char *const lines[][3] = {
        {"ruby", "PassengerRuby", ""},
        {"python", "PassengerPython", ""},
        {"node", "PassengerNodejs",
         "PassengerAppType node\nPassengerStartupFile app.js\n"}};
    static const char *const programs[] = {"ruby", "/usr/bin/python3", "node"};
    const char *app, *wrapper;
    httpd_t *httpd;
    int i = 0;

    app_require("ruby python3 node");
    while (strcmp(lines[i][0], language) != 0) {
        i++;
    }
    app = app_copy(language, "apps/shop");
    wrapper = test_file("apps/env/bin/interpreter",
                        test_format("#!/bin/sh\nexport FROM_WRAPPER=yes\n"
                                    "exec %s \"$@\"\n",
                                    programs[i]));
    chmod(wrapper, 0755);
    test_file("www/public/sub/.htaccess",
              test_format("# DO NOT REMOVE. CONFIGURATION BEGIN\n"
                          "PassengerAppRoot \"%s\"\n"
                          "PassengerBaseURI \"/sub\"\n%s \"%s\"\n%s"
                          "PassengerAppLogFile \"%s/app.log\"\n"
                          "# DO NOT REMOVE. CONFIGURATION END\n"
                          "# DO NOT REMOVE OR MODIFY. ENV VARS BEGIN\n"
                          "<IfModule Litespeed>\n"
                          "SetEnv NAME value\n"
                          "</IfModule>\n",
                          app, lines[i][1], wrapper, lines[i][2], app));
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config = test_format("<Directory \"%s/www/public\">\n"
                                    "AllowOverride All\n</Directory>\n",
                                    test_dir())});
    CHECK_CONTAINS(http_get_body(200, "%s/sub/environment", httpd->url),
                   "FROM_WRAPPER");
    http_get_body(404, "%s/none", httpd->url);
}

/* Everything at once, as a configuration manager's template can write it. */
static const char everything[] =
    "PassengerRoot /usr/lib/locations.ini\n"
    "PassengerInstanceRegistryDir /tmp\n"
    "PassengerAdminPanelUrl http://panel.invalid\n"
    "PassengerAdminPanelAuthType basic\n"
    "PassengerAdminPanelUsername u\n"
    "PassengerAdminPanelPassword p\n"
    "PassengerAllowEncodedSlashes off\n"
    "PassengerAppEnv production\n"
    "PassengerAppGroupName \"a name\"\n"
    "PassengerAppRoot /srv/app\n"
    "PassengerAppType node\n"
    "PassengerBaseURI /x\n"
    "PassengerBufferResponse on\n"
    "PassengerBufferUpload on\n"
    "PassengerConcurrencyModel thread\n"
    "PassengerCustomErrorPage public/error.html\n"
    "PassengerDataBufferDir /tmp\n"
    "PassengerDebugger off\n"
    "PassengerDefaultGroup nogroup\n"
    "PassengerDefaultRuby /usr/bin/ruby\n"
    "PassengerDefaultUser nobody\n"
    "PassengerDirectInstanceRequestAddress 127.0.0.1\n"
    "PassengerDisableAnonymousTelemetry on\n"
    "PassengerAnonymousTelemetryProxy none\n"
    "PassengerDisableLogPrefix off\n"
    "PassengerDisableSecurityUpdateCheck on\n"
    "PassengerSecurityUpdateCheckProxy none\n"
    "PassengerDumpConfigManifest /tmp/x\n"
    "PassengerEnabled on\n"
    "PassengerErrorOverride off\n"
    "PassengerFileDescriptorLogFile /tmp/x\n"
    "PassengerFlyWith /tmp/x\n"
    "PassengerForceMaxConcurrentRequestsPerProcess -1\n"
    "PassengerFriendlyErrorPages on\n"
    "PassengerGroup nogroup\n"
    "PassengerHighPerformance off\n"
    "PassengerLoadShellEnvvars off\n"
    "PassengerLogFile /tmp/x.log\n"
    "PassengerLogLevel 3\n"
    "PassengerLveMinUid 500\n"
    "PassengerMaxInstances 3\n"
    "PassengerMaxInstancesPerApp 3\n"
    "PassengerMaxPoolSize 6\n"
    "PassengerMaxPreloaderIdleTime 300\n"
    "PassengerMaxRequestQueueSize 100\n"
    "PassengerMaxRequestQueueTime 0\n"
    "PassengerMaxRequestTime 0\n"
    "PassengerMaxRequests 0\n"
    "PassengerMemoryLimit 0\n"
    "PassengerMeteorAppSettings x.json\n"
    "PassengerMinInstances 1\n"
    "PassengerMonitorLogFile log/x.log\n"
    "PassengerNodejs /usr/bin/node\n"
    "PassengerPoolIdleTime 300\n"
    "PassengerPreStart http://127.0.0.1/\n"
    "PassengerPreloadBundler off\n"
    "PassengerPython /usr/bin/python3\n"
    "PassengerResistDeploymentErrors off\n"
    "PassengerRestartDir tmp\n"
    "PassengerRollingRestarts off\n"
    "PassengerRuby /usr/bin/ruby\n"
    "PassengerShowVersionInHeader on\n"
    "PassengerSocketBacklog 1024\n"
    "PassengerSpawnDir /tmp\n"
    "PassengerSpawnMethod smart\n"
    "PassengerStartTimeout 90\n"
    "PassengerStartupFile app.js\n"
    "PassengerStatThrottleRate 10\n"
    "PassengerStickySessions off\n"
    "PassengerStickySessionsCookieName x\n"
    "PassengerStickySessionsCookieAttributes \"SameSite=Lax; Secure;\"\n"
    "PassengerThreadCount 1\n"
    "PassengerTurbocaching off\n"
    "PassengerUser nobody\n"
    "PassengerUserSwitching on\n"
    "PassengerDebugLogFile /tmp/y.log\n"
    "PassengerResolveSymlinksInDocumentRoot on\n"
    "PassengerUseGlobalQueue on\n"
    "RackEnv production\n"
    "RailsEnv production\n"
    "RailsFrameworkSpawnerIdleTime 300\n";

TEST(every_directive_a_configuration_manager_writes_is_accepted)
{
    const char *output;

    if (httpd_test_config(&output,
                          &(httpd_config_t){.server_config = everything})
        != 0) {
        FAIL("%s", output);
    }
}

static httpd_t *serve_folder(void)
{
    app_require("python3");
    return httpd_start(&(httpd_config_t){
        .modules = "rewrite alias env",
        .vhost_config = test_format("<Directory \"%s/www/public\">\n"
                                    "AllowOverride All\n"
                                    "Options FollowSymLinks\n"
                                    "</Directory>\n",
                                    test_dir())});
}

/* What people add by hand, from guides for shared hosts. */
TEST(lines_of_guides_do_what_they_say)
{
    const char *app = app_copy("python", "apps/shop");
    const char *log = test_format("%s/stderr.log", app);
    httpd_t *httpd;

    tenants_create();
    httpd = serve_folder();
    CHECK_INT(test_shell(NULL, "chown -R psgalice:psgalice '%s'", app), 0);
    test_file("www/public/.htaccess",
              test_format("PassengerEnabled On\n"
                          "PassengerAppRoot %s\n"
                          "PassengerAppEnv development\n"
                          "PassengerFriendlyErrorPages on\n"
                          "PassengerRestartDir %s/restarts\n"
                          "PassengerAppLogFile stderr.log\n"
                          "PassengerAppType wsgi\n"
                          "PassengerStartupFile passenger_wsgi.py\n",
                          app, app));
    CHECK_CONTAINS(http_get_body(200, "%s/environment", httpd->url),
                   "\"WSGI_ENV\": \"development\"");
    http_get_body(200, "%s/say/aloud", httpd->url);
    WAIT_UNTIL(strstr(test_read(log), "said on stderr: aloud"));
}

/* A program of another language than the type: the page names the line. */
TEST(startup_file_of_another_language_is_explained)
{
    const char *app = app_copy("node", "apps/shop");
    httpd_t *httpd = serve_folder();

    app_require("node");
    test_file("apps/shop/start.sh", "#!/bin/sh\nexec node app.js\n");
    test_file("www/public/.htaccess",
              test_format("PassengerAppRoot %s\n"
                          "PassengerAppType node\n"
                          "PassengerFriendlyErrorPages on\n"
                          "PassengerStartupFile start.sh\n",
                          app));
    httpd_expect_log("syntax error while 'start.sh' was loaded");
    httpd_allow_log("PSG2131");
    CHECK_CONTAINS(http_get_body(500, "%s/", httpd->url), "start.sh:2");
}

/* The .htaccess that Ruby on Rails once made for every app. */
TEST(rule_that_leads_to_a_dispatcher_is_undone)
{
    static const char *const names[] = {"dispatch.cgi", "dispatch.fcgi"};
    httpd_t *httpd = serve_folder();

    app_copy("python", "www");
    test_file("www/public/cached.html", "from the cache");
    for (int i = 0; i < 2; i++) {
        test_file("www/public/.htaccess",
                  test_format("RewriteEngine On\n"
                              "RewriteRule ^$ index.html [QSA]\n"
                              "RewriteRule ^([^.]+)$ $1.html [QSA]\n"
                              "RewriteCond %%{REQUEST_FILENAME} !-f\n"
                              "RewriteRule ^(.*)$ %s [QSA,L]\n",
                              names[i]));
        CHECK_CONTAINS(http_get_body(200, "%s/request/a?c=d", httpd->url),
                       "\"REQUEST_URI\": \"/request/a?c=d\"");
        test_file(test_format("www/public/%s", names[i]), "#!/usr/bin/ruby\n");
        CHECK_CONTAINS(http_get_body(200, "%s/request/b", httpd->url),
                       "\"REQUEST_URI\": \"/request/b\"");
        app_check_file(httpd, "/cached", "from the cache");
    }
}

/* The rule means that the app gets what is no file; so it does without it, and
 * the app must not see what the rule made of the URI. */
TEST(rule_that_leads_to_the_startup_file_is_undone)
{
    static const char *const bases[] = {"", "/sub"};
    httpd_t *httpd = serve_folder();

    for (int i = 0; i < 2; i++) {
        const char *folder = test_format("www/public%s", bases[i]);
        const char *json;

        app_copy("python", folder);
        test_file(test_format("%s/file.txt", folder), "a file");
        test_file(test_format("%s/.htaccess", folder),
                  test_format("PassengerAppRoot \"%s/%s\"\n"
                              "PassengerBaseURI \"%s\"\n"
                              "RewriteEngine On\n"
                              "RewriteCond %%{REQUEST_FILENAME} !-f\n"
                              "RewriteRule ^(.*)$ %s/passenger_wsgi.py/$1 "
                              "[QSA,L]\n",
                              test_dir(), folder, i ? bases[i] : "/",
                              bases[i]));
        json =
            http_get_body(200, "%s%s/request/a%%20b?c=d", httpd->url, bases[i]);
        CHECK_CONTAINS(json,
                       test_format("\"REQUEST_URI\": \"%s/request/a%%20b?c=d\"",
                                   bases[i]));
        CHECK_CONTAINS(json, "\"QUERY_STRING\": \"c=d\"");
        app_check_file(httpd, test_format("%s/file.txt", bases[i]), "a file");
        http_get_body(403, "%s%s/passenger_wsgi.py", httpd->url, bases[i]);
    }
}
