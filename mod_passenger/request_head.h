/* SPDX-License-Identifier: Apache-2.0 */

/* The head of a request as an app process gets it (loaders/PROTOCOL, sections 4
 * and 5), built in one pass over what httpd knows. */
#ifndef PSG_REQUEST_HEAD_H
#define PSG_REQUEST_HEAD_H

#include "mod_passenger.h"
#include "request_body.h"

enum {
    PSG_REQUEST_HEAD_MAX = 1048576
};

/* Bytes that grow. After a failure they stay as they were. */
typedef struct {
    apr_bucket_alloc_t *allocator;
    char *data;
    size_t len, size;
    int too_large;
} psg_request_head_t;

/* Fills *head; APR_ENOSPC if it were larger than PSG_REQUEST_HEAD_MAX. To be
 * freed in any case. */
apr_status_t psg_request_head_build(psg_request_head_t *head, request_rec *r,
                                    const psg_request_t *request,
                                    psg_format_e format,
                                    const psg_request_body_t *body);
void psg_request_head_free(psg_request_head_t *head);

/* For the parts: n bytes to be filled at the end, or NULL if too large. */
char *psg_request_head_room(psg_request_head_t *head, size_t n);
void psg_request_head_put(psg_request_head_t *head, const char *data, size_t n);
void psg_request_head_put_number(psg_request_head_t *head, uint64_t number);

/* request_fields.c: the visitor's headers, for `format`. */
void psg_request_fields_put(psg_request_head_t *head, request_rec *r,
                            psg_format_e format);

/* http_head.c and session_head.c: a whole head in that format. */
void psg_session_head_put(psg_request_head_t *head, request_rec *r,
                          const psg_request_t *request,
                          const psg_request_body_t *body);
void psg_http_head_put(psg_request_head_t *head, request_rec *r,
                       const psg_request_t *request,
                       const psg_request_body_t *body);

int psg_request_is_tls(request_rec *r);

#endif
