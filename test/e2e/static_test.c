/* SPDX-License-Identifier: Apache-2.0 */

/* Files below the DocumentRoot are httpd's: the app never hears of them. */
#include "app_server.h"
#include "http_client.h"
#include "process_tree.h"
#include "test.h"

TEST(file_is_served_without_an_app)
{
    httpd_t *httpd = app_serve("ruby", NULL);

    test_file("www/public/file.txt", "a file");
    CHECK_STR(http_get_body(200, "%s/file.txt", httpd->url), "a file");
    CHECK_INT(process_find(httpd->pid, "/loader."), 0);
}

TEST(file_supports_ranges_and_conditions)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    const http_response_t *answer;

    test_file("www/public/file.txt", "0123456789");
    answer = http_request(&(http_request_t){
        .url = test_format("%s/file.txt", httpd->url),
        .headers = (const char *[]){"Range: bytes=2-4", NULL},
    });
    CHECK_INT(answer->status, 206);
    CHECK_STR(answer->body, "234");
}

TEST(missing_file_is_the_apps)
{
    httpd_t *httpd = app_serve("ruby", NULL);

    CHECK_STR(http_get_body(200, "%s/no.txt", httpd->url), "ruby: /no.txt");
}

TEST(folder_is_the_apps)
{
    httpd_t *httpd = app_serve("ruby", NULL);

    test_file("www/public/images/file.txt", "a file");
    CHECK_STR(http_get_body(200, "%s/images", httpd->url), "ruby: /images");
    CHECK_STR(http_get_body(200, "%s/images/", httpd->url), "ruby: /images/");
    CHECK_STR(http_get_body(200, "%s/", httpd->url), "ruby: /");
}

TEST(cached_page_is_served_for_get)
{
    httpd_t *httpd = app_serve("ruby", NULL);
    const http_response_t *answer;

    test_file("www/public/page.html", "cached page");
    test_file("www/public/folder/index.html", "cached index");
    CHECK_STR(http_get_body(200, "%s/page", httpd->url), "cached page");
    CHECK_STR(http_get_body(200, "%s/folder/", httpd->url), "cached index");
    answer = http_post(test_format("%s/page", httpd->url), "x");
    CHECK_STR(answer->body, "ruby: /page");
}

TEST(file_behind_an_alias_is_httpds)
{
    httpd_t *httpd =
        app_serve("ruby", &(httpd_config_t){
                              .modules = "alias",
                              .vhost_config =
                                  test_format("Alias /assets \"%s/elsewhere\"\n"
                                              "<Directory \"%s/elsewhere\">\n"
                                              "Require all granted\n"
                                              "</Directory>\n",
                                              test_dir(), test_dir()),
                          });

    test_file("elsewhere/file.css", "body {}");
    CHECK_STR(http_get_body(200, "%s/assets/file.css", httpd->url), "body {}");
}

TEST(switched_off_place_is_httpds)
{
    httpd_t *httpd =
        app_serve("ruby", &(httpd_config_t){
                              .vhost_config = "<Location /off>\n"
                                              "PassengerEnabled Off\n"
                                              "</Location>\n",
                          });

    http_get_body(404, "%s/off/thing", httpd->url);
    http_get_body(200, "%s/on/thing", httpd->url);
}
