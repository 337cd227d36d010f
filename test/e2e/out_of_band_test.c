/* SPDX-License-Identifier: Apache-2.0 */

/* X-Passenger-Request-OOB-Work: what an app does between requests. */
#include "app_server.h"
#include "http_client.h"
#include "test.h"

/* What becomes of the work is the loaders' matter. */
static const char app[] =
    "import os\n"
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
    return httpd_start(&(httpd_config_t){.server_config = server_config});
}

TEST(out_of_band_work_is_asked_for_and_the_header_is_not_seen)
{
    httpd_t *httpd = serve("PassengerMaxPoolSize 1\n");
    const http_response_t *response = http_get("%s/tired", httpd->url);

    CHECK_INT(response->status, 200);
    CHECK(http_header(response, "X-Passenger-Request-OOB-Work") == NULL);
    httpd_await_log(
        httpd, test_format("process %s works out of band", response->body));
}
