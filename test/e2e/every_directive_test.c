/* SPDX-License-Identifier: Apache-2.0 */

/* Every row of options.def, in every place: taken where its scope and class
 * allow it, else refused with the line, or told in the case of .htaccess. */
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "option_values.h"
#include "test.h"

#define FOR_ALL_ROWS(i) \
    for (psg_option_e i = (psg_option_e)0; i < PSG_OPTION_COUNT; i++)

/* The lines of all rows whose scope has a bit in `scopes`. */
static const char *lines_of(unsigned scopes)
{
    const char *lines = "";

    FOR_ALL_ROWS(i)
    {
        if (scopes >> psg_option_rows[i].scope & 1) {
            lines = test_format("%s%s", lines, option_line(i));
        }
    }
    return lines;
}

static void check_taken(const httpd_config_t *config)
{
    const char *output;

    if (httpd_test_config(&output, config) != 0) {
        FAIL("%s", output);
    }
}

static void check_taken_in(const char *section, unsigned scopes)
{
    const char *name =
        test_format("%.*s", (int)strcspn(section, " >"), section);

    check_taken(&(httpd_config_t){
        .vhost_config =
            test_format("<%s>\n%s</%s>\n", section, lines_of(scopes), name)});
}

/* Each row of the scope alone in the section: httpd stops at the first. */
static void check_refused_in(const char *section, psg_scope_e scope)
{
    const char *name =
        test_format("%.*s", (int)strcspn(section, " >"), section);

    FOR_ALL_ROWS(i)
    {
        const char *output, *where;

        if (psg_option_rows[i].scope != scope) {
            continue;
        }
        CHECK(httpd_test_config(
                  &output, &(httpd_config_t){.vhost_config = test_format(
                                                 "<%s>\n%s</%s>\n", section,
                                                 option_line(i), name)})
              != 0);
        where = strstr(output, test_format("of %s/vhost.conf", test_dir()));
        CHECK(where != NULL);
        CHECK_CONTAINS(where, test_format("%s cannot occur within",
                                          psg_option_rows[i].name));
    }
}

enum {
    GLOBAL = 1 << PSG_SCOPE_GLOBAL,
    APP = 1 << PSG_SCOPE_APP,
    PLACE = 1 << PSG_SCOPE_PLACE
};

TEST(each_is_taken_where_it_may_stand)
{
    check_taken(
        &(httpd_config_t){.server_config = lines_of(GLOBAL | APP | PLACE)});
    check_taken(
        &(httpd_config_t){.vhost_config = lines_of(GLOBAL | APP | PLACE)});
    check_taken_in("Directory /", APP | PLACE);
    check_taken_in("DirectoryMatch ^/", APP | PLACE);
    check_taken_in("Location /x", APP | PLACE);
    check_taken_in("LocationMatch ^/x", APP | PLACE);
    check_taken_in("Files x", PLACE);
    check_taken_in("FilesMatch x", PLACE);
    check_taken_in("If true", PLACE);
}

TEST(global_ones_are_refused_in_directories)
{
    check_refused_in("Directory /", PSG_SCOPE_GLOBAL);
}

TEST(global_ones_are_refused_in_locations)
{
    check_refused_in("Location /x", PSG_SCOPE_GLOBAL);
}

TEST(those_of_apps_are_refused_for_files)
{
    check_refused_in("Files x", PSG_SCOPE_APP);
}

TEST(those_of_apps_are_refused_for_conditions)
{
    check_refused_in("If true", PSG_SCOPE_APP);
}

/* httpd serves a plain file, and what is said of each line is in its log. */
static httpd_t *serve_folder(const char *htaccess)
{
    httpd_t *httpd = httpd_start(&(httpd_config_t){
        .vhost_config = test_format("<Directory \"%s/www/public\">\n"
                                    "AllowOverride Limit\n"
                                    "</Directory>\n",
                                    test_dir())});

    httpd_allow_log("PSG0027");
    test_file("www/public/place/file.txt", "a file");
    test_file("www/public/place/.htaccess", htaccess);
    app_check_file(httpd, "/place/file.txt", "a file");
    return httpd;
}

static int is_admins(psg_option_e i)
{
    return psg_option_rows[i].scope == PSG_SCOPE_GLOBAL
           || psg_option_rows[i].class == PSG_CLASS_ADMIN;
}

TEST(each_is_taken_or_told_in_htaccess)
{
    const char *lines = "";
    const char *log;

    FOR_ALL_ROWS(i)
    {
        lines = test_format("%s%s", lines, option_line(i));
    }
    log = httpd_log(serve_folder(lines));
    FOR_ALL_ROWS(i)
    {
        const char *told = test_format(
            ".htaccess, line %d: %s is for the server's administrator only",
            (int)i + 1, psg_option_rows[i].name);

        if (is_admins(i)) {
            CHECK_CONTAINS(log, told);
        }
        else {
            CHECK_LACKS(log, test_format(".htaccess, line %d: ", (int)i + 1));
        }
    }
}

/* Without a value, which is wrong for each. */
TEST(each_wrong_line_is_told_in_htaccess)
{
    const char *lines = "";
    const char *log;

    FOR_ALL_ROWS(i)
    {
        lines = test_format("%s%s\n", lines, psg_option_rows[i].name);
    }
    log = httpd_log(serve_folder(lines));
    FOR_ALL_ROWS(i)
    {
        CHECK_CONTAINS(log, test_format(".htaccess, line %d: %s ", (int)i + 1,
                                        psg_option_rows[i].name));
    }
}
