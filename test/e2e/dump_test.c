/* SPDX-License-Identifier: Apache-2.0 */

/* httpd -t -D DUMP_PASSENGER */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "test.h"

static const char *dump(const char *lines)
{
    const char *output;

    test_file("www/config.ru", "");
    test_file("www/public/x", "");
    CHECK_INT(httpd_test_config(
                  &output,
                  &(httpd_config_t){.server_config = "Define DUMP_PASSENGER\n"
                                                     "PassengerMaxPoolSize 9\n",
                                    .vhost_config = lines}),
              0);
    return output;
}

TEST(dump_names_apps_options_and_places)
{
    const char *conf = test_format("%s/vhost.conf", test_dir());
    const char *output = dump("PassengerMinInstances 3\n"
                              "PassengerEnvVar SECRET s3cr3t\n"
                              "<Location /inner>\n"
                              "PassengerAppEnv staging\n"
                              "</Location>\n");
    const char *inner = strstr(output, " Location /inner");

    CHECK_CONTAINS(output, test_format("App /: %s/www (ruby, config.ru), "
                                       "startup file of user",
                                       test_dir()));
    CHECK_CONTAINS(output, test_format("PassengerMinInstances 3 (%s:", conf));
    CHECK_CONTAINS(output, "PassengerAppEnv production (default)");
    CHECK_CONTAINS(output, "PassengerMaxPoolSize 9 (");
    CHECK_CONTAINS(output, "PassengerPoolIdleTime 300 (default)");
    CHECK(inner != NULL);
    CHECK_CONTAINS(inner, test_format("PassengerAppEnv staging (%s:", conf));
    CHECK_CONTAINS(inner, test_format("PassengerMinInstances 3 (%s:", conf));
    CHECK(strstr(output, "s3cr3t") == NULL);
}

TEST(dump_says_why_there_is_no_app)
{
    CHECK_CONTAINS(dump("PassengerAppRoot /nowhere\n"), "App /: none");
    CHECK_CONTAINS(dump("PassengerEnabled off\n"),
                   test_format("PassengerEnabled is off here (%s/vhost.conf:",
                               test_dir()));
    CHECK_CONTAINS(dump("PassengerBaseURI /none\n"), "App /none: none");
}

/* As httpd merges them for a request; patterns only know themselves. */
TEST(dump_shows_what_sections_inherit)
{
    const char *output = dump("<Location /a>\n"
                              "PassengerMaxRequests 7\n"
                              "PassengerEnvVar FIRST 1\n"
                              "PassengerDisableHtaccess on\n"
                              "</Location>\n"
                              "<Location /a/b>\n"
                              "PassengerBaseURI /\n"
                              "PassengerEnvVar SECOND 2\n"
                              "</Location>\n"
                              "<LocationMatch ^/a/.*>\n"
                              "PassengerMinInstances 1\n"
                              "</LocationMatch>\n");
    const char *inner = strstr(output, " Location /a/b");
    const char *pattern = strstr(output, " Location ^/a/.*");

    CHECK(inner != NULL && pattern > inner);
    CHECK_CONTAINS(pattern, "PassengerMaxRequests 0 (default)");
    inner = test_format("%.*s", (int)(pattern - inner), inner);
    CHECK_CONTAINS(inner, test_format("PassengerMaxRequests 7 (%s/vhost.conf:",
                                      test_dir()));
    CHECK_CONTAINS(inner, "PassengerEnvVar FIRST=... SECOND=... (");
    CHECK_CONTAINS(inner, test_format("PassengerHtaccess off (%s/vhost.conf:",
                                      test_dir()));
}

/* Which app a request gets where an outer section comes last. */
TEST(dump_shows_the_app_of_the_longer_uri)
{
    const char *output =
        dump(test_format("<Location /shop>\nPassengerBaseURI /shop\n"
                         "PassengerAppRoot \"%s/www\"\n</Location>\n"
                         "<Location />\nPassengerAppRoot /nowhere\n"
                         "</Location>\n",
                         test_dir()));
    const char *shop = strstr(output, " Location /shop");

    CHECK(shop != NULL);
    CHECK_CONTAINS(shop, test_format("App /shop: %s/www (", test_dir()));
    CHECK(strstr(shop + 1, " Location /shop") == NULL);
}

/* Though it is root who asks: what tenants have made is not root's to touch. */
TEST(dump_sees_what_httpd_would_see)
{
    if (getuid() != 0) {
        SKIP("needs root: a plain user's httpd has his own rights");
    }
    test_file("www/config.ru", "");
    CHECK_INT(chmod(test_format("%s/www", test_dir()), 0700), 0);
    CHECK_CONTAINS(dump(""), "App /: none: permission denied on the way");
}
