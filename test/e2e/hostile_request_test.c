/* SPDX-License-Identifier: Apache-2.0 */

/* Requests that are meant to be understood differently by httpd, by us and by
 * the app. What is sent on a connection is followed by an honest request on the
 * same connection: nothing in between may become a request of its own. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_server.h"
#include "http_client.h"
#include "raw_socket.h"
#include "scoreboard_view.h"
#include "test.h"

enum {
    MAX_ATTACKS = 64
};

/* What has to come of it. REFUSED: no app may see it. Else text the answers
 * must contain; "" if httpd may decide either way. */
typedef struct {
    const char *name, *bytes;
    size_t len;
    const char *outcome;
} attack_t;

#define REFUSED NULL
#define EITHER ""
#define ATTACK(name, bytes, outcome)            \
    {                                           \
        name, bytes, sizeof(bytes) - 1, outcome \
    }
#define POST "POST /echo HTTP/1.1\r\nHost: a\r\n"
#define GET "GET /seen HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
#define CANARY "GET /canary HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/* What waits for bytes that never come is given up after a second. */
static httpd_t *serve(void)
{
    httpd_t *httpd = app_serve(
        "python", &(httpd_config_t){.server_config = "Timeout 1\n"
                                                     "TraceEnable off\n"});

    httpd_allow_log("[core:error]"); /* what httpd says of such requests */
    http_get_body(200, "%s/hello", httpd->url);
    return httpd;
}

static void check_outcome(const attack_t *attack, const char *answers)
{
    int is_served = strstr(answers, "python: /seen")
                    || strstr(answers, "HTTP/1.1 200 OK") == answers;

    if (strstr(answers, "python: /smuggled")) {
        FAIL("%s: a request was smuggled: %s", attack->name, answers);
    }
    if (attack->outcome ? !strstr(answers, attack->outcome) : is_served) {
        FAIL("%s: %s expected, not: %s", attack->name,
             attack->outcome ? attack->outcome : "a refusal", answers);
    }
}

/* All at once, since some have to be waited for. */
static void attack(httpd_t *httpd, const attack_t *attacks, size_t count)
{
    int fds[MAX_ATTACKS];
    pid_t app = app_pid(httpd);
    size_t i;

    CHECK(count <= MAX_ATTACKS);
    for (i = 0; i < count; i++) {
        fds[i] = raw_connect(httpd->port);
        raw_send_bytes(fds[i], attacks[i].bytes, attacks[i].len, 5);
        raw_send_bytes(fds[i], CANARY, sizeof(CANARY) - 1, 5);
    }
    for (i = 0; i < count; i++) {
        check_outcome(&attacks[i], raw_read_until(fds[i], NULL));
        close(fds[i]);
    }
    CHECK_INT(app_pid(httpd), app);
    WAIT_UNTIL(scoreboard_busy(httpd) == 0);
    CHECK_INT(scoreboard_running_slots(httpd), 0);
}

#define ATTACK_ALL(httpd, attacks) \
    attack(httpd, attacks, sizeof(attacks) / sizeof((attacks)[0]))

TEST(length_of_a_body_is_never_guessed)
{
    static const attack_t attacks[] = {
        ATTACK("plain", POST "Content-Length: 5\r\n\r\nhello", "\r\n\r\nhello"),
        ATTACK("leading zero", POST "Content-Length: 05\r\n\r\nhello", EITHER),
        ATTACK("plus", POST "Content-Length: +5\r\n\r\nhello", REFUSED),
        ATTACK("minus", POST "Content-Length: -5\r\n\r\nhello", REFUSED),
        ATTACK("hexadecimal", POST "Content-Length: 0x5\r\n\r\nhello", REFUSED),
        ATTACK("underscore", POST "Content-Length: 5_0\r\n\r\nhello", REFUSED),
        ATTACK("empty", POST "Content-Length:\r\n\r\nhello", REFUSED),
        ATTACK("two words", POST "Content-Length: 5 5\r\n\r\nhello", REFUSED),
        ATTACK("list", POST "Content-Length: 5, 6\r\n\r\nhello", REFUSED),
        ATTACK("vertical tab", POST "Content-Length: \v5\r\n\r\nhello",
               REFUSED),
        ATTACK("2 to the 63",
               POST "Content-Length: 9223372036854775808\r\n\r\nhello",
               REFUSED),
        ATTACK("2 to the 64 and 5",
               POST "Content-Length: 18446744073709551621\r\n\r\nhello",
               REFUSED),
        ATTACK("two equal ones",
               POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
               EITHER),
        ATTACK("two different ones",
               POST "Content-Length: 42\r\nContent-Length: 0\r\n\r\n" SMUGGLED,
               REFUSED),
        ATTACK("underscore in the name",
               POST "Content_Length: 42\r\nContent-Length: 5\r\n\r\nhello",
               "\r\n\r\nhello"),
        ATTACK("blank behind the name", POST "Content-Length : 5\r\n\r\nhello",
               REFUSED),
        ATTACK("more than comes", POST "Content-Length: 500\r\n\r\nhello",
               REFUSED),
        ATTACK("body of GET",
               "GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: "
               "41\r\n\r\n" SMUGGLED,
               "GET /smuggled"),
    };

    ATTACK_ALL(serve(), attacks);
}

TEST(transfer_coding_is_chunked_or_refused)
{
    static const attack_t attacks[] = {
        ATTACK("plain", CHUNKED "5\r\nhello\r\n0\r\n\r\n", "\r\n\r\nhello"),
        ATTACK("any case",
               POST "transfer-encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
               "\r\n\r\nhello"),
        ATTACK("with a length",
               POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "5\r\nhello\r\n0\r\n\r\n",
               EITHER),
        ATTACK("chunked, identity",
               POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
               REFUSED),
        ATTACK("chunkedchunked",
               POST "Transfer-Encoding: chunkedchunked\r\n\r\n0\r\n\r\n",
               REFUSED),
        ATTACK("xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
               REFUSED),
        ATTACK("quoted", POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
               REFUSED),
        ATTACK("gzip", POST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
               REFUSED),
        ATTACK("gzip, chunked",
               POST "Transfer-Encoding: gzip, chunked\r\n\r\n"
                    "5\r\nhello\r\n0\r\n\r\n",
               "501 Not Implemented"),
        ATTACK("identity", POST "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
               REFUSED),
        ATTACK("vertical tab",
               POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", REFUSED),
        ATTACK("form feed",
               POST "Transfer-Encoding: chunked\f\r\n\r\n0\r\n\r\n", REFUSED),
        ATTACK("8-bit blank",
               POST "Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n", REFUSED),
        ATTACK("next line",
               POST "Transfer-Encoding: \x85"
                    "chunked\r\n\r\n0\r\n\r\n",
               REFUSED),
        ATTACK("blank behind the name",
               POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", REFUSED),
        ATTACK("empty", POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", EITHER),
        ATTACK("empty member",
               POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", EITHER),
        ATTACK("folded", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
               EITHER),
        ATTACK("underscore",
               POST "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
                    "0\r\n\r\n",
               "\r\n\r\n0\r\n\r\n"),
        ATTACK("HTTP/1.0",
               "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"
               "Content-Length: 42\r\n\r\n0\r\n\r\n" SMUGGLED,
               EITHER),
    };

    ATTACK_ALL(serve(), attacks);
}

TEST(chunks_are_exact_or_refused)
{
    static const attack_t attacks[] = {
        ATTACK("extension", CHUNKED "5;a=b\r\nhello\r\n0\r\n\r\n",
               "\r\n\r\nhello"),
        ATTACK("0x", CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", REFUSED),
        ATTACK("plus", CHUNKED "+5\r\nhello\r\n0\r\n\r\n", REFUSED),
        ATTACK("minus", CHUNKED "-5\r\nhello\r\n0\r\n\r\n", REFUSED),
        ATTACK("blank first", CHUNKED " 5\r\nhello\r\n0\r\n\r\n", REFUSED),
        ATTACK("junk", CHUNKED "5junk\r\nhello\r\n0\r\n\r\n", REFUSED),
        ATTACK("17 digits", CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n",
               REFUSED),
        ATTACK("bare LF in the size line", CHUNKED "5\nhello\r\n0\r\n\r\n",
               EITHER),
        ATTACK("bare LF in the extension", CHUNKED "5;\nhello\r\n0\r\n\r\n",
               EITHER),
        ATTACK("no size", CHUNKED "\r\nhello\r\n0\r\n\r\n", REFUSED),
        ATTACK("longer than announced",
               CHUNKED "5\r\nhello, world\r\n0\r\n\r\n", REFUSED),
        ATTACK("shorter than announced", CHUNKED "9\r\nhello\r\n0\r\n\r\n",
               REFUSED),
        ATTACK("no line end", CHUNKED "5\r\nhello0\r\n\r\n", REFUSED),
        ATTACK("LF only behind the data", CHUNKED "5\r\nhello\n0\r\n\r\n",
               EITHER),
        ATTACK("no last chunk", CHUNKED "5\r\nhello\r\n" SMUGGLED, REFUSED),
        ATTACK("trailer", CHUNKED "0\r\nX-A: b\r\n\r\n", "200 OK"),
        ATTACK("length in the trailer",
               CHUNKED "0\r\nContent-Length: 41\r\n\r\n", "/canary"),
    };

    ATTACK_ALL(serve(), attacks);
}

TEST(headers_are_exact_or_refused)
{
    static const attack_t attacks[] = {
        ATTACK("NUL in value", GET "X-A: b\0c\r\n\r\n", REFUSED),
        ATTACK("NUL in name", GET "X\0A: b\r\n\r\n", REFUSED),
        ATTACK("bare CR in value", GET "X-A: b\rX-B: c\r\n\r\n", REFUSED),
        ATTACK("bare CR in name", GET "X\r-A: b\r\n\r\n", REFUSED),
        ATTACK("bare LF ends a line", GET "X-A: b\nX-B: c\r\n\r\n", EITHER),
        ATTACK("blank in name", GET "X A: b\r\n\r\n", REFUSED),
        ATTACK("tab behind name", GET "X-A\t: b\r\n\r\n", REFUSED),
        ATTACK("8-bit name", GET "X-\xc4: b\r\n\r\n", REFUSED),
        ATTACK("empty name", GET ": b\r\n\r\n", REFUSED),
        ATTACK("no colon", GET "X-A\r\n\r\n", REFUSED),
        ATTACK("blank first",
               "GET /seen HTTP/1.1\r\n X-A: b\r\nHost: a\r\n\r\n", REFUSED),
        ATTACK("name over two lines", GET "X-\r\n A: b\r\n\r\n", REFUSED),
        ATTACK("two hosts", GET "Host: b\r\n\r\n", REFUSED),
        ATTACK("user in host", "GET /seen HTTP/1.1\r\nHost: u@a\r\n\r\n",
               REFUSED),
        ATTACK("path in host", "GET /seen HTTP/1.1\r\nHost: a/b\r\n\r\n",
               REFUSED),
        ATTACK("no host", "GET /seen HTTP/1.1\r\n\r\n", REFUSED),
        ATTACK("unknown expectation", GET "Expect: magic\r\n\r\n", "417"),
        ATTACK("upgrade with a body",
               POST "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                    "Content-Length: 41\r\n\r\n" SMUGGLED,
               "GET /smuggled"),
        ATTACK("upgrade alone", GET "Upgrade: h2c\r\n\r\n", "python: /seen"),
    };

    ATTACK_ALL(serve(), attacks);
}

TEST(request_lines_are_exact_or_refused)
{
    static const attack_t attacks[] = {
        ATTACK("HTTP/0.9", "GET /seen\r\n", EITHER),
        ATTACK("HTTP/1.2", "GET /seen HTTP/1.2\r\nHost: a\r\n\r\n", EITHER),
        ATTACK("HTTP/2.0", "GET /seen HTTP/2.0\r\nHost: a\r\n\r\n", EITHER),
        ATTACK("HTTP/1.10", "GET /seen HTTP/1.10\r\nHost: a\r\n\r\n", REFUSED),
        ATTACK("NUL in version", "GET /seen HTTP/1.1\0\r\nHost: a\r\n\r\n",
               REFUSED),
        ATTACK("two blanks", "GET  /seen HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
        ATTACK("tab", "GET\t/seen HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
        ATTACK("bare CR", "GET /seen\rHTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
        ATTACK("no slash", "GET seen HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
        ATTACK("NUL in path", "GET /seen%00 HTTP/1.1\r\nHost: a\r\n\r\n",
               REFUSED),
        ATTACK("above the root", "GET /../../seen HTTP/1.1\r\nHost: a\r\n\r\n",
               REFUSED),
        ATTACK("encoded dots",
               "GET /%2e%2e/%2e%2e/seen HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
        ATTACK("line ends", "GET /a%0d%0aX-A:%20b HTTP/1.1\r\nHost: a\r\n\r\n",
               "python: /a\r\nX-A: b"),
        ATTACK("other host", "GET http://b/seen HTTP/1.1\r\nHost: a\r\n\r\n",
               "python: /seen"),
        ATTACK("fragment", "GET /seen#x HTTP/1.1\r\nHost: a\r\n\r\n", EITHER),
        ATTACK("socket of another",
               "GET unix:/run/x|http://b/seen HTTP/1.1\r\nHost: a\r\n\r\n",
               REFUSED),
        ATTACK("PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED),
        ATTACK("CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
        ATTACK("TRACE", "TRACE /seen HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
        ATTACK("lower case", "get /seen HTTP/1.1\r\nHost: a\r\n\r\n", EITHER),
        ATTACK("bad method", "G(T /seen HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
        ATTACK("unknown method", "BREW /seen HTTP/1.1\r\nHost: a\r\n\r\n",
               "python: /seen"),
        ATTACK("garbage behind a request", GET "\r\n\001\002garbage\r\n\r\n",
               "python: /seen"),
    };

    ATTACK_ALL(serve(), attacks);
}

/* A head as long as httpd allows, and beyond of every limit. */
TEST(sizes_have_limits)
{
    httpd_t *httpd = serve();
    static const struct {
        const char *before, *after;
        size_t len;
        const char *outcome;
    } sizes[] = {
        {"GET /seen?", " HTTP/1.1\r\nHost: a\r\n\r\n", 8000, "python: /seen"},
        {"GET /seen?", " HTTP/1.1\r\nHost: a\r\n\r\n", 65536, "414"},
        {GET "X-A: ", "\r\n\r\n", 8000, "python: /seen"},
        {GET "X-A: ", "\r\n\r\n", 65536, "400"},
        {GET "X-", ": b\r\n\r\n", 8000, "python: /seen"},
        {"", " /seen HTTP/1.1\r\nHost: a\r\n\r\n", 1024, "python: /seen"},
        {CHUNKED "5;", "\r\nhello\r\n0\r\n\r\n", 1000000, EITHER},
        {CHUNKED, "5\r\nhello\r\n0\r\n\r\n", 100000, EITHER},
    };
    attack_t attacks[sizeof(sizes) / sizeof(sizes[0])];
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *filling = apr_pcalloc(test_pool(), sizes[i].len + 1);

        memset(filling, i == 7 ? '0' : 'A', sizes[i].len);
        attacks[i].name = test_format("size %d", (int)i);
        attacks[i].bytes =
            test_format("%s%s%s", sizes[i].before, filling, sizes[i].after);
        attacks[i].len = strlen(attacks[i].bytes);
        attacks[i].outcome = sizes[i].outcome;
    }
    ATTACK_ALL(httpd, attacks);
}

TEST(tiny_chunks_are_joined)
{
    enum {
        COUNT = 100000,
        CHUNK = 6
    };
    const size_t len = (size_t)COUNT * CHUNK;
    char *bytes = apr_palloc(test_pool(), len), *at;
    httpd_t *httpd = serve();
    const char *answer;
    int fd = raw_connect(httpd->port);

    for (at = bytes; at < bytes + len; at += CHUNK) {
        memcpy(at, "1\r\nx\r\n", CHUNK);
    }
    raw_send(fd, CHUNKED);
    raw_send_bytes(fd, bytes, len, 10);
    raw_send(fd, "0\r\n\r\n" CANARY);
    answer = raw_read_until(fd, NULL);
    CHECK_CONTAINS(answer, "Content-Length: 100000\r\n");
    CHECK_CONTAINS(answer, "python: /canary");
    close(fd);
}
