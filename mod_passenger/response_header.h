/* SPDX-License-Identifier: Apache-2.0 */

/* Puts the head of an app's answer into a request_rec. */
#ifndef PSG_RESPONSE_HEADER_H
#define PSG_RESPONSE_HEADER_H

#include <httpd.h>

#include "response_head.h"

/* The strings of head must live as long as r. */
void psg_response_header_apply(request_rec *r, const psg_response_head_t *head);

/* Keeps what an error needs to say even if httpd makes its body: how to log in,
 * when to come again, cookies. */
void psg_response_header_keep_for_error(request_rec *r,
                                        const psg_response_head_t *head);

/* Passes 103 Early Hints on; other interim answers say nothing to a visitor. */
void psg_response_header_interim(request_rec *r,
                                 const psg_response_head_t *head);

#endif
