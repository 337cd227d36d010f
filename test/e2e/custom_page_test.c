/* SPDX-License-Identifier: Apache-2.0 */

/* PassengerCustomErrorPage: an app's own words when it does not start, and never
 * the content of a file that is not its owner's. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

enum {
    LARGEST = 65536,
    SOMEBODY = 54321, /* a uid that owns nothing here */
};

/* An app that does not start, with these lines. */
static httpd_t *serve_broken(const char *lines)
{
    app_require("ruby");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/config.ru", "raise 'broken on purpose'\n");
    return httpd_start(&(httpd_config_t){.vhost_config = lines});
}

static void is_page(const httpd_t *httpd, const char *path, const char *page)
{
    const http_response_t *answer = http_get("%s%s", httpd->url, path);

    CHECK(answer->status == 500 || answer->status == 503);
    CHECK_STR(answer->body, page);
    CHECK_STR(http_header(answer, "Content-Type"), "text/html; charset=utf-8");
    CHECK_STR(http_header(answer, "Cache-Control"), "no-store");
    if (answer->status == 503) {
        CHECK(http_header(answer, "Retry-After") != NULL);
    }
}

static void is_usual_page(const httpd_t *httpd, const char *path)
{
    const http_response_t *answer = http_get("%s%s", httpd->url, path);

    CHECK(answer->status == 500 || answer->status == 503);
    CHECK_CONTAINS(answer->body, "Error id");
    CHECK_LACKS(answer->body, "secret");
}

TEST(page_of_the_app_is_shown_when_it_does_not_start)
{
    const char *absolute = test_file("elsewhere/page.html", "from elsewhere");
    httpd_t *httpd;

    test_file("www/public/broken.html", "<h1>we are on it</h1>");
    httpd = serve_broken(test_format(
        "PassengerCustomErrorPage public/broken.html\n"
        "<Location /absolute>\nPassengerCustomErrorPage \"%s\"\n</Location>\n",
        absolute));
    is_page(httpd, "/", "<h1>we are on it</h1>");
    is_page(httpd, "/", "<h1>we are on it</h1>"); /* 503 now */
    is_page(httpd, "/absolute", "from elsewhere");
}

TEST(details_are_shown_instead_of_the_page_where_they_may_be)
{
    httpd_t *httpd;

    test_file("www/page.html", "we are on it");
    httpd = serve_broken("PassengerCustomErrorPage page.html\n"
                         "PassengerFriendlyErrorPages on\n");
    CHECK_CONTAINS(http_get("%s/", httpd->url)->body, "broken on purpose");
}

/* What is put at www/pages/NAME. */
static void make_pages(void)
{
    char *text = apr_palloc(test_pool(), LARGEST + 2);
    const char *folder = test_format("%s/www/pages", test_dir());

    memset(text, 'x', LARGEST + 1);
    text[LARGEST + 1] = '\0';
    test_file("www/pages/long", text);
    test_file("www/pages/largest", text + 1);
    test_file("www/pages/empty", "");
    test_file("www/pages/folder/secret", "");
    CHECK_INT(chmod(test_file("www/pages/closed", "secret"), 0), 0);
    CHECK_INT(mkfifo(test_format("%s/pipe", folder), 0644), 0);
    CHECK_INT(symlink("largest", test_format("%s/link", folder)), 0);
    CHECK_INT(symlink("/dev/zero", test_format("%s/device", folder)), 0);
}

/* PassengerCustomErrorPage pages/NAME for /NAME. */
static const char *lines_for(const char *const *names)
{
    const char *lines = "";

    for (; *names; names++) {
        lines = test_format("%s<Location /%s>\nPassengerCustomErrorPage "
                            "pages/%s\n</Location>\n",
                            lines, *names, *names);
    }
    return lines;
}

TEST(what_cannot_be_a_page_is_not_shown)
{
    static const char *const names[] = {"missing", "long", "empty",  "folder",
                                        "closed",  "pipe", "device", "link",
                                        "largest", NULL};
    httpd_t *httpd;

    make_pages();
    httpd = serve_broken(lines_for(names));
    for (int i = 0; i < 7; i++) {
        is_usual_page(httpd, test_format("/%s", names[i]));
    }
    httpd_await_log(httpd, "PSG0124");
    CHECK_INT(strlen(http_get("%s/largest", httpd->url)->body), LARGEST);
    CHECK_INT(strlen(http_get("%s/link", httpd->url)->body), LARGEST);
}

/* httpd can read all of these files. */
TEST(files_of_others_are_not_shown_as_pages)
{
    static const char *const names[] = {"others", "link", "hard", "roots",
                                        NULL};
    const char *others, *page;
    httpd_t *httpd;

    if (geteuid() != 0) {
        SKIP("needs root, to make files of several owners");
    }
    others = test_file("others/file", "secret");
    CHECK_INT(chown(others, SOMEBODY, SOMEBODY), 0);
    CHECK_INT(chown(test_file("www/pages/others", "secret"), SOMEBODY, 0), 0);
    page = test_format("%s/www/pages", test_dir());
    CHECK_INT(symlink(others, test_format("%s/link", page)), 0);
    CHECK_INT(link(others, test_format("%s/hard", page)), 0);
    test_file("www/pages/roots", "secret");
    test_file("www/config.ru", "");
    CHECK_INT(chown(test_format("%s/www/config.ru", test_dir()), 12345, 12345),
              0);
    httpd = serve_broken(test_format(
        "%s<Location /absolute>\nPassengerCustomErrorPage \"%s\"\n</Location>\n"
        "<Location /root>\nPassengerCustomErrorPage "
        "\"%s/roots\"\n</Location>\n",
        lines_for(names), others, page));
    for (int i = 0; names[i]; i++) {
        is_usual_page(httpd, test_format("/%s", names[i]));
    }
    is_usual_page(httpd, "/absolute");
    is_page(httpd, "/root", "secret"); /* everybody may read it */
    CHECK_INT(chmod(test_format("%s/roots", page), 0640), 0);
    is_usual_page(httpd, "/root");
}

TEST(htaccess_may_choose_a_page_of_the_app)
{
    httpd_t *httpd;

    test_file("www/pages/own.html", "our own");
    test_file("www/public/.htaccess",
              "PassengerCustomErrorPage pages/own.html\n");
    httpd = serve_broken(test_format(
        "<Directory \"%s/www/public\">\nAllowOverride All\n</Directory>\n",
        test_dir()));
    is_page(httpd, "/", "our own");
}
