/* SPDX-License-Identifier: Apache-2.0 */

/* httpd -t names what the configuration asks for and is not there. */
#include <string.h>

#include "app_server.h"
#include "test.h"

static const char *warnings_of(const char *server_config,
                               const char *vhost_config)
{
    const char *output;

    CHECK_INT(httpd_test_config(
                  &output, &(httpd_config_t){.modules = "alias",
                                             .server_config = server_config,
                                             .vhost_config = vhost_config}),
              0);
    return output;
}

TEST(what_the_server_names_is_looked_for)
{
    static const char *const cases[][2] = {
        {"PassengerDefaultUser psg-nobody", "there is no such user"},
        {"PassengerDefaultGroup psg-nobody", "there is no such group"},
        {"PassengerDefaultRuby /none/ruby", "there is no such program"},
        {"PassengerDataBufferDir /none", "there is no such folder"},
        {"PassengerInstanceRegistryDir none", "there is no such folder"},
        {"PassengerLogFile /none/log", "there is no folder for it"},
        {"PassengerLogFile /tmp", "it is a folder"},
        {"PassengerDefaultUser root", "no app runs as root"},
        {"PassengerDefaultGroup root", "no app runs with root's group"},
        {"PassengerPreStart shop.example.org", "it is no URL"},
        {"PassengerPreStart httpx://shop.example.org/", "it is no URL"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *output = warnings_of(cases[i][0], NULL);

        CHECK_CONTAINS(
            output, test_format("PSG0045: %s: %s", cases[i][0], cases[i][1]));
        CHECK_CONTAINS(output, test_format("of %s/httpd.conf)", test_dir()));
    }
}

TEST(what_places_name_is_looked_for)
{
    static const char *const cases[][2] = {
        {"PassengerUser psg-nobody", "there is no such user"},
        {"PassengerGroup psg-nobody", "there is no such group"},
        {"PassengerUser root", "no app runs as root"},
        {"PassengerGroup root", "no app runs with root's group"},
        {"PassengerRuby /none/ruby", "there is no such program"},
        {"PassengerPython /tmp", "there is no such program"},
        {"PassengerNodejs /none/node", "there is no such program"},
        {"PassengerMinInstances 10",
         "is more than PassengerMaxPoolSize, which is 6"},
        {"PassengerThreadCount 4", "counts only with"},
        {"PassengerAppRoot /none", "no app at /: PassengerAppRoot is '/none'"},
        {"PassengerStartupFile none.js", "there is no startup file"},
        {"PassengerBaseURI /shop", "no app at /shop: "},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *output = warnings_of(NULL, cases[i][0]);
        int count = 0;

        CHECK_CONTAINS(output, cases[i][1]);
        CHECK_CONTAINS(output, test_format("of %s/vhost.conf)", test_dir()));
        while ((output = strstr(output, "PSG0045: ")) != NULL) {
            output++;
            count++;
        }
        CHECK_INT(count, 1); /* not again for what inherits it */
    }
}

TEST(what_is_there_is_not_told)
{
    const char *lines;

    app_copy("python", "www");
    lines = test_format("PassengerUser daemon\nPassengerGroup !STARTUP_FILE!\n"
                        "PassengerPython /bin/sh\nPassengerRuby ruby\n"
                        "PassengerMinInstances 6\n"
                        "PassengerAppRoot \"%s/www\"\n"
                        "<Location /off>\nPassengerEnabled off\n"
                        "PassengerAppRoot /none\n</Location>\n",
                        test_dir());
    CHECK_LACKS(warnings_of("PassengerPreStart https://[::1]/x\n"
                            "PassengerLogFile log\n",
                            lines),
                "PSG0045");
}

TEST(app_of_an_alias_is_found)
{
    const char *output;

    app_copy("python", "shop");
    output = warnings_of("Define DUMP_PASSENGER\n",
                         test_format("PassengerBaseURI /shop /shop/none\n"
                                     "Alias /shop/ \"%s/shop/public/\"\n"
                                     "Alias /none \"%s/none\"\n",
                                     test_dir(), test_dir()));
    CHECK_CONTAINS(output,
                   test_format("App /shop: %s/shop (python", test_dir()));
    CHECK_CONTAINS(output, "App /shop/none: none");
    CHECK_CONTAINS(output, "no app at /shop/none: ");
    CHECK_LACKS(output, "no app at /shop: ");
}
