/* SPDX-License-Identifier: Apache-2.0 */

/* What the server says of a visitor is the server's word: nothing he sends can
 * pose as it, take it away, or reach an app under a name that is not its own. */
#include <ctype.h>
#include <string.h>

#include <apr_strings.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

enum {
    HEADERS_MAX = 95 /* httpd takes 100, curl adds some */
};

/* Names that servers and apps trust. */
static const char *const trusted[] = {
    "X-Forwarded-For",     "X-Forwarded-Proto",  "X-Forwarded-Host",
    "X-Forwarded-Port",    "X-Forwarded-Ssl",    "X-Forwarded-Scheme",
    "X-Forwarded-User",    "X-Forwarded-Prefix", "X-Real-Ip",
    "X-Client-Ip",         "True-Client-Ip",     "Cf-Connecting-Ip",
    "X-Remote-User",       "X-Remote-Addr",      "X-Auth-User",
    "X-Authenticated-By",  "X-User-Id",          "X-Ssl-Client-Cert",
    "X-Ssl-Client-Verify", "Ssl-Client-S-Dn",    "X-Csrf-Token",
    "X-Original-Url",      "X-Rewrite-Url",      "X-Http-Method-Override",
    "X-Script-Name",       "X-Request-Id",       "Accept-Language",
    "User-Agent",          "If-None-Match",      "Oidc-Claim-Sub",
};

/* Names of what the server says itself. */
static const char *const variables[] = {
    "REMOTE_ADDR",     "REMOTE_USER",     "REMOTE_PORT",
    "REMOTE_IDENT",    "AUTH_TYPE",       "HTTPS",
    "SERVER_NAME",     "SERVER_PORT",     "SCRIPT_NAME",
    "PATH_INFO",       "PATH_TRANSLATED", "QUERY_STRING",
    "REQUEST_URI",     "DOCUMENT_ROOT",   "REQUEST_METHOD",
    "SCRIPT_FILENAME", "CONTENT_TYPE",    "SSL_CLIENT_VERIFY",
};

/* The name with '-' at the places where mask has no bit, else with `sign`. */
static char *with_sign(const char *name, unsigned mask, char sign)
{
    char *copy = apr_pstrdup(test_pool(), name);
    unsigned place = 0;
    char *c;

    for (c = copy; *c; c++) {
        if (*c == '-' && mask >> place++ & 1) {
            *c = sign;
        }
    }
    return copy;
}

static int count_dashes(const char *name)
{
    int count = 0;

    while ((name = strchr(name, '-')) != NULL) {
        count++;
        name++;
    }
    return count;
}

/* All ways to write the name that become the same variable. */
static int add_variants(const char **headers, int n, const char *name)
{
    static const char signs[] = "_.~!";
    unsigned mask, end = 1u << count_dashes(name);
    char *lower = with_sign(name, end - 1, '_'), *c;
    const char *sign;

    for (sign = signs; *sign; sign++) {
        for (mask = 1; mask < end; mask++) {
            headers[n++] =
                test_format("%s: evil", with_sign(name, mask, *sign));
        }
    }
    for (c = lower; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    headers[n++] = test_format("%s: evil", lower);
    CHECK(n < HEADERS_MAX - 2);
    return n;
}

/* The request's headers as the app sees them, as JSON. */
static const char *seen(const httpd_t *httpd, const char *const *headers,
                        int version)
{
    const http_response_t *answer = http_request(&(http_request_t){
        .url = test_format("%s/request", httpd->url),
        .headers = headers,
        .version = version,
    });

    CHECK_INT(answer->status, 200);
    return answer->body;
}

/* Of these a program is told by httpd alone. */
static int is_replaced(const char *language, const char *name)
{
    return strcmp(language, "node") == 0
           && strstr("X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host",
                     name);
}

/* Dropped, not merged: only the name with dashes arrives. */
static void only_dashes_arrive(const httpd_t *httpd, const char *language,
                               int version)
{
    size_t i;

    for (i = 0; i < sizeof(trusted) / sizeof(trusted[0]); i++) {
        const char *headers[HEADERS_MAX + 1] = {NULL};
        int n = add_variants(headers, 0, trusted[i]);
        const char *json;

        headers[n++] = test_format("%s: honest", trusted[i]);
        json = seen(httpd, headers, version);
        if (strstr(json, "evil")
            || !strstr(json, "\"honest\"")
                   == !is_replaced(language, trusted[i])) {
            FAIL("%s over version %d: %s", trusted[i], version, json);
        }
    }
}

EACH_LANGUAGE(name_with_other_signs_poses_as_no_other)
{
    httpd_t *httpd = app_serve(language, &(httpd_config_t){.http2 = 1});

    only_dashes_arrive(httpd, language, 11);
    only_dashes_arrive(httpd, language, 20);
}

/* As HTTP_REMOTE_ADDR they may arrive, never as REMOTE_ADDR. */
EACH_LANGUAGE(header_is_never_a_variable)
{
    httpd_t *httpd = app_serve(language, NULL);
    const char *headers[HEADERS_MAX + 1] = {NULL}, *json;
    size_t i;
    int n = 0;

    for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        char *dashed = apr_pstrdup(test_pool(), variables[i]), *c;

        headers[n++] = test_format("%s: evil", variables[i]);
        for (c = dashed; *c; c++) {
            *c = *c == '_' ? '-' : *c;
        }
        if (strcmp(dashed, "CONTENT-TYPE") != 0) {
            headers[n++] = test_format("%s: evil", dashed);
        }
    }
    headers[n++] = "wsgi.url_scheme: evil";
    headers[n++] = "rack.session: evil";
    headers[n++] = "HTTP_X_A: evil";
    json = seen(httpd, headers, 11);
    for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        CHECK_LACKS(json, test_format("\"%s\": \"evil", variables[i]));
        CHECK_LACKS(json, test_format("\"%s\":\"evil", variables[i]));
    }
    CHECK_LACKS(json, "\"HTTPS\"");
    CHECK_LACKS(json, "\"REMOTE_USER\"");
    CHECK_LACKS(json, "\"AUTH_TYPE\"");
    CHECK_LACKS(json, "wsgi.url_scheme\": \"evil");
    CHECK_LACKS(json, "rack.session");
    CHECK_LACKS(json, "X_A");
}

EACH_LANGUAGE(proxy_header_is_dropped)
{
    httpd_t *httpd = app_serve(language, NULL);
    const char *json = seen(httpd,
                            (const char *[]){"Proxy: evil", "PROXY: evil",
                                             "Proxy-Authorization: evil",
                                             "Proxy-Connection: evil", NULL},
                            11);

    CHECK_LACKS(json, "evil");
}

EACH_LANGUAGE(headers_of_the_connection_stay_there)
{
    httpd_t *httpd = app_serve(language, NULL);
    const char *json = seen(
        httpd,
        (const char *[]){"Connection: keep-alive, X-Hop, Te", "X-Hop: evil",
                         "Keep-Alive: evil", "TE: evil", "Trailer: evil",
                         "Upgrade: evil", "HTTP2-Settings: evil", NULL},
        11);

    CHECK_LACKS(json, "evil");
}

/* Connection may not take away what the server, or a proxy before it, added. */
EACH_LANGUAGE(visitor_removes_nothing_of_the_servers)
{
    static const char connection[] =
        "Connection: close, X-Remote-User, X-SSL-Client-Verify, "
        "X-Forwarded-For, Host, Cookie, Authorization, X-Passenger-Client";
    httpd_t *httpd = app_serve(
        language, &(httpd_config_t){
                      .modules = "headers",
                      .vhost_config =
                          "RequestHeader set X-Remote-User honest-user\n"
                          "RequestHeader set X-SSL-Client-Verify honest-ssl\n",
                  });
    const char *json = seen(
        httpd,
        (const char *[]){connection, "X-Remote-User: evil",
                         "X_Remote_User: evil", "X-SSL-Client-Verify: evil",
                         "Cookie: a=b", "Authorization: Basic honest", NULL},
        11);

    CHECK_CONTAINS(json, "honest-user");
    CHECK_CONTAINS(json, "honest-ssl");
    CHECK_CONTAINS(json, "a=b");
    CHECK_CONTAINS(json, "Basic honest");
    CHECK_CONTAINS(json, "127.0.0.1");
    CHECK_LACKS(json, "evil");
}

/* A server in the app's program can know the visitor by these alone. */
TEST(headers_for_programs_are_the_servers)
{
    httpd_t *httpd = app_serve("node", NULL);
    const char *json =
        seen(httpd,
             (const char *[]){
                 "X-Forwarded-For: evil", "x-forwarded-for: evil",
                 "X-Forwarded-Proto: evil", "X-Forwarded-Host: evil",
                 "X-Passenger-Client: evil 1", "X-Passenger-Https: evil",
                 "X-Passenger-User: evil", "X-Passenger-Anything: evil", NULL},
             11);

    CHECK_LACKS(json, "evil");
    CHECK_CONTAINS(json, "\"x-forwarded-for\":\"127.0.0.1\"");
    CHECK_CONTAINS(json, "\"x-forwarded-proto\":\"http\"");
    CHECK_CONTAINS(json, "\"remoteAddress\":\"127.0.0.1\"");
}

/* Variables of httpd's configuration cannot override what it found out. */
static void variables_change_nothing(const char *language)
{
    const char *config = "SetEnv HONEST honest-value\n"
                         "SetEnv HTTP_HOST evil\n"
                         "SetEnv HTTP_X_NEW evil\n";
    httpd_t *httpd;
    const char *json;
    size_t i;

    for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (!strstr("REMOTE_IDENT PATH_TRANSLATED SCRIPT_FILENAME "
                    "SSL_CLIENT_VERIFY",
                    variables[i])) {
            config = test_format("%sSetEnv %s evil\n", config, variables[i]);
        }
    }
    httpd = app_serve(
        language, &(httpd_config_t){.modules = "env", .vhost_config = config});
    json = seen(httpd, NULL, 11);
    CHECK_CONTAINS(json, "honest-value");
    CHECK_LACKS(json, "evil");
}

TEST(ruby_variables_override_nothing)
{
    variables_change_nothing("ruby");
}

TEST(python_variables_override_nothing)
{
    variables_change_nothing("python");
}
