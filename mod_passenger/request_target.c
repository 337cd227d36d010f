/* SPDX-License-Identifier: Apache-2.0 */

/* Decides between the URI as it came and as httpd made it. Called by
 * request_head.c. */
#include <string.h>

#include "request_target.h"

#include <apr_lib.h>

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The path in the request line; *len excludes query and fragment. The line may
 * hold a whole URI (RFC 9112, section 3.2.2). */
static const char *raw_path(const request_rec *r, size_t *len)
{
    const char *raw = r->unparsed_uri ? r->unparsed_uri : "/";

    if (raw[0] != '/') {
        const char *authority = strstr(raw, "://");

        raw = authority ? authority + 3 : raw;
        raw += strcspn(raw, "/?#");
    }
    *len = strcspn(raw, "?#");
    if (*len == 0) {
        *len = 1;
        return "/";
    }
    return raw;
}

/* Compares one character of the decoded path, at *uri, with the raw one, and
 * moves both on. httpd may have been told to leave escaped slashes alone. */
static int same_character(const char **raw, const char *end, const char **uri)
{
    const char *p = *raw;

    if (*p == '%' && end - p > 2) {
        int high = hex_value(p[1]), low = hex_value(p[2]);

        if (high >= 0 && low >= 0
            && (unsigned char)**uri == (unsigned)(high << 4 | low)) {
            *raw += 3;
            *uri += 1;
            return 1;
        }
    }
    if (*p != **uri) {
        return 0;
    }
    *raw += 1;
    *uri += 1;
    return 1;
}

/* Where in the raw path the app begins, if the raw path means uri character by
 * character; NULL if httpd removed dots and slashes, or rewrote it. */
static const char *split_raw(const char *raw, size_t len, const char *uri,
                             size_t base_len)
{
    const char *end = raw + len, *base_end = uri + base_len;
    const char *split = base_len == 0 ? raw : NULL;

    while (raw < end && *uri) {
        if (!same_character(&raw, end, &uri)) {
            return NULL;
        }
        if (uri == base_end) {
            split = raw;
        }
    }
    return raw == end && *uri == '\0' ? split : NULL;
}

/* Core decodes r->uri where it parsed it; whoever rewrites it puts another
 * string there. */
static int was_rewritten(const request_rec *r)
{
    return r->prev || (r->parsed_uri.path && r->uri != r->parsed_uri.path);
}

void psg_request_target_find(psg_request_target_t *target, request_rec *r,
                             const char *base_uri)
{
    size_t base_len = strlen(base_uri);
    const char *split, *below;

    if (strncmp(r->uri, base_uri, base_len) != 0) {
        base_len = 0;
    }
    below = r->uri + base_len;
    target->query = r->args;
    target->decoded_path_info = *below ? below : "/";
    target->path = raw_path(r, &target->path_len);
    split = split_raw(target->path, target->path_len, r->uri, base_len);
    if (split) {
        target->path_info = split;
        target->path_info_len =
            target->path_len - (size_t)(split - target->path);
    }
    else {
        if (was_rewritten(r)) {
            target->path = ap_escape_uri(r->pool, r->uri);
            target->path_len = strlen(target->path);
        }
        target->path_info = ap_escape_uri(r->pool, below);
        target->path_info_len = strlen(target->path_info);
    }
    if (target->path_info_len == 0) {
        target->path_info = "/";
        target->path_info_len = 1;
    }
}
