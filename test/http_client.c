/* SPDX-License-Identifier: Apache-2.0 */

/* One HTTP request, in the foreground or in a thread. Tests call it. */
#include "http_client.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <apr_strings.h>
#include <curl/curl.h>

#include "test.h"

struct http_client_t {
    CURL *curl;
};

/* A growing string. Bodies may be large, so doubling, and no pool copies. */
typedef struct {
    char *data;
    size_t len, size;
} buffer_t;

struct http_running_t {
    http_request_t request;
    http_response_t response;
    CURL *curl;
    buffer_t head, body;
    uint64_t sent;
    char error[CURL_ERROR_SIZE];
    pthread_t thread;
    atomic_int done;
};

static void buffer_add(buffer_t *buffer, const char *data, size_t len)
{
    while (buffer->len + len + 1 > buffer->size) {
        buffer->size = buffer->size * 2 + 4096;
        buffer->data = realloc(buffer->data, buffer->size);
        if (!buffer->data) {
            abort();
        }
    }
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
    buffer->data[buffer->len] = 0;
}

/* Only the last head counts: interim answers come before it. */
static size_t on_head(char *data, size_t size, size_t count, void *arg)
{
    http_running_t *running = arg;

    if (size * count > 5 && strncmp(data, "HTTP/", 5) == 0) {
        running->head.len = 0;
    }
    buffer_add(&running->head, data, size * count);
    return size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    http_running_t *running = arg;
    size_t len = size * count;

    running->response.body_len += len;
    if (!running->request.discard) {
        buffer_add(&running->body, data, len);
    }
    if (running->request.on_piece) {
        running->request.on_piece(running->request.data, data, len);
    }
    return len;
}

/* The pattern of body_size: bytes that repeat after 251, a prime, so that a
 * lost or doubled block of any usual size shows. */
static size_t on_send(char *data, size_t size, size_t count, void *arg)
{
    http_running_t *running = arg;
    const http_request_t *request = &running->request;
    uint64_t total = request->body ? strlen(request->body) : request->body_size;
    size_t i, len = size * count;

    if (len > total - running->sent) {
        len = (size_t)(total - running->sent);
    }
    for (i = 0; i < len; i++) {
        uint64_t at = running->sent + i;

        data[i] = request->body ? request->body[at] : (char)(at % 251);
    }
    running->sent += len;
    return len;
}

static struct curl_slist *set_headers(CURL *curl, const http_request_t *request)
{
    struct curl_slist *list = NULL;
    int i;

    for (i = 0; request->headers && request->headers[i]; i++) {
        list = curl_slist_append(list, request->headers[i]);
    }
    if (request->chunked && request->version != 20) {
        list = curl_slist_append(list, "Transfer-Encoding: chunked");
    }
    list = curl_slist_append(list, "Expect:");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    return list;
}

static void set_version(CURL *curl, int version)
{
    long value = CURL_HTTP_VERSION_1_1;

    if (version == 10) {
        value = CURL_HTTP_VERSION_1_0;
    }
    if (version == 20) {
        value = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    }
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, value);
}

static void set_body(http_running_t *running)
{
    const http_request_t *request = &running->request;
    CURL *curl = running->curl;

    if (request->body || request->body_size || request->chunked) {
        curl_off_t len = request->body ? (curl_off_t)strlen(request->body)
                                       : (curl_off_t)request->body_size;

        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(curl, CURLOPT_READDATA, running);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         request->chunked ? (curl_off_t)-1 : len);
    }
    if (request->method) {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
        if (strcmp(request->method, "HEAD") == 0) {
            curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        }
    }
}

static void set_options(http_running_t *running)
{
    const http_request_t *request = &running->request;
    CURL *curl = running->curl;

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, running->error);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT,
                     (long)((request->seconds ? request->seconds : 20)
                            * test_deadline_factor()));
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, running);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, running);
    if (request->user) {
        curl_easy_setopt(curl, CURLOPT_USERPWD, request->user);
    }
    set_version(curl, request->version);
    set_body(running);
}

static void fill_response(http_running_t *running, CURLcode code)
{
    http_response_t *response = &running->response;
    long status = 0, version = 0, connections = 0;

    curl_easy_getinfo(running->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(running->curl, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(running->curl, CURLINFO_NUM_CONNECTS, &connections);
    curl_easy_getinfo(running->curl, CURLINFO_TOTAL_TIME, &response->seconds);
    response->status = (int)status;
    response->version = version == CURL_HTTP_VERSION_2_0   ? 20
                        : version == CURL_HTTP_VERSION_1_0 ? 10
                                                           : 11;
    response->new_connections = (int)connections;
    response->head = running->head.data ? running->head.data : "";
    response->body = running->body.data ? running->body.data : "";
    if (code != CURLE_OK) {
        response->error =
            running->error[0] ? running->error : curl_easy_strerror(code);
    }
}

static void *perform(void *arg)
{
    http_running_t *running = arg;
    struct curl_slist *headers;

    set_options(running);
    headers = set_headers(running->curl, &running->request);
    fill_response(running, curl_easy_perform(running->curl));
    curl_slist_free_all(headers);
    if (!running->request.client) {
        curl_easy_cleanup(running->curl);
    }
    running->done = 1;
    return NULL;
}

static apr_status_t running_cleanup(void *data)
{
    http_running_t *running = data;

    free(running->head.data);
    free(running->body.data);
    return APR_SUCCESS;
}

static http_running_t *running_create(const http_request_t *request)
{
    http_running_t *running = apr_pcalloc(test_pool(), sizeof(*running));

    running->request = *request;
    running->curl = request->client ? request->client->curl : curl_easy_init();
    apr_pool_cleanup_register(test_pool(), running, running_cleanup,
                              apr_pool_cleanup_null);
    return running;
}

const http_response_t *http_request(const http_request_t *request)
{
    http_running_t *running = running_create(request);

    perform(running);
    return &running->response;
}

const http_response_t *http_get(const char *url_format, ...)
{
    http_request_t request = {0};
    va_list args;

    va_start(args, url_format);
    request.url = apr_pvsprintf(test_pool(), url_format, args);
    va_end(args);
    return http_request(&request);
}

const http_response_t *http_post(const char *url, const char *body)
{
    return http_request(&(http_request_t){.url = url, .body = body});
}

const char *http_get_body(int status, const char *url_format, ...)
{
    http_request_t request = {0};
    const http_response_t *response;
    va_list args;

    va_start(args, url_format);
    request.url = apr_pvsprintf(test_pool(), url_format, args);
    va_end(args);
    response = http_request(&request);
    if (response->status != status || response->error) {
        FAIL("%s: %s%s%.2000s", request.url,
             response->error ? response->error : "", response->head,
             response->body);
    }
    return response->body;
}

const char *http_header_nth(const http_response_t *response, const char *name,
                            int n)
{
    const char *line = strchr(response->head, '\n');
    size_t len = strlen(name);

    for (; line && line[1]; line = strchr(line + 1, '\n')) {
        if (strncasecmp(line + 1, name, len) == 0 && line[1 + len] == ':'
            && n-- == 0) {
            const char *value = line + 1 + len + 1;
            size_t value_len = strcspn(value, "\r\n");

            while (value_len > 0 && *value == ' ') {
                value++;
                value_len--;
            }
            return apr_pstrmemdup(test_pool(), value, value_len);
        }
    }
    return NULL;
}

const char *http_header(const http_response_t *response, const char *name)
{
    return http_header_nth(response, name, 0);
}

http_client_t *http_client_create(void)
{
    http_client_t *client = apr_palloc(test_pool(), sizeof(*client));

    client->curl = curl_easy_init();
    return client;
}

http_running_t *http_begin(const http_request_t *request)
{
    http_running_t *running = running_create(request);

    CHECK_INT(pthread_create(&running->thread, NULL, perform, running), 0);
    return running;
}

const http_response_t *http_end(http_running_t *running)
{
    pthread_join(running->thread, NULL);
    return &running->response;
}

int http_is_done(const http_running_t *running)
{
    return running->done;
}
