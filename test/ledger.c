/* SPDX-License-Identifier: Apache-2.0 */

/* See ledger.h: what was sent, answered and executed, compared. Sending itself
 * is ledger_client.c's. survival.c and long tests call it. */
#include "ledger_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"

httpd_t *ledger_serve(const char *language, const httpd_config_t *config)
{
    static const httpd_config_t none;
    const char *root;

    app_require(strcmp(language, "python") == 0 ? "python3" : language);
    root = app_copy(test_format("ledger-%s", language), "www");
    test_file("www/version", "1\n");
    test_file("www/journal", "");
    CHECK_INT(test_shell(NULL, "mkdir '%s/tmp' && chmod 666 '%s/journal'", root,
                         root),
              0);
    return httpd_start(config ? config : &none);
}

/* Replaced, not written: an app that loads just now reads the one or the other. */
void ledger_deploy(const httpd_t *httpd, const char *version)
{
    const char *path = test_format("%s/version", httpd->app_root);
    const char *copy = test_file("www/version.new", version);

    CHECK_INT(rename(copy, path), 0);
}

void ledger_restart(const httpd_t *httpd)
{
    unlink(test_format("%s/tmp/restart.txt", httpd->app_root));
    test_file("www/tmp/restart.txt", "");
}

ledger_look_t ledger_look(const httpd_t *httpd)
{
    const http_response_t *answer = http_get("%s/look", httpd->url);
    ledger_look_t look = {.version = NULL};
    char version[64];
    int pid;

    if (answer->status == 200
        && sscanf(answer->body, "look 0 %63s %d", version, &pid) == 2) {
        look.version = test_format("%s", version);
        look.pid = pid;
    }
    return look;
}

ledger_t *ledger_start(const httpd_t *httpd, const ledger_plan_t *plan)
{
    ledger_t *ledger = apr_pcalloc(test_pool(), sizeof(*ledger));

    ledger->url = httpd->url;
    ledger->journal = test_format("%s/journal", httpd->app_root);
    ledger->plan = plan ? *plan : (ledger_plan_t){.rate = 0};
    ledger->plan.rate = ledger->plan.rate ? ledger->plan.rate : 150;
    ledger->plan.connections =
        ledger->plan.connections ? ledger->plan.connections : 24;
    ledger->book = mmap(NULL, sizeof(*ledger->book), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(ledger->book != MAP_FAILED);
    ledger->pid = fork();
    CHECK(ledger->pid >= 0);
    if (ledger->pid == 0) {
        signal(SIGTERM, SIG_DFL);
        ledger_client_run(ledger);
        _exit(0);
    }
    return ledger;
}

int ledger_answered(const ledger_t *ledger)
{
    return ledger->book->answered;
}

/* Requests are in the order of their sending. */
double ledger_first_answer(const ledger_t *ledger, double since)
{
    const ledger_book_t *book = ledger->book;
    int i = book->requests;
    double first = 0;

    while (--i >= 0 && book->entries[i].sent >= since) {
        const ledger_entry_t *entry = &book->entries[i];

        if (entry->state == LEDGER_ANSWERED
            && (first == 0 || entry->ended < first)) {
            first = entry->ended;
        }
    }
    return first;
}

/* Lines of another form are the app's mistake, or a torn write. */
static void read_journal(const ledger_t *ledger, unsigned char *executed)
{
    const char *line = test_read(ledger->journal);

    for (; *line; line = strchr(line, '\n') + 1) {
        char *end;
        long number = strtol(line, &end, 10);

        if (end == line || *end != ' ' || !strchr(line, '\n') || number < 0
            || number >= ledger->book->requests) {
            FAIL("the journal has the line '%.40s'", line);
        }
        executed[number] += executed[number] < 255;
    }
}

static void count_entry(ledger_result_t *result, const ledger_entry_t *entry,
                        int executed)
{
    if (entry->state == LEDGER_ANSWERED) {
        result->answered++;
        result->unexecuted += executed == 0;
    }
    else {
        result->lost_gets += !entry->is_post;
        result->lost_posts += entry->is_post;
        result->problem =
            test_format("%s: %s", entry->is_post ? "POST" : "GET",
                        *entry->problem ? entry->problem : "unfinished");
    }
    result->gets_twice += executed > 1 && !entry->is_post;
    result->posts_twice += executed > 1 && entry->is_post;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static void fill_times(ledger_result_t *result, double *times, int count)
{
    if (count > 0) {
        qsort(times, (size_t)count, sizeof(*times), compare);
        result->median = times[count / 2];
        result->p99 = times[(int)(count * 0.99)];
        result->slowest = times[count - 1];
    }
}

ledger_result_t ledger_stop(ledger_t *ledger)
{
    ledger_book_t *book = ledger->book;
    ledger_result_t result = {.requests = 0};
    unsigned char *executed;
    double *times;
    int i, count = 0;

    book->stop = 1;
    while (waitpid(ledger->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    result.requests = book->requests;
    executed = apr_pcalloc(test_pool(), (size_t)book->requests + 1);
    times =
        apr_palloc(test_pool(), sizeof(*times) * ((size_t)book->requests + 1));
    read_journal(ledger, executed);
    for (i = 0; i < book->requests; i++) {
        count_entry(&result, &book->entries[i], executed[i]);
        if (book->entries[i].state == LEDGER_ANSWERED) {
            times[count++] = book->entries[i].ended - book->entries[i].due;
        }
    }
    fill_times(&result, times, count);
    munmap(book, sizeof(*book));
    return result;
}
