# SPDX-License-Identifier: Apache-2.0
"""Serves requests in the session format to a WSGI application, one at a time.

Used by loader.py, and by wsgi_threads.py for several at a time. Many connections may be idle at once; what is asked for
often (a whole request in one read, an answer in one write) is done without
any detour.
"""
import io
import json
import os
import select
import socket
import struct
import sys
import time

from wsgi_response import FileWrapper, Response

# A head and a body of 64 KiB, as httpd sends them at once, fit in.
READ_SIZE = 81920
MAX_HEAD = 1048576
# How much of a body that the app did not want is read, to keep the connection.
MAX_DRAIN = 67108864

head_length = struct.Struct('>I').unpack_from


class BrokenRequest(Exception):
    """What came cannot be a request: the connection is of no use any more."""


class WsgiServer:
    # What is waited for on a connection.
    EVENTS = select.EPOLLIN

    def __init__(self, application, listen_fd, control_fd, rest):
        """rest: to be called for work out of band."""
        self._application = application
        self._listener = socket.socket(fileno=listen_fd)
        self._listener.setblocking(False)
        self._control = socket.socket(fileno=control_fd)
        self._control_input = b''
        self._poll = select.epoll()
        self._poll.register(listen_fd, select.EPOLLIN)
        self._poll.register(control_fd, select.EPOLLIN)
        self._connections = {}
        self._stopping = False
        self._rest_now = rest
        os.register_at_fork(after_in_child=self._forget_connections)

    def start(self, function):
        """Call the function in each thread that will serve requests."""
        function()

    def run(self):
        """Serve until the agent says stop, or is gone."""
        handlers = {self._listener.fileno(): self._accept,
                    self._control.fileno(): self._read_control}
        connections = self._connections
        poll = self._poll.poll
        while not self._stopping:
            for fd, _ in poll():
                connection = connections.get(fd)
                if connection is None:
                    handlers[fd]()
                elif not connection.on_readable():
                    del connections[fd]
                    connection.close()

    def stop(self):
        """Called by a signal's handler: looks like the agent's going away,
        because only something to read wakes the loop up."""
        try:
            self._control.shutdown(socket.SHUT_RD)
        except OSError:
            self._stopping = True

    def _accept(self):
        try:
            peer, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            # Out of descriptors, most likely. The wait keeps this from
            # becoming a busy loop; meanwhile the client stays in the queue.
            print('cannot accept a connection: %s' % error, file=sys.stderr)
            time.sleep(0.1)
            return
        peer.settimeout(None)
        self._connections[peer.fileno()] = Connection(peer, self._application)
        self._poll.register(peer.fileno(), self.EVENTS)

    def _read_control(self):
        data = self._control.recv(READ_SIZE)
        if not data:
            self._stopping = True
        *lines, self._control_input = (self._control_input + data).split(b'\n')
        for line in lines:
            command = json.loads(line).get('command')
            if command == 'stop':
                self._stopping = True
            elif command == 'oob_work':
                self._rest()

    def _rest(self):
        """No request is in progress while the control channel is read."""
        self._rest_now()

    def _forget_connections(self):
        """In a child that the app forked: these are not the child's. The
        loader closed its two descriptors by number already."""
        self._listener.detach()
        self._control.detach()
        self._poll.close()
        for connection in self._connections.values():
            connection.close()


class Connection:
    """One connection from httpd, on which requests follow each other."""

    __slots__ = ('_socket', '_recv', '_send', '_application', '_input')

    def __init__(self, peer, application):
        self._socket = peer
        self._recv = peer.recv
        self._send = peer.sendall
        self._application = application
        self._input = b''

    def close(self):
        self._socket.close()

    def on_readable(self):
        """Read, and answer if that completes a head. False: close me."""
        try:
            data = self._recv(READ_SIZE)
        except OSError:
            return False
        if not data:
            return False
        if self._input:
            data = self._input + data
            self._input = b''
        try:
            while data:
                end = find_head_end(data)
                if not end:
                    self._input = data
                    return True
                data = self._serve(parse_head(data, end), data, end)
        except (BrokenRequest, OSError) as error:
            print('connection closed: %s' % error, file=sys.stderr)
            return False
        return data is not None

    def _serve(self, environ, data, end):
        """Answer one request. Returns what was read behind it; None if the
        connection must be closed."""
        length = environ.get('CONTENT_LENGTH')
        body = None
        if not length:
            rest = data[end:] if len(data) > end else b''
            environ['wsgi.input'] = io.BytesIO()
        else:
            end_of_body = end + parse_length(length)
            rest = data[end_of_body:]
            if end_of_body <= len(data):
                environ['wsgi.input'] = io.BytesIO(data[end:end_of_body])
            else:
                body = RequestBody(self._recv, data[end:], end_of_body - end)
                environ['wsgi.input'] = io.BufferedReader(body, READ_SIZE)
        if not Response(self._send).run(self._application, environ):
            return None
        if body is not None and not body.drain():
            return None
        return rest


class RequestBody(io.RawIOBase):
    """A body that is still coming in; ends where CONTENT_LENGTH says."""

    def __init__(self, recv, start, length):
        self._recv = recv
        self._start = start
        self._left = length

    def readable(self):
        return True

    def readinto(self, buffer):
        wanted = min(len(buffer), self._left)
        if not wanted:
            return 0
        data = self._start[:wanted]
        if data:
            self._start = self._start[wanted:]
        else:
            data = self._recv(wanted)
        if not data:
            raise ConnectionAbortedError('the request body was cut off')
        buffer[:len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self):
        """An app may close its input; the rest must be drained all the same."""

    def drain(self):
        """Skip what the app did not read. False: there is too much, or no
        more."""
        if self._left > MAX_DRAIN:
            return False
        scratch = bytearray(READ_SIZE)
        try:
            while self._left:
                self.readinto(scratch)
        except OSError:
            return False
        return True


def requests(frames):
    """What is being worked on by the threads of these innermost frames: found
    here, so that serving a request costs nothing more."""
    found = []
    for frame in frames:
        while frame and frame.f_code is not Connection._serve.__code__:
            frame = frame.f_back
        if frame:
            environ = frame.f_locals['environ']
            found.append('%s %s' % (environ.get('REQUEST_METHOD'),
                                    environ.get('REQUEST_URI', '')
                                    .split('?')[0]))
    return found


def find_head_end(data):
    """Where the head ends in what was read; 0 if it is not complete."""
    if len(data) < 4:
        return 0
    length, = head_length(data)
    if not 0 < length <= MAX_HEAD:
        raise BrokenRequest('a head of %d bytes' % length)
    return 4 + length if len(data) >= 4 + length else 0


def parse_head(data, end):
    fields = data[4:end].decode('latin-1').split('\0')
    # Every name and every value is followed by a NUL, so the list ends with an
    # empty string after an even number of others.
    if fields[-1] or not len(fields) & 1:
        raise BrokenRequest('a head that is not pairs of names and values')
    names_and_values = iter(fields)
    environ = dict(zip(names_and_values, names_and_values))
    environ.update(CONSTANTS)
    if 'HTTPS' in environ:
        environ['wsgi.url_scheme'] = 'https'
    return environ


def parse_length(text):
    if not (text.isascii() and text.isdigit()):
        raise BrokenRequest('CONTENT_LENGTH is %r' % text)
    return int(text)


CONSTANTS = {
    'wsgi.version': (1, 0),
    'wsgi.url_scheme': 'http',
    'wsgi.errors': sys.stderr,
    'wsgi.multithread': False,
    'wsgi.multiprocess': True,
    'wsgi.run_once': False,
    'wsgi.file_wrapper': FileWrapper,
}
