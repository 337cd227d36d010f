/* SPDX-License-Identifier: Apache-2.0 */

/* An app sees the request as it was sent, and what httpd knows of the visitor,
 * under the names of its language's standard. */
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

/* A variable or header as the app's JSON has it; json is without blanks. */
static const char *pair(const char *name, const char *value)
{
    return test_format("\"%s\":\"%s\"", name, value);
}

/* What the app sees of a request, as JSON. Python's writes blanks. */
static const char *seen(const http_request_t *request)
{
    const http_response_t *answer = http_request(request);
    char *json = (char *)answer->body, *to = json;

    CHECK_INT(answer->status, 200);
    for (; *json; json++) {
        if (*json != ' ' || (json[-1] != ':' && json[-1] != ',')) {
            *to++ = *json;
        }
    }
    *to = '\0';
    return answer->body;
}

static const char *see(const char *url_format, const char *url)
{
    return seen(&(http_request_t){.url = test_format("%s%s", url, url_format)});
}

TEST(rack_path_is_encoded_below_the_base)
{
    httpd_t *httpd;
    const char *json;

    app_require("ruby");
    app_copy("ruby", "other");
    httpd = httpd_start(&(httpd_config_t){
        .vhost_config = test_format("AllowEncodedSlashes NoDecode\n%s",
                                    app_below("/b c", "other"))});
    json = see("/b%20c/request/a%20b%2Fc%E4;d?q=%20", httpd->url);
    CHECK_CONTAINS(json, pair("PATH_INFO", "/request/a%20b%2Fc%E4;d"));
    CHECK_CONTAINS(json, pair("SCRIPT_NAME", "/b c"));
    CHECK_CONTAINS(json,
                   pair("REQUEST_URI", "/b%20c/request/a%20b%2Fc%E4;d?q=%20"));
    CHECK_CONTAINS(json, pair("QUERY_STRING", "q=%20"));
}

TEST(wsgi_path_is_decoded_below_the_base)
{
    httpd_t *httpd;
    const char *json;

    app_require("python3");
    app_copy("python", "other");
    httpd = httpd_start(
        &(httpd_config_t){.vhost_config = app_below("/base", "other")});
    json = see("/base/request/a%20b%E4?q=%20", httpd->url);
    /* PEP 3333: each byte is a character of ISO 8859-1 */
    CHECK_CONTAINS(json, pair("PATH_INFO", "/request/a b\\u00e4"));
    CHECK_CONTAINS(json, pair("SCRIPT_NAME", "/base"));
    CHECK_CONTAINS(json, pair("REQUEST_URI", "/base/request/a%20b%E4?q=%20"));
    CHECK_CONTAINS(json, pair("wsgi.url_scheme", "http"));
}

TEST(node_url_is_as_it_was_sent)
{
    httpd_t *httpd = app_serve("node", NULL);

    CHECK_CONTAINS(see("/request?a=%E4%20&b=[]|", httpd->url),
                   pair("url", "/request?a=%E4%20&b=[]|"));
}

EACH_LANGUAGE(method_and_host_are_the_visitors)
{
    httpd_t *httpd = app_serve(language, NULL);
    int is_node = strcmp(language, "node") == 0;
    const char *json = seen(&(http_request_t){
        .url = test_format("%s/request", httpd->url),
        .method = "PROPFIND",
        .headers = (const char *[]){"Host: example.test:8080", NULL}});

    CHECK_CONTAINS(json,
                   pair(is_node ? "method" : "REQUEST_METHOD", "PROPFIND"));
    CHECK_CONTAINS(json,
                   pair(is_node ? "host" : "HTTP_HOST", "example.test:8080"));
    if (!is_node) {
        CHECK_CONTAINS(json, pair("SERVER_NAME", "example.test"));
        CHECK_CONTAINS(json, pair("SERVER_PORT", "8080"));
        CHECK_CONTAINS(json, pair("SERVER_PROTOCOL", "HTTP/1.1"));
        CHECK_CONTAINS(json, pair("QUERY_STRING", ""));
        CHECK_CONTAINS(json, pair("SCRIPT_NAME", ""));
        CHECK_CONTAINS(json, pair("DOCUMENT_ROOT", httpd->document_root));
        CHECK_CONTAINS(json, "\"REMOTE_PORT\":\"");
        CHECK_CONTAINS(json, pair("REMOTE_ADDR", "127.0.0.1"));
    }
}

EACH_LANGUAGE(repeated_headers_are_joined)
{
    httpd_t *httpd = app_serve(language, NULL);
    int is_node = strcmp(language, "node") == 0;
    const char *json = seen(&(http_request_t){
        .url = test_format("%s/request", httpd->url),
        .headers =
            (const char *[]){"X-Twice: 1", "Cookie: a=1", "X-Twice: 2",
                             "x-twice: 3", "Cookie: b=2,c", "X-Empty;", NULL}});

    CHECK_CONTAINS(json, is_node ? pair("x-twice", "1,2,3")
                                 : pair("HTTP_X_TWICE", "1,2,3"));
    CHECK_CONTAINS(json, is_node ? pair("cookie", "a=1; b=2,c")
                                 : pair("HTTP_COOKIE", "a=1; b=2,c"));
    CHECK_CONTAINS(json,
                   is_node ? pair("x-empty", "") : pair("HTTP_X_EMPTY", ""));
}

EACH_LANGUAGE(length_of_a_chunked_body_is_known)
{
    httpd_t *httpd = app_serve(language, NULL);
    int is_node = strcmp(language, "node") == 0;
    const char *json = seen(&(http_request_t){
        .url = test_format("%s/request", httpd->url),
        .body_size = 100000,
        .chunked = 1,
        .headers = (const char *[]){"Content-Type: text/x-own", NULL}});

    CHECK_CONTAINS(
        json, pair(is_node ? "content-length" : "CONTENT_LENGTH", "100000"));
    CHECK_CONTAINS(
        json, pair(is_node ? "content-type" : "CONTENT_TYPE", "text/x-own"));
    CHECK_LACKS(json, is_node ? "transfer-encoding" : "TRANSFER_ENCODING");
}

/* The address that mod_remoteip found, and the user httpd let in. */
EACH_LANGUAGE(visitor_is_whom_httpd_takes_him_for)
{
    int is_node = strcmp(language, "node") == 0;
    const char *passwords =
        test_file("passwords", "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    httpd_t *httpd = app_serve(
        language,
        &(httpd_config_t){
            .modules = "remoteip auth_basic authn_core authn_file authz_user",
            .vhost_config = test_format("RemoteIPHeader X-Real-IP\n"
                                        "RemoteIPInternalProxy 127.0.0.1\n"
                                        "<Location />\n"
                                        "AuthType Basic\nAuthName own\n"
                                        "AuthUserFile \"%s\"\n"
                                        "Require valid-user\n</Location>\n",
                                        passwords)});
    const char *json = seen(&(http_request_t){
        .url = test_format("%s/request", httpd->url),
        .user = "alice:secret",
        .headers = (const char *[]){"X-Real-IP: 192.0.2.7", NULL}});

    if (is_node) {
        CHECK_CONTAINS(json, pair("remoteAddress", "192.0.2.7"));
        CHECK_CONTAINS(json, pair("x-forwarded-for", "192.0.2.7"));
        CHECK_CONTAINS(json, pair("remoteUser", "alice"));
        CHECK_LACKS(json, "x-passenger-");
    }
    else {
        CHECK_CONTAINS(json, pair("REMOTE_ADDR", "192.0.2.7"));
        CHECK_CONTAINS(json, pair("REMOTE_USER", "alice"));
        CHECK_CONTAINS(json, pair("AUTH_TYPE", "Basic"));
    }
    CHECK_INT(http_get("%s/request", httpd->url)->status, 401);
}
