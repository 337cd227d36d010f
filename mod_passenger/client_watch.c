/* SPDX-License-Identifier: Apache-2.0 */

/* Looks at the visitor's connection without reading or writing requests. Called
 * by handler.c in the queue and by response_relay.c while the app is silent. */
#include <poll.h>

#include "client_watch.h"

#include <apr_portable.h>
#include <http_core.h>
#include <util_filter.h>

void psg_client_watch(psg_client_t *client, conn_rec *connection)
{
    apr_socket_t *socket;

    client->connection = connection;
    client->fd = -1;
    if (connection->master) {
        return;
    }
    socket = ap_get_conn_socket(connection);
    if (!socket || apr_os_sock_get(&client->fd, socket) != APR_SUCCESS) {
        client->fd = -1;
    }
}

int psg_client_gone_events(short events)
{
    return (events & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

int psg_client_gone(const psg_client_t *client)
{
    struct pollfd look = {.fd = client->fd, .events = POLLRDHUP};

    if (client->connection->aborted) {
        return 1;
    }
    return client->fd >= 0 && poll(&look, 1, 0) == 1
           && psg_client_gone_events(look.revents);
}

/* Makes the network filter, the last one, write what it can, as httpd's event
 * MPM does when a connection becomes writable. */
static void send_leftovers(conn_rec *connection)
{
    ap_filter_t *filter = connection->output_filters;

    while (filter->next) {
        filter = filter->next;
    }
    filter->frec->filter_func.out_func(filter, NULL);
}

int psg_client_ready(const psg_client_t *client)
{
    struct pollfd look = {.fd = client->fd, .events = POLLOUT};

    if (client->fd < 0 || poll(&look, 1, 0) != 1 || !(look.revents & POLLOUT)) {
        return 0;
    }
    if (client->connection->data_in_output_filters) {
        send_leftovers(client->connection);
    }
    return !client->connection->data_in_output_filters;
}
