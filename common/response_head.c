/* SPDX-License-Identifier: Apache-2.0 */

/* Parses the head of an app's answer in one pass from left to right, so that
 * what is wrong is known at the first wrong byte. Called by the module. */
#include "response_head.h"

#include <string.h>
#include <strings.h>

#include "byte_class.h"

enum {
    STATUS_LINE_START = sizeof("HTTP/1.1 200 ") - 1,
    /* Incomplete heads up to this length are parsed again with each piece, so
     * that nonsense is refused at once; longer ones only where it is cheap. */
    PARSE_ALWAYS_MAX = 4096,
    OPTIONS_MAX = 32, /* names in Connection; keeps the search for them short */
};

/* One head being parsed. Nothing is written to the buffer meanwhile. */
typedef struct {
    psg_response_head_t *head;
    const char *at, *end;
    int is_http_1_0;
    int is_chunked;
    int keep_alive; /* Connection said so */
    unsigned lines;
    size_t reason_len;
    unsigned option_count;
    psg_header_t options[OPTIONS_MAX]; /* only the names */
} head_parser_t;

static apr_status_t refuse(head_parser_t *parser, const char *error)
{
    parser->head->error = error;
    return APR_EINVAL;
}

static int name_is(const psg_header_t *header, const char *name, size_t len)
{
    return header->name_len == len && strncasecmp(header->name, name, len) == 0;
}

#define NAME_IS(header, text) name_is(header, text, sizeof(text) - 1)

/* Takes the CRLF that must be here, behind bytes of a line. */
static apr_status_t parse_line_end(head_parser_t *parser)
{
    if (parser->at == parser->end) {
        return APR_EAGAIN;
    }
    if (*parser->at == '\n') {
        return refuse(parser, "a line ends with LF instead of CRLF");
    }
    if (*parser->at != '\r') {
        return refuse(parser, "a control character where text should be");
    }
    if (parser->at + 1 == parser->end) {
        return APR_EAGAIN;
    }
    if (parser->at[1] != '\n') {
        return refuse(parser, "a CR without LF");
    }
    parser->at += 2;
    return APR_SUCCESS;
}

static const char *skip_class(const char *at, const char *end, int class)
{
    while (at < end && psg_byte_is(*at, class)) {
        at++;
    }
    return at;
}

/* "HTTP/1.1 200 OK"; the space is required, the reason is not. */
static apr_status_t parse_status_line(head_parser_t *parser)
{
    static const char form[] = "HTTP/1.d ddd ";
    const char *p = parser->at;
    psg_response_head_t *head = parser->head;

    for (size_t i = 0; i < STATUS_LINE_START; i++) {
        if (p + i == parser->end) {
            return APR_EAGAIN;
        }
        if (form[i] == 'd' ? p[i] < '0' || p[i] > '9' : p[i] != form[i]) {
            return refuse(parser, "it does not begin with 'HTTP/1.1 NNN '");
        }
    }
    head->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    parser->is_http_1_0 = p[7] == '0';
    if (p[7] > '1') {
        return refuse(parser, "the version is neither HTTP/1.1 nor HTTP/1.0");
    }
    if (head->status < 100 || head->status > 599) {
        return refuse(parser, "the status is not between 100 and 599");
    }
    if (head->status == 101) {
        return refuse(parser, "the status 101 was not asked for");
    }
    head->reason = p + STATUS_LINE_START;
    parser->at = skip_class(head->reason, parser->end, PSG_BYTE_FIELD);
    parser->reason_len = (size_t)(parser->at - head->reason);
    return parse_line_end(parser);
}

/* Decimal digits alone, below 2^63; otherwise -1. */
static int64_t parse_length(const psg_header_t *header)
{
    int64_t length = 0;

    if (header->value_len == 0) {
        return -1;
    }
    for (uint32_t i = 0; i < header->value_len; i++) {
        int digit = header->value[i] - '0';

        if (digit < 0 || digit > 9
            || __builtin_mul_overflow(length, 10, &length)
            || __builtin_add_overflow(length, digit, &length)) {
            return -1;
        }
    }
    return length;
}

/* A repeated Content-Length of the same value is dropped, another refused. */
static apr_status_t take_content_length(head_parser_t *parser,
                                        const psg_header_t *header)
{
    psg_response_head_t *head = parser->head;
    int64_t length = parse_length(header);

    if (length < 0) {
        return refuse(parser, "the Content-Length is not a number");
    }
    if (parser->is_chunked) {
        return refuse(parser, "both Content-Length and Transfer-Encoding");
    }
    if (head->has_content_length) {
        return head->content_length == (uint64_t)length
                   ? APR_SUCCESS
                   : refuse(parser, "two Content-Lengths that differ");
    }
    head->has_content_length = 1;
    head->content_length = (uint64_t)length;
    /* Never stripped, whatever Connection says: it frames the body. */
    head->headers[head->header_count++] = *header;
    return APR_SUCCESS;
}

static apr_status_t take_transfer_encoding(head_parser_t *parser,
                                           const psg_header_t *header)
{
    if (parser->head->has_content_length) {
        return refuse(parser, "both Content-Length and Transfer-Encoding");
    }
    if (parser->is_chunked) {
        return refuse(parser, "two Transfer-Encodings");
    }
    if (parser->is_http_1_0) {
        return refuse(parser, "a Transfer-Encoding in HTTP/1.0");
    }
    if (header->value_len != 7
        || strncasecmp(header->value, "chunked", 7) != 0) {
        return refuse(parser, "a Transfer-Encoding other than chunked");
    }
    parser->is_chunked = 1;
    return APR_SUCCESS;
}

static apr_status_t take_option(head_parser_t *parser,
                                const psg_header_t *option)
{
    if (NAME_IS(option, "close")) {
        parser->head->close = 1;
    }
    else if (NAME_IS(option, "keep-alive")) {
        parser->keep_alive = 1;
    }
    else if (parser->option_count == OPTIONS_MAX) {
        return refuse(parser, "too many names in Connection");
    }
    else {
        parser->options[parser->option_count++] = *option;
    }
    return APR_SUCCESS;
}

/* A comma-separated list of tokens, empty ones allowed. */
static apr_status_t take_connection(head_parser_t *parser,
                                    const psg_header_t *header)
{
    const char *at = header->value;
    const char *end = at + header->value_len;
    psg_header_t option;

    while (at < end) {
        if (*at == ' ' || *at == '\t' || *at == ',') {
            at++;
            continue;
        }
        option.name = at;
        at = skip_class(at, end, PSG_BYTE_TOKEN);
        option.name_len = (uint32_t)(at - option.name);
        while (at < end && (*at == ' ' || *at == '\t')) {
            at++;
        }
        if (option.name_len == 0 || (at < end && *at != ',')) {
            return refuse(parser, "Connection is not a list of names");
        }
        if (take_option(parser, &option) != APR_SUCCESS) {
            return APR_EINVAL;
        }
    }
    return APR_SUCCESS;
}

/* Those that belong to the connection and say nothing we need. */
static int is_hop_by_hop(const psg_header_t *header)
{
    return NAME_IS(header, "Keep-Alive") || NAME_IS(header, "TE")
           || NAME_IS(header, "Trailer") || NAME_IS(header, "Upgrade")
           || (header->name_len >= 6 && (header->name[0] | 0x20) == 'p'
               && strncasecmp(header->name, "Proxy-", 6) == 0);
}

static apr_status_t take_header(head_parser_t *parser,
                                const psg_header_t *header)
{
    psg_response_head_t *head = parser->head;

    if (NAME_IS(header, "Content-Length")) {
        return take_content_length(parser, header);
    }
    if (NAME_IS(header, "Transfer-Encoding")) {
        return take_transfer_encoding(parser, header);
    }
    if (NAME_IS(header, "Connection")) {
        return take_connection(parser, header);
    }
    if (!is_hop_by_hop(header)) {
        head->headers[head->header_count++] = *header;
    }
    return APR_SUCCESS;
}

/* The name and its colon. */
static apr_status_t parse_name(head_parser_t *parser, psg_header_t *header)
{
    const char *name = parser->at;
    const char *at = skip_class(name, parser->end, PSG_BYTE_TOKEN);

    if (at == parser->end) {
        return APR_EAGAIN;
    }
    if (at == name && (*at == ' ' || *at == '\t')) {
        return refuse(parser, "a header line begins with white space");
    }
    if (*at != ':') {
        return refuse(parser, "a header name has a byte that is not allowed, "
                              "or no colon follows it");
    }
    if (at == name) {
        return refuse(parser, "a header without a name");
    }
    header->name = name;
    header->name_len = (uint32_t)(at - name);
    parser->at = at + 1;
    return APR_SUCCESS;
}

/* The value without white space around it, and the end of the line. */
static apr_status_t parse_value(head_parser_t *parser, psg_header_t *header)
{
    const char *value = parser->at;
    const char *value_end;
    apr_status_t rv;

    parser->at = skip_class(value, parser->end, PSG_BYTE_FIELD);
    value_end = parser->at;
    rv = parse_line_end(parser);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    while (value < value_end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    while (value < value_end
           && (value_end[-1] == ' ' || value_end[-1] == '\t')) {
        value_end--;
    }
    header->value = value;
    header->value_len = (uint32_t)(value_end - value);
    return APR_SUCCESS;
}

/* All header lines and the empty line behind them. */
static apr_status_t parse_headers(head_parser_t *parser)
{
    psg_header_t header;
    apr_status_t rv;

    for (;;) {
        if (parser->at == parser->end) {
            return APR_EAGAIN;
        }
        if (*parser->at == '\r' || *parser->at == '\n') {
            return parse_line_end(parser);
        }
        if (parser->lines++ == PSG_HEADERS_MAX) {
            return refuse(parser, "more than 512 headers");
        }
        if ((rv = parse_name(parser, &header)) != APR_SUCCESS
            || (rv = parse_value(parser, &header)) != APR_SUCCESS
            || (rv = take_header(parser, &header)) != APR_SUCCESS) {
            return rv;
        }
    }
}

static int is_named_in_connection(const head_parser_t *parser,
                                  const psg_header_t *header)
{
    for (unsigned i = 0; i < parser->option_count; i++) {
        if (name_is(header, parser->options[i].name,
                    parser->options[i].name_len)) {
            return 1;
        }
    }
    return 0;
}

static void strip_named_in_connection(head_parser_t *parser)
{
    psg_response_head_t *head = parser->head;
    unsigned kept = 0;

    for (unsigned i = 0; i < head->header_count; i++) {
        const psg_header_t *header = &head->headers[i];

        if (NAME_IS(header, "Content-Length")
            || !is_named_in_connection(parser, header)) {
            head->headers[kept++] = *header;
        }
    }
    head->header_count = kept;
}

/* How the body ends, and whether the connection outlives it. */
static apr_status_t frame_body(head_parser_t *parser, int is_head)
{
    psg_response_head_t *head = parser->head;
    int has_body = parser->is_chunked || head->content_length > 0;

    if (head->status < 200 && has_body) {
        return refuse(parser, "an interim answer (1xx) with a body");
    }
    if (parser->is_http_1_0 && !parser->keep_alive) {
        head->close = 1;
    }
    if (is_head || head->status < 200 || head->status == 204
        || head->status == 304) {
        head->body = PSG_BODY_NONE;
        if (head->status == 204 && has_body) {
            head->close = 1; /* who knows what follows */
        }
    }
    else if (parser->is_chunked) {
        head->body = PSG_BODY_CHUNKED;
    }
    else if (head->has_content_length) {
        head->body = has_body ? PSG_BODY_LENGTH : PSG_BODY_NONE;
    }
    else {
        head->body = PSG_BODY_CLOSE;
        head->close = 1;
    }
    return APR_SUCCESS;
}

/* Ends the strings in buf; what is behind each is a delimiter of this head. */
static void terminate_strings(const head_parser_t *parser, char *buf)
{
    psg_response_head_t *head = parser->head;

    buf[(head->reason - buf) + (ptrdiff_t)parser->reason_len] = '\0';
    for (unsigned i = 0; i < head->header_count; i++) {
        const psg_header_t *header = &head->headers[i];

        buf[(header->name - buf) + header->name_len] = '\0';
        buf[(header->value - buf) + header->value_len] = '\0';
    }
}

/* Whether parsing may tell more than "incomplete". Saves an app that dribbles
 * a long head from costing us the square of its length. */
static int is_worth_parsing(const char *buf, size_t len)
{
    return len <= PARSE_ALWAYS_MAX || len >= PSG_HEAD_MAX
           || buf[len - 1] == '\n' || memmem(buf, len, "\r\n\r\n", 4) != NULL;
}

apr_status_t psg_response_head_parse(psg_response_head_t *head, char *buf,
                                     size_t len, int is_head)
{
    head_parser_t parser;
    apr_status_t rv;

    head->error = NULL;
    if (!is_worth_parsing(buf, len)) {
        return APR_EAGAIN;
    }
    head->has_content_length = 0;
    head->content_length = 0;
    head->close = 0;
    head->header_count = 0;
    memset(&parser, 0, offsetof(head_parser_t, options));
    parser.head = head;
    parser.at = buf;
    parser.end = buf + (len < PSG_HEAD_MAX ? len : PSG_HEAD_MAX);

    if ((rv = parse_status_line(&parser)) != APR_SUCCESS
        || (rv = parse_headers(&parser)) != APR_SUCCESS) {
        return rv == APR_EAGAIN && len >= PSG_HEAD_MAX
                   ? refuse(&parser, "the head is longer than 64 KiB")
                   : rv;
    }
    if ((rv = frame_body(&parser, is_head)) != APR_SUCCESS) {
        return rv;
    }
    if (parser.option_count > 0) {
        strip_named_in_connection(&parser);
    }
    head->head_len = (size_t)(parser.at - buf);
    terminate_strings(&parser, buf);
    return APR_SUCCESS;
}
