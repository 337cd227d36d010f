/* SPDX-License-Identifier: Apache-2.0 */

/* What httpd_server.c is made of: the files httpd reads and the check of the
 * log it wrote. Only httpd_server.c includes it. */
#ifndef HTTPD_PARTS_H
#define HTTPD_PARTS_H

#include "httpd_server.h"

/* Makes folders and certificate, writes the configuration files. */
void httpd_parts_prepare(const httpd_t *httpd, const httpd_config_t *config);

/* The main configuration file. */
const char *httpd_parts_conf(void);

/* Fails the test if the log has lines it should not have, or lacks some. */
void httpd_parts_check_log(const char *log);

#endif
