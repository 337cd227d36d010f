/* SPDX-License-Identifier: Apache-2.0 */

/* See app_server.h. Nearly all end-to-end tests call it. */
#include "app_server.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "http_client.h"
#include "test.h"

void app_require(const char *programs)
{
    char *list = apr_pstrdup(test_pool(), programs);
    char *last = NULL, *name = apr_strtok(list, " ", &last);

    for (; name; name = apr_strtok(NULL, " ", &last)) {
        if (test_shell(NULL, "command -v %s >/dev/null", name) != 0) {
            SKIP("%s is not installed", name);
        }
    }
}

const char *app_copy(const char *name, const char *folder)
{
    const char *output;

    if (test_shell(&output,
                   "cd '%s' && mkdir -p '%s' && cp -r '%s/test/apps/%s/.' '%s'",
                   test_dir(), folder, TEST_SRCDIR, name, folder)
        != 0) {
        FAIL("cannot copy app '%s': %s", name, output);
    }
    return test_format("%s/%s", test_dir(), folder);
}

const char *app_below(const char *uri, const char *folder)
{
    return test_format("<Location \"%s\">\n"
                       "PassengerBaseURI \"%s\"\n"
                       "PassengerAppRoot \"%s/%s\"\n"
                       "</Location>\n",
                       uri, uri, test_dir(), folder);
}

httpd_t *app_serve(const char *name, const httpd_config_t *config)
{
    static const httpd_config_t none;
    size_t len = strcspn(name, "-"); /* "ruby-rails" */
    const char *language = apr_pstrndup(test_pool(), name, len);

    app_require(strcmp(language, "ruby") == 0 || strcmp(language, "node") == 0
                    ? language
                    : "python3");
    app_copy(name, "www");
    return httpd_start(config ? config : &none);
}

pid_t app_pid(const httpd_t *httpd)
{
    return (pid_t)strtol(http_get_body(200, "%s/pid", httpd->url), NULL, 10);
}

const char *app_tool(const httpd_t *httpd, const char *arguments)
{
    const char *output;

    if (test_shell(&output,
                   "PASSENGER_INSTANCE_REGISTRY_DIR='%s' "
                   "'%s/passenger-agent' %s",
                   httpd->run_dir, test_product_dir, arguments)
        != 0) {
        FAIL("passenger-agent %s: %s", arguments, output);
    }
    return output;
}

void app_release(const httpd_t *httpd, const char *file)
{
    CHECK_INT(test_shell(NULL, "touch '%s/%s'", httpd->app_root, file), 0);
}

int app_is_pattern(const char *data, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if ((unsigned char)data[i] != i % 251) {
            return 0;
        }
    }
    return 1;
}

void app_check(const httpd_t *httpd, const char *path, const char *seen)
{
    CHECK_STR(http_get_body(200, "%s%s", httpd->url, path),
              test_format("python: %s", seen));
}

void app_check_file(const httpd_t *httpd, const char *path, const char *content)
{
    CHECK_STR(http_get_body(200, "%s%s", httpd->url, path), content);
}

const char *app_granted(const char *folder)
{
    return test_format("<Directory \"%s/%s\">\nRequire all granted\n"
                       "</Directory>\n",
                       test_dir(), folder);
}
