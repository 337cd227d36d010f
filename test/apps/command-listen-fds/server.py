# SPDX-License-Identifier: Apache-2.0
"""A program that takes its socket as sd_listen_fds(3) describes."""
import http.server
import os
import socket
import sys

if os.environ.get('LISTEN_FDS') != '1':
    sys.exit('LISTEN_FDS is not 1')
if os.environ.get('LISTEN_PID') != str(os.getpid()):
    sys.exit('LISTEN_PID is not this process')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        body = b'Hello world\n'
        self.send_response(200)
        self.send_header('Content-Type', 'text/plain')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        connection, _ = self.socket.accept()
        return connection, ('httpd', 0)


server = Server(('127.0.0.1', 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=3)
server.serve_forever()
