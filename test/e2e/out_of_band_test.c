/* SPDX-License-Identifier: Apache-2.0 */

/* X-Passenger-Request-OOB-Work: what an app does between requests. */
#include <string.h>

#include "app_server.h"
#include "http_client.h"
#include "test.h"

/* Works out of band until "release" is there, and says so in "worked". */
static const char app[] =
    "import os, time\n"
    "import passenger\n"
    "def work():\n"
    "    while not os.path.exists('release'):\n"
    "        time.sleep(0.01)\n"
    "    with open('open/worked', 'a') as f:\n"
    "        f.write('x')\n"
    "passenger.on_event('oob_work', work)\n"
    "def application(environ, start_response):\n"
    "    headers = [('X-Passenger-Request-OOB-Work', 'true')]\n"
    "    tired = environ['PATH_INFO'] == '/tired'\n"
    "    start_response('200 OK', headers if tired else [])\n"
    "    return [str(os.getpid()).encode()]\n";

static httpd_t *serve(const char *server_config)
{
    app_require("python3");
    test_file("www/passenger_wsgi.py", app);
    test_file("www/public/static.txt", "");
    test_shell(NULL, "mkdir -m 777 '%s/www/open'", test_dir());
    return httpd_start(&(httpd_config_t){.server_config = server_config});
}

static const char *worked(const httpd_t *httpd)
{
    return test_read(test_format("%s/open/worked", httpd->app_root));
}

TEST(out_of_band_work_is_done_and_the_header_is_not_seen)
{
    httpd_t *httpd = serve("PassengerMaxPoolSize 1\n");
    const http_response_t *response;

    test_file("www/release", "");
    response = http_get("%s/tired", httpd->url);
    CHECK_INT(response->status, 200);
    CHECK(http_header(response, "X-Passenger-Request-OOB-Work") == NULL);
    WAIT_UNTIL(strcmp(worked(httpd), "x") == 0);
    CHECK_STR(http_get_body(200, "%s/tired", httpd->url), response->body);
    WAIT_UNTIL(strcmp(worked(httpd), "xx") == 0);
}

TEST(nobody_waits_for_out_of_band_work)
{
    httpd_t *httpd = serve("PassengerMaxPoolSize 2\n");
    const char *tired = http_get_body(200, "%s/tired", httpd->url), *other;

    httpd_await_log(httpd, "works out of band");
    other = http_get_body(200, "%s/", httpd->url); /* of one that starts */
    CHECK(strcmp(other, tired) != 0);
    CHECK_STR(http_get_body(200, "%s/tired", httpd->url), other);
    CHECK_STR(http_get_body(200, "%s/", httpd->url), other); /* one rests */
    CHECK_STR(worked(httpd), "");
    test_file("www/release", "");
    WAIT_UNTIL(strcmp(worked(httpd), "x") == 0);
}
