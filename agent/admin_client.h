/* SPDX-License-Identifier: Apache-2.0 */

/* The other end of the admin socket: finds the instances of this machine and
 * asks one of them. For the tools; ordinary users run them, with an environment
 * of their own. */
#ifndef ADMIN_CLIENT_H
#define ADMIN_CLIENT_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <jansson.h>

/* A running agent. */
typedef struct {
    const char *path; /* of its instance dir */
    const char *name; /* its last part: "passenger.PID" */
    int fd;           /* connected */
} admin_instance_t;

/* All instances that answer, in PASSENGER_INSTANCE_REGISTRY_DIR or else the
 * usual folders: an array of admin_instance_t. Only folders of root or of the
 * caller are looked at: anybody can make one in /tmp. */
apr_array_header_t *admin_client_find(apr_pool_t *pool);

/* The one with that instance dir. */
apr_status_t admin_client_open(admin_instance_t *instance, const char *path,
                               apr_pool_t *pool);

/* Sends request and returns the answer, both JSON objects; NULL if none came
 * within 15 seconds. The caller owns the answer. */
json_t *admin_client_ask(const admin_instance_t *instance,
                         const json_t *request);

#endif
