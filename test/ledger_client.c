/* SPDX-License-Identifier: Apache-2.0 */

/* The process that sends a ledger's requests: which ones follows from their
 * numbers, when from the pace. ledger.c calls it. */
#include "ledger_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

enum {
    REQUEST_SECONDS = 20,
    MAX_BODY = 200000,
    ANSWER_SIZE = 128,
};

/* Most bodies go along with the head, some need a file (more than 64 KiB). */
static const long body_sizes[] = {0, 10, 1000, 10000, 65536, 65537, MAX_BODY};

/* One request at a time; kept for the next. */
typedef struct transfer_t {
    struct transfer_t *next; /* of the free ones */
    CURL *curl;
    int number;
    unsigned sum; /* of the body's bytes */
    char answer[ANSWER_SIZE];
    size_t answer_len;
} transfer_t;

typedef struct {
    const ledger_t *ledger;
    CURLM *multi;
    transfer_t *free;
    struct curl_slist *headers;
    double due; /* of the next request */
    int running;
    char body[MAX_BODY];
} client_t;

static size_t on_answer(char *data, size_t size, size_t count, void *arg)
{
    transfer_t *transfer = arg;
    size_t room = ANSWER_SIZE - 1 - transfer->answer_len;
    size_t len = size * count < room ? size * count : room;

    memcpy(transfer->answer + transfer->answer_len, data, len);
    transfer->answer_len += len;
    return size * count;
}

/* Neighbours differ in everything. */
static unsigned mix(int number)
{
    unsigned x = (unsigned)number * 2654435761u;

    return x ^ (x >> 15);
}

static void set_body(client_t *client, transfer_t *transfer, unsigned dice)
{
    size_t kinds = sizeof(body_sizes) / sizeof(body_sizes[0]);
    long i, size = body_sizes[dice % kinds];

    for (i = 0; i < size; i++) {
        transfer->sum += (unsigned char)client->body[i];
    }
    curl_easy_setopt(transfer->curl, CURLOPT_POSTFIELDS, client->body);
    curl_easy_setopt(transfer->curl, CURLOPT_POSTFIELDSIZE, size);
    curl_easy_setopt(transfer->curl, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_request(client_t *client, transfer_t *transfer, int is_post)
{
    const ledger_t *ledger = client->ledger;
    unsigned dice = mix(transfer->number);
    CURL *curl = transfer->curl;
    char url[160];

    snprintf(url, sizeof(url), "%s/%d/%d", ledger->url, transfer->number,
             (int)((dice >> 3) % (unsigned)(ledger->plan.wait_ms + 1)));
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT,
                     (long)(REQUEST_SECONDS * test_deadline_factor()));
    if (is_post) {
        set_body(client, transfer, dice >> 5);
    }
    else if (dice % 4 == 0) {
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    }
}

static void begin(client_t *client)
{
    ledger_book_t *book = client->ledger->book;
    transfer_t *transfer = client->free;
    int number = book->requests;
    int is_post = mix(number) % 5 < 2;

    client->free = transfer->next;
    transfer->number = number;
    transfer->sum = 0;
    transfer->answer_len = 0;
    set_request(client, transfer, is_post);
    book->entries[number].is_post = is_post;
    book->entries[number].due = client->due;
    book->entries[number].sent = test_now();
    book->requests = number + 1;
    curl_multi_add_handle(client->multi, transfer->curl);
    client->running++;
}

static int is_right(transfer_t *transfer)
{
    char expected[64];

    transfer->answer[transfer->answer_len] = 0;
    snprintf(expected, sizeof(expected), "%d %u ", transfer->number,
             transfer->sum & 0xffff);
    return strncmp(transfer->answer, expected, strlen(expected)) == 0
           && transfer->answer[transfer->answer_len - 1] == '\n';
}

static void end(client_t *client, transfer_t *transfer, CURLcode result)
{
    ledger_book_t *book = client->ledger->book;
    ledger_entry_t *entry = &book->entries[transfer->number];
    long status = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    entry->ended = test_now();
    if (result == CURLE_OK && status == 200 && is_right(transfer)) {
        entry->state = LEDGER_ANSWERED;
        book->answered++;
    }
    else if (result != CURLE_OK) {
        snprintf(entry->problem, sizeof(entry->problem), "%s",
                 curl_easy_strerror(result));
        entry->state = LEDGER_LOST;
    }
    else {
        snprintf(entry->problem, sizeof(entry->problem), "%ld '%.20s'", status,
                 status == 200 ? transfer->answer : "");
        entry->state = LEDGER_LOST;
    }
    curl_multi_remove_handle(client->multi, transfer->curl);
    transfer->next = client->free;
    client->free = transfer;
    client->running--;
}

static int may_send(const client_t *client)
{
    const ledger_book_t *book = client->ledger->book;

    return !book->stop && book->requests < LEDGER_ENTRIES;
}

/* What is due and finds all connections busy is sent later; its time counts
 * from when it was due. */
static void send_due(client_t *client)
{
    while (may_send(client) && client->free && test_now() >= client->due) {
        begin(client);
        client->due += 1.0 / client->ledger->plan.rate;
    }
}

static void wait_some(client_t *client)
{
    double left =
        client->free && may_send(client) ? client->due - test_now() : 0.1;

    curl_multi_poll(client->multi, NULL, 0,
                    left > 0 ? (int)(left * 1000) + 1 : 0, NULL);
}

static void prepare(client_t *client, const ledger_t *ledger)
{
    int i;

    client->ledger = ledger;
    client->multi = curl_multi_init();
    client->headers = curl_slist_append(NULL, "Expect:");
    client->due = test_now();
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
                      (long)ledger->plan.connections);
    for (i = 0; i < MAX_BODY; i++) {
        client->body[i] = (char)(i % 251);
    }
    for (i = 0; i < ledger->plan.connections; i++) {
        transfer_t *transfer = apr_pcalloc(test_pool(), sizeof(*transfer));

        transfer->curl = curl_easy_init();
        transfer->next = client->free;
        client->free = transfer;
    }
}

void ledger_client_run(ledger_t *ledger)
{
    client_t *client = apr_pcalloc(test_pool(), sizeof(*client));

    prepare(client, ledger);
    while (may_send(client) || client->running > 0) {
        CURLMsg *message;
        int unused;

        send_due(client);
        curl_multi_perform(client->multi, &unused);
        while ((message = curl_multi_info_read(client->multi, &unused))
               != NULL) {
            transfer_t *transfer;

            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                              &transfer);
            end(client, transfer, message->data.result);
        }
        wait_some(client);
    }
}
