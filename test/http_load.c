/* SPDX-License-Identifier: Apache-2.0 */

/* Load while a test kills or restarts something: GETs in a loop over several
 * kept connections, in a process of its own, counted in shared memory. */
#include "http_client.h"

#include <errno.h>
#include <stdatomic.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>

#include "test.h"

enum {
    REQUEST_SECONDS = 20
};

typedef struct {
    atomic_int stop, ok, other, failed, last_bad;
} counters_t;

struct http_load_t {
    pid_t pid;
    counters_t *counters;
};

static size_t ignore(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

static CURL *make_handle(const char *url)
{
    CURL *curl = curl_easy_init();

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT,
                     (long)(REQUEST_SECONDS * test_deadline_factor()));
    return curl;
}

static void count_one(counters_t *counters, const CURLMsg *message)
{
    long status = 0;

    curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    if (message->data.result != CURLE_OK) {
        counters->failed++;
    }
    else if (status == 200) {
        counters->ok++;
    }
    else {
        counters->other++;
        counters->last_bad = (int)status;
    }
}

/* Each request that ends is counted and, unless we stop, sent again. */
static void run_load(counters_t *counters, const char *url, int connections)
{
    CURLM *multi = curl_multi_init();
    int i, running = connections;

    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)connections);
    for (i = 0; i < connections; i++) {
        curl_multi_add_handle(multi, make_handle(url));
    }
    while (running > 0) {
        CURLMsg *message;
        int unused;

        curl_multi_perform(multi, &unused);
        while ((message = curl_multi_info_read(multi, &unused)) != NULL) {
            CURL *handle = message->easy_handle;

            count_one(counters, message);
            curl_multi_remove_handle(multi, handle);
            if (counters->stop) {
                running--;
            }
            else {
                curl_multi_add_handle(multi, handle);
            }
        }
        curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
}

http_load_t *http_load_start(const char *url, int connections)
{
    http_load_t *load = apr_pcalloc(test_pool(), sizeof(*load));
    counters_t *counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(counters != MAP_FAILED);
    load->counters = counters;
    load->pid = fork();
    CHECK(load->pid >= 0);
    if (load->pid == 0) {
        signal(SIGTERM, SIG_DFL);
        run_load(counters, url, connections);
        _exit(0);
    }
    return load;
}

http_load_result_t http_load_look(const http_load_t *load)
{
    return (http_load_result_t){
        .ok = load->counters->ok,
        .other = load->counters->other,
        .failed = load->counters->failed,
        .last_bad = load->counters->last_bad,
    };
}

http_load_result_t http_load_stop(http_load_t *load)
{
    load->counters->stop = 1;
    while (waitpid(load->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return http_load_look(load);
}
