/* SPDX-License-Identifier: Apache-2.0 */

/* Directives that change what the visitor gets, or from which processes. */
#include <string.h>
#include <sys/stat.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

static const char *body_of(const httpd_t *httpd, const char *path)
{
    return http_get("%s%s", httpd->url, path)->body;
}

TEST(error_document_replaces_the_apps_errors_if_asked_to)
{
    httpd_t *httpd = app_serve(
        "python", &(httpd_config_t){
                      .vhost_config = "ErrorDocument 404 \"ours: not found\"\n"
                                      "ErrorDocument 503 /static.html\n"
                                      "PassengerErrorOverride on\n"});
    const http_response_t *answer;

    test_file("www/public/static.html", "ours: closed");
    http_get_body(200, "%s/hello", httpd->url);
    answer = http_get("%s/status/404", httpd->url);
    CHECK_INT(answer->status, 404);
    CHECK_STR(answer->body, "ours: not found");
    answer = http_get("%s/status/503", httpd->url);
    CHECK_INT(answer->status, 503);
    CHECK_STR(answer->body, "ours: closed");
    CHECK_STR(body_of(httpd, "/status/201"), "status 201");
}

TEST(error_of_the_app_is_its_own_without_that)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.vhost_config = "ErrorDocument 404 \"ours\"\n"});

    CHECK_STR(body_of(httpd, "/status/404"), "status 404");
}

TEST(default_ruby_is_for_apps_without_their_own)
{
    const char *wrapper = test_file("bin/our-ruby", "#!/bin/sh\n"
                                                    "OUR_RUBY=yes\n"
                                                    "export OUR_RUBY\n"
                                                    "exec ruby \"$@\"\n");
    httpd_t *httpd;

    chmod(wrapper, 0755);
    httpd = app_serve(
        "ruby",
        &(httpd_config_t){.server_config = test_format(
                              "PassengerDefaultRuby \"%s\"\n", wrapper)});
    CHECK_CONTAINS(body_of(httpd, "/environment"), "\"OUR_RUBY\":\"yes\"");
}

TEST(group_names_keep_processes_of_one_app_apart)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.vhost_config = "<Location /pid/blue>\n"
                                          "PassengerAppGroupName \"blue - 1\"\n"
                                          "</Location>\n"
                                          "<Location /pid/green>\n"
                                          "PassengerAppGroupName green\n"
                                          "</Location>\n"});
    const char *blue = body_of(httpd, "/pid/blue");

    CHECK(strcmp(blue, body_of(httpd, "/pid/green")) != 0);
    CHECK_STR(body_of(httpd, "/pid/blue"), blue);
}

TEST(long_bodies_go_to_the_configured_folder)
{
    const char *folder = test_file("none/x", "");
    httpd_t *httpd;

    /* A folder that is not there shows that no other is used. */
    httpd = app_serve(
        "python",
        &(httpd_config_t){.server_config = test_format(
                              "PassengerDataBufferDir \"%s.gone\"\n", folder)});
    httpd_expect_log("PSG0");
    CHECK_INT(http_get("%s/hello", httpd->url)->status, 200);
    CHECK(http_request(&(http_request_t){
                           .url = test_format("%s/echo", httpd->url),
                           .body_size = 1 << 20,
                       })
              ->status
          >= 500);
}

/* The page about an app that cannot start, with these lines in the config. */
static const char *page_of_broken_app(const char *lines)
{
    httpd_t *httpd;

    app_require("ruby");
    httpd_allow_log("PSG");
    httpd_allow_log("passenger:error");
    test_file("www/config.ru", "raise 'broken on purpose'\n");
    httpd = httpd_start(&(httpd_config_t){.vhost_config = lines});
    return body_of(httpd, "/");
}

TEST(friendly_pages_show_the_error_in_production_if_asked_to)
{
    CHECK_CONTAINS(page_of_broken_app("PassengerFriendlyErrorPages on\n"),
                   "broken on purpose");
}

TEST(friendly_pages_can_be_switched_off_in_development)
{
    const char *page = page_of_broken_app("PassengerAppEnv development\n"
                                          "PassengerFriendlyErrorPages off\n");

    CHECK(strstr(page, "broken on purpose") == NULL);
    CHECK_CONTAINS(page, "Error id");
}

TEST(output_of_apps_is_logged_bare_if_asked_to)
{
    httpd_t *httpd = app_serve(
        "python",
        &(httpd_config_t){.server_config = "PassengerDisableLogPrefix on\n"});

    http_get_body(200, "%s/say/hello", httpd->url);
    httpd_await_log(httpd, "\nsaid on stdout: hello\n");
}
