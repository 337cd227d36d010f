# SPDX-License-Identifier: Apache-2.0
"""nginx in front of the application servers, in place of httpd: what buffering
answers costs elsewhere on the same machine. Used by bench; listed in peers.py."""

import os

PROGRAM = "/usr/sbin/nginx"

# As Debian's is set up, without an access log.
CONFIG = """
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    client_max_body_size 8m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    uwsgi_temp_path {folder}/uwsgi;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    upstream app {{ server unix:{socket}; }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{ {passing} }}
    }}
}}
"""


class BehindNginx:
    """For a Peer with one socket; `passing` is nginx's directive."""

    modules = ()
    passing = ""

    def files(self, setup):
        return super().files(setup) + [PROGRAM]

    def start_front(self, server):
        path = os.path.join(server.folder, "nginx.conf")
        with open(path, "w") as f:
            f.write(CONFIG.format(folder=server.folder, port=server.port,
                                  socket=self.sockets(server)[0], passing=self.passing,
                                  user="user nobody nogroup;" if os.geteuid() == 0 else ""))
        server.start_process([PROGRAM, "-c", path, "-p", server.folder], {})
