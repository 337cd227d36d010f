# SPDX-License-Identifier: Apache-2.0
"""A program that serves HTTP on 127.0.0.1 at $PORT and knows nothing of us."""
import http.server
import os


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


address = ('127.0.0.1', int(os.environ['PORT']))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
