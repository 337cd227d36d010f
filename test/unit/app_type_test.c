/* SPDX-License-Identifier: Apache-2.0 */

/* Which kind of app a folder holds. */
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "app_type.h"
#include "options.h"

static apr_status_t detect(const psg_app_type_t **type, apr_finfo_t *info)
{
    return psg_app_type_detect(type, info, test_dir(), test_pool());
}

TEST(types_are_found_by_name_and_alias)
{
    CHECK_STR(psg_app_type_find("ruby")->startup_file, "config.ru");
    CHECK_STR(psg_app_type_find("rack")->name, "ruby");
    CHECK_STR(psg_app_type_find("WSGI")->name, "python");
    CHECK_STR(psg_app_type_find("nodejs")->startup_file, "app.js");
    CHECK_INT(psg_app_type_find("node")->interpreter,
              offsetof(psg_options_t, nodejs));
    CHECK(psg_app_type_find("") == NULL);
    CHECK_STR(psg_app_type_names(), "ruby, python, node");
}

TEST(first_startup_file_of_the_table_wins)
{
    const psg_app_type_t *type = NULL;
    apr_finfo_t info;

    CHECK_INT(detect(&type, &info), APR_ENOENT);
    CHECK(type == NULL);
    test_file("app.mjs", "12345");
    CHECK_INT(detect(&type, &info), APR_SUCCESS);
    CHECK_STR(type->startup_file, "app.mjs");
    CHECK_INT(info.size, 5);
    CHECK_INT(info.user, getuid());
    test_file("passenger_wsgi.py", "");
    CHECK_INT(detect(&type, &info), APR_SUCCESS);
    CHECK_STR(type->name, "python");
    CHECK_INT(type->decoded_path_info, 1);
}

TEST(folder_and_broken_link_are_no_startup_file)
{
    const psg_app_type_t *type;
    apr_finfo_t info;

    CHECK_INT(mkdir(test_format("%s/config.ru", test_dir()), 0755), 0);
    CHECK_INT(symlink("nowhere", test_format("%s/app.js", test_dir())), 0);
    CHECK_INT(detect(&type, &info), APR_ENOENT);
    CHECK_INT(symlink(test_file("other/main.js", "xy"),
                      test_format("%s/app.cjs", test_dir())),
              0);
    CHECK_INT(detect(&type, &info), APR_SUCCESS);
    CHECK_STR(type->startup_file, "app.cjs");
    CHECK_INT(info.size, 2);
}

TEST(folder_that_may_not_be_searched_is_reported)
{
    const psg_app_type_t *type;
    apr_finfo_t info;

    test_file("config.ru", "");
    CHECK_INT(chmod(test_dir(), 0600), 0);
    if (getuid() == 0) {
        CHECK_INT(seteuid(65534), 0);
    }
    CHECK_INT(detect(&type, &info), APR_EACCES);
    if (getuid() == 0) {
        CHECK_INT(seteuid(0), 0);
    }
    CHECK_INT(chmod(test_dir(), 0755), 0);
}
