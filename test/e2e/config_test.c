/* SPDX-License-Identifier: Apache-2.0 */

/* A wrong configuration is refused with file, line and what would be right;
 * a directive is accepted where it may stand and nowhere else. */
#include <string.h>
#include <sys/stat.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

/* The line of vhost.conf that contains text. */
static int line_of(const char *text)
{
    const char *content = test_read(test_format("%s/vhost.conf", test_dir()));
    const char *found = strstr(content, text);
    int line = 1;

    CHECK(found != NULL);
    for (; content < found; content++) {
        line += *content == '\n';
    }
    return line;
}

/* httpd -t must refuse these lines of a VirtualHost because of the line that
 * contains `culprit`, with that message. */
static void check_refused(const char *lines, const char *culprit,
                          const char *message)
{
    const char *output;
    int status =
        httpd_test_config(&output, &(httpd_config_t){.vhost_config = lines});

    CHECK(status != 0);
    CHECK_CONTAINS(output, test_format("line %d of %s/vhost.conf",
                                       line_of(culprit), test_dir()));
    CHECK_CONTAINS(output, message);
}

static void check_accepted(const char *lines)
{
    const char *output;
    int status =
        httpd_test_config(&output, &(httpd_config_t){.vhost_config = lines});

    if (status != 0) {
        FAIL("%s", output);
    }
}

TEST(number_out_of_range_is_refused_with_line_and_range)
{
    static const char *const wrong[][2] = {
        {"PassengerMinInstances -1", "from 0 to 16384"},
        {"PassengerMinInstances many", "from 0 to 16384"},
        {"PassengerMinInstances 1.5", "from 0 to 16384"},
        {"PassengerStartTimeout 0", "from 1 to 86400"},
        {"PassengerStartTimeout 99999999999999999999", "from 1 to 86400"},
        {"PassengerMaxRequestQueueSize 1000001", "from 0 to 1000000"},
        {"PassengerMaxPoolSize 0", "from 1 to 16384"},
        {"PassengerMaxInstancesPerApp 16385", "from 0 to 16384"},
        {"PassengerPoolIdleTime 1h", "from 0 to 31536000"},
        {"PassengerLogLevel 8", "from 0 to 7"},
    };
    size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        check_refused(wrong[i][0], wrong[i][0], wrong[i][1]);
    }
}

TEST(wrong_word_is_refused_with_line_and_reason)
{
    static const char *const wrong[][2] = {
        {"PassengerEnabled maybe", "not On or Off"},
        {"PassengerBufferResponse full", "not On or Off"},
        {"PassengerBufferUpload 1", "not On or Off"},
        {"PassengerUserSwitching 1", "not On or Off"},
        {"PassengerShowVersionInHeader yes", "not On or Off"},
        {"PassengerBaseURI app", "begin with a slash"},
        {"PassengerBaseURI /app/", "ends with a slash"},
        {"PassengerAppRoot apps/shop", "not an absolute path"},
        {"PassengerAppType php", "ruby, python, node"},
        {"PassengerAppRoot", "takes one argument"},
        {"PassengerEnabled On Off", "takes one argument"},
        {"PassengerEnvVar NAME", "takes a name and a value"},
        {"PassengerEnvVar NAME=a b", "takes a name and a value"},
        {"PassengerEnvVar 1A b", "the name is not made of letters"},
        {"PassengerEnable On", "Invalid command"},
        {"PassengerDisableHtaccess 1", "takes On or Off"},
        {"PassengerDisableHtaccess On Off", "takes On or Off"},
    };
    size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        check_refused(wrong[i][0], wrong[i][0], wrong[i][1]);
    }
}

TEST(directive_is_refused_where_it_may_not_stand)
{
    static const char *const wrong[][3] = {
        {"<Directory />\n PassengerMaxPoolSize 3\n</Directory>",
         "PassengerMaxPoolSize", "cannot occur within directory context"},
        {"<Location /x>\n PassengerLogFile log\n</Location>",
         "PassengerLogFile", "cannot occur within directory context"},
        {"<Files x>\n PassengerAppRoot /x\n</Files>", "PassengerAppRoot",
         "cannot occur within <Files>"},
        {"<FilesMatch x>\n PassengerRuby /x\n</FilesMatch>", "PassengerRuby",
         "cannot occur within <FilesMatch>"},
        {"<If \"true\">\n PassengerUser x\n</If>", "PassengerUser",
         "cannot occur within <If>"},
        {"<Directory />\n<If \"true\">\n PassengerUser x\n</If>\n</Directory>",
         "PassengerUser", "cannot occur within <If>"},
    };
    size_t i;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        check_refused(wrong[i][0], wrong[i][1], wrong[i][2]);
    }
}

TEST(every_directive_is_accepted_where_it_may_stand)
{
    static const char app_lines[] = "PassengerBaseURI /a /b\n"
                                    "PassengerBaseURI /c\n"
                                    "PassengerBaseURI /\n"
                                    "PassengerAppRoot /srv/app\n"
                                    "PassengerAppType wsgi\n"
                                    "PassengerStartupFile main.py\n"
                                    "PassengerAppStartCommand \"run me\"\n"
                                    "PassengerAppEnv staging\n"
                                    "PassengerRuby /usr/bin/ruby\n"
                                    "PassengerPython /usr/bin/python3\n"
                                    "PassengerNodejs /usr/bin/node\n"
                                    "PassengerUser somebody\n"
                                    "PassengerGroup !STARTUP_FILE!\n"
                                    "PassengerMinInstances 0\n"
                                    "PassengerStartTimeout 86400\n"
                                    "PassengerMaxRequestQueueSize 0\n"
                                    "passengerenabled off\n";

    check_accepted(app_lines);
    check_accepted(test_format("<Directory />\n%s</Directory>", app_lines));
    check_accepted(test_format("<Location /x>\n%s</Location>", app_lines));
    check_accepted("<Files x>\nPassengerEnabled off\n</Files>");
    check_accepted("<If \"true\">\nPassengerEnabled off\n</If>");
    check_accepted("<Files x>\nPassengerBufferResponse on\n"
                   "PassengerBufferUpload off\n"
                   "PassengerCustomErrorPage page.html\n</Files>");
    CHECK_INT(httpd_test_config(NULL,
                                &(httpd_config_t){
                                    .server_config = test_format(
                                        "%s"
                                        "PassengerUserSwitching Off\n"
                                        "PassengerDefaultUser nobody\n"
                                        "PassengerMaxPoolSize 16384\n"
                                        "PassengerMaxInstancesPerApp 3\n"
                                        "PassengerPoolIdleTime 0\n"
                                        "PassengerLogFile log\n"
                                        "PassengerInstanceRegistryDir x\n"
                                        "PassengerRoot /anywhere\n"
                                        "PassengerShowVersionInHeader Off\n",
                                        app_lines),
                                }),
              0);
}

TEST(global_directive_in_virtual_host_warns)
{
    const char *output;
    int status = httpd_test_config(
        &output, &(httpd_config_t){.vhost_config = "PassengerMaxPoolSize 3"});

    CHECK_INT(status, 0);
    CHECK_CONTAINS(output, "PassengerMaxPoolSize in a <VirtualHost> holds for "
                           "the whole server");
    CHECK_CONTAINS(output,
                   test_format("line %d of %s/vhost.conf",
                               line_of("PassengerMaxPoolSize"), test_dir()));
}

TEST(config_test_starts_nothing)
{
    const char *listing;

    check_accepted("");
    CHECK_INT(test_shell(&listing, "ls '%s/run'", test_dir()), 0);
    CHECK_STR(listing, "");
}

TEST(missing_agent_is_named_at_start)
{
    const char *output;
    const char *log = test_format("%s/error.log", test_dir());

    check_accepted(""); /* writes the files */
    CHECK(test_shell(&output,
                     "PASSENGER_AGENT=/nonexistent/agent %s -f "
                     "'%s/httpd.conf'",
                     httpd_command(), test_dir())
          != 0);
    CHECK_CONTAINS(test_read(log), "/nonexistent/agent");
}

/* Names of Unix sockets have 107 bytes; those of folders need not care. */
TEST(instance_dir_may_have_a_long_name)
{
    char name[120];
    const char *dir;
    httpd_t *httpd;

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    dir = test_format("%s/%s", test_dir(), name);
    CHECK_INT(mkdir(dir, 0755), 0);
    httpd = app_serve("python",
                      &(httpd_config_t){
                          .server_config = test_format(
                              "PassengerInstanceRegistryDir \"%s\"\n", dir),
                      });
    CHECK_STR(http_get_body(200, "%s/hello", httpd->url),
              "hello from python\n");
}

/* What existing configurations say: other names of what there is. */
TEST(older_names_are_understood)
{
    static const char *const names[][2] = {
#define TAKES_FLAG "off"
#define TAKES_NUMBER "7"
#define TAKES_TEXT "x"
#define TAKES_WORD "smart-lv2"
#define TAKES_LIST "/x"
#define OPTION_ALIAS(scope, type, name, field) {name, TAKES_##type},
#include "option_aliases.def"
    };
    const char *lines = "";
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        lines = test_format("%s%s %s\n", lines, names[i][0], names[i][1]);
    }
    check_accepted(lines);
    check_refused("RailsMaxPoolSize none", "RailsMaxPoolSize none",
                  "from 1 to 16384");
}

TEST(directives_without_effect_are_accepted_and_explained)
{
    static const char *const names[][2] = {
#define OPTION_IGNORED(scope, name, why) {name, why},
#include "option_ignored.def"
    };
    const char *lines = "", *output;
    size_t i;
    int status;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        lines = test_format("%s%s any \"thing at all\"\n", lines, names[i][0]);
    }
    status =
        httpd_test_config(&output, &(httpd_config_t){.vhost_config = lines});
    CHECK_INT(status, 0);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_CONTAINS(output, test_format("PSG0026: %s does nothing here: %s",
                                           names[i][0], names[i][1]));
    }
}
