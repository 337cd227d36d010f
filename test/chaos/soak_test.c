/* SPDX-License-Identifier: Apache-2.0 */

/* Hours in minutes: all kinds of requests and a deployment every few seconds,
 * while the size of our processes is taken each second. What grows shows as a
 * slope (Theil-Sen: the median of the slopes between pairs of samples, which
 * single peaks do not move). */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_server.h"
#include "chaos_table.h"
#include "http_client.h"
#include "ledger.h"
#include "process_size.h"
#include "process_tree.h"
#include "raw_socket.h"
#include "test.h"

enum {
    SAMPLES_MAX = 7200,
    DEPLOY_SECONDS = 10,
    PAIRS_OF_EACH = 200, /* enough for a median */
    SHORTEST = 180,      /* samples: fewer do not show an hour */
    CHILDREN_MAX = 16,
};

/* Who is looked at. */
typedef enum {
    PARENT,
    CHILDREN,
    WATCHDOG,
    CORE,
    OURS_COUNT
} ours_e;

static const char *const names[] = {"httpd's parent", "httpd's children",
                                    "watchdog", "core"};

/* By the hour, that are no leak: a child's allocator settles for long. */
static const double memory_limits[] = {1024, 20480, 256, 1024};

typedef struct {
    double at;
    process_size_t sizes[OURS_COUNT];
} sample_t;

/* Shared with the process that makes it. */
typedef struct {
    atomic_int stop;
    atomic_int wrong; /* answers that were not as they should be */
    atomic_int sent;
} noise_t;

/* Connects, sends, goes away in the middle. */
static void abort_requests(const httpd_t *httpd)
{
    int fd = raw_connect(httpd->port);

    raw_send(fd, "POST /other/echo HTTP/1.1\r\nHost: x\r\n"
                 "Content-Length: 100000\r\n\r\nhalf of it");
    close(fd);
    fd = raw_connect(httpd->port);
    raw_send(fd, "GET /other/size/3000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    close(fd);
}

/* A bit of a large answer now and then; the rest is never read. */
static void read_slowly(const httpd_t *httpd)
{
    int i, fd = raw_connect_slow(httpd->port);
    char piece[4096];

    raw_send(fd, "GET /other/size/2000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    for (i = 0; i < 10 && raw_read(fd, piece, sizeof(piece)) > 0; i++) {
        usleep(50000);
    }
    close(fd);
}

static void expect(const httpd_t *httpd, noise_t *noise, int status,
                   const char *path)
{
    char url[200];
    const http_response_t *answer;

    snprintf(url, sizeof(url), "%s%s", httpd->url, path);
    answer = http_request(
        &(http_request_t){.url = url, .discard = 1, .seconds = 20});
    noise->sent++;
    noise->wrong += answer->status != status || answer->error;
}

static void make_noise(const httpd_t *httpd, noise_t *noise)
{
    while (!noise->stop) {
        expect(httpd, noise, 404, "/other/status/404");
        expect(httpd, noise, 200, "/other/pieces/passenger_wsgi.py");
        expect(httpd, noise, 500, "/other/raise");
        expect(httpd, noise, 200, "/other/size/1000000");
        expect(httpd, noise, 200, "/file.txt");
        abort_requests(httpd);
        read_slowly(httpd);
    }
}

static pid_t noise_start(const httpd_t *httpd, noise_t *noise)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        signal(SIGTERM, SIG_DFL);
        make_noise(httpd, noise);
        _exit(0);
    }
    return pid;
}

static void noise_stop(noise_t *noise, pid_t pid)
{
    noise->stop = 1;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static void add_size(process_size_t *sum, pid_t pid)
{
    process_size_t size = process_size(pid);

    sum->anon += size.anon;
    sum->fds += size.fds;
    sum->threads += size.threads;
}

static void take_sample(const httpd_t *httpd, const pid_t *agents,
                        sample_t *sample)
{
    pid_t children[CHILDREN_MAX];
    int i, count = process_find_all(httpd->pid, "httpd.conf", children,
                                    CHILDREN_MAX);

    memset(sample, 0, sizeof(*sample));
    sample->at = test_now();
    add_size(&sample->sizes[PARENT], httpd->pid);
    add_size(&sample->sizes[WATCHDOG], agents[0]);
    add_size(&sample->sizes[CORE], agents[1]);
    for (i = 0; i < count; i++) {
        add_size(&sample->sizes[CHILDREN], children[i]);
    }
}

static double value_of(const sample_t *sample, int who, int field)
{
    const process_size_t *size = &sample->sizes[who];

    return field == 0   ? (double)size->anon
           : field == 1 ? size->fds
                        : size->threads;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Change an hour. */
static double slope_of(const sample_t *samples, int count, int who, int field)
{
    double *slopes =
        malloc(sizeof(*slopes) * ((size_t)count * PAIRS_OF_EACH + 1));
    double found = 0;
    int i, j, n = 0, step = count / PAIRS_OF_EACH + 1;

    CHECK(slopes != NULL);
    for (i = 0; i < count; i++) {
        for (j = i + 1; j < count; j += step) {
            slopes[n++] = (value_of(&samples[j], who, field)
                           - value_of(&samples[i], who, field))
                          / (samples[j].at - samples[i].at) * 3600;
        }
    }
    if (n > 0) {
        qsort(slopes, (size_t)n, sizeof(*slopes), compare);
        found = slopes[n / 2];
    }
    free(slopes);
    return found;
}

static void judge_slopes(const sample_t *samples, int count)
{
    int who;

    for (who = 0; who < OURS_COUNT; who++) {
        chaos_limit(test_format("%s: memory an hour (now %ld KiB)", names[who],
                                samples[count - 1].sizes[who].anon),
                    slope_of(samples, count, who, 0), memory_limits[who],
                    "KiB");
        chaos_limit(test_format("%s: descriptors an hour (now %d)", names[who],
                                samples[count - 1].sizes[who].fds),
                    slope_of(samples, count, who, 1), 1, "");
        chaos_limit(test_format("%s: threads an hour (now %d)", names[who],
                                samples[count - 1].sizes[who].threads),
                    slope_of(samples, count, who, 2), 1, "");
    }
}

static httpd_t *serve(void)
{
    httpd_t *httpd;

    httpd_allow_log("PSG");
    httpd_allow_log("raised on purpose");
    app_copy("python", "other");
    httpd = ledger_serve(
        "ruby",
        &(httpd_config_t){
            .server_config = "PassengerMaxPoolSize 6\nPassengerLogLevel 3\n"
                             "MaxConnectionsPerChild 0\n",
            .vhost_config = test_format("PassengerMinInstances 2\n%s",
                                        app_below("/other", "other"))});
    test_file("www/public/file.txt", "a file\n");
    return httpd;
}

/* Returns the number of samples; deploys as time passes. */
static int take_samples(const httpd_t *httpd, sample_t *samples, double seconds)
{
    pid_t agents[] = {httpd_watchdog(httpd), httpd_core(httpd)};
    double start = test_now();
    int count = 0;

    while (test_now() < start + seconds && count < SAMPLES_MAX) {
        take_sample(httpd, agents, &samples[count++]);
        if (count % DEPLOY_SECONDS == 0) {
            ledger_deploy(httpd, test_format("%d", count));
            ledger_restart(httpd);
        }
        sleep(1);
    }
    return count;
}

TEST_DEADLINE(soak, 8000)
{
    httpd_t *httpd = serve();
    noise_t *noise = mmap(NULL, sizeof(*noise), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sample_t *samples = calloc(SAMPLES_MAX, sizeof(*samples));
    ledger_t *ledger = ledger_start(
        httpd, &(ledger_plan_t){.rate = 60, .connections = 8, .wait_ms = 5});
    ledger_result_t result;
    int count, settled;
    pid_t noisy;

    CHECK(samples != NULL && noise != MAP_FAILED);
    noisy = noise_start(httpd, noise);
    count = take_samples(httpd, samples, chaos_soak_seconds());
    settled = count / 3; /* pools and caches have their size by then */
    noise_stop(noise, noisy);
    result = ledger_stop(ledger);
    chaos_print("\nSoak, %d s, a deployment each %d s: %d requests in the "
                "ledger, %d others; p99 %.1f ms, slowest %.0f ms",
                count, DEPLOY_SECONDS, result.requests, noise->sent,
                result.p99 * 1e3, result.slowest * 1e3);
    chaos_limit("lost", result.lost_gets + result.lost_posts, 0, "");
    chaos_limit("POSTs executed twice", result.posts_twice, 0, "");
    chaos_limit("other requests not answered as they should", noise->wrong, 0,
                "");
    if (count >= SHORTEST) {
        judge_slopes(samples + settled, count - settled);
    }
    free(samples);
    chaos_verdict();
}
