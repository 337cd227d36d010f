# SPDX-License-Identifier: Apache-2.0
"""Runs a WSGI application for one request and sends its answer.

Used by wsgi_server.py. Decides how the answer is framed: by a length if one is
known, else in chunks; an answer that cannot be completed is cut off visibly.
"""
import os
import sys
import traceback

# Up to here, copying head and body together is cheaper than two writes.
JOIN_LIMIT = 65536
# About the connection between app and httpd, so they are not the app's to set.
HOP_BY_HOP = frozenset((
    'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer',
    'transfer-encoding', 'upgrade'))
SHOW_ERRORS = os.environ.get('PASSENGER_APP_ENV') == 'development'


class RuleBroken(Exception):
    """The application did what WSGI or HTTP does not allow."""


class PeerGone(Exception):
    """httpd closed the connection; whatever is sent is lost."""


class Response:
    __slots__ = ('_sendall', '_is_head', '_status', '_headers', '_head_sent',
                 '_has_body', '_chunked', '_left')

    def __init__(self, sendall):
        self._sendall = sendall
        self._status = None
        self._head_sent = False
        self._chunked = False
        self._left = 0

    def run(self, application, environ):
        """Answer. False if the connection cannot be used any more."""
        self._is_head = environ.get('REQUEST_METHOD') == 'HEAD'
        try:
            result = application(environ, self._start)
            if type(result) in (list, tuple) and not self._head_sent:
                self._send_whole(b''.join(result))
            else:
                self._send_blocks(result)
        except PeerGone:
            return False
        except Exception:
            return self._fail()
        # Less than was announced: only the end of the connection shows that.
        return not self._left

    def _start(self, status, headers, exc_info=None):
        """start_response of PEP 3333."""
        if exc_info:
            try:
                if self._head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._status is not None:
            raise RuleBroken('start_response was called a second time')
        self._status = status
        self._headers = headers
        return self._send_block

    def _send_whole(self, body):
        head = self._make_head(len(body))
        self._put(head, self._frame(body))

    def _send_blocks(self, result):
        """Send each block as soon as it is there, and the rest of the answer.
        The result is closed once, whatever happens."""
        try:
            for block in result:
                self._send_block(block)
            if not self._head_sent:
                self._put(self._make_head(0), b'')
            elif self._chunked:
                self._put(b'', b'0\r\n\r\n')
        finally:
            if hasattr(result, 'close'):
                result.close()

    def _send_block(self, block):
        """Also the write() that start_response returns. The head waits for the
        first block that is not empty: until then it may still change."""
        if not block:
            return
        head = b'' if self._head_sent else self._make_head(None)
        self._put(head, self._frame(block))

    def _make_head(self, length):
        """The head as bytes; decides how the body is framed. length: of the
        whole body; None if it is not known."""
        status = self._status
        if status is None:
            raise RuleBroken('start_response was not called')
        # Without a reason the blank is still due.
        lines = ['HTTP/1.1 ' + (status if len(status) > 3 else status + ' ')]
        announced = None
        for name, value in self._headers:
            key = name.lower()
            if key == 'content-length':
                announced = check_length(value)
            elif key not in HOP_BY_HOP:
                lines.append(name + ': ' + value)
        code = check_status(status)
        self._has_body = not (self._is_head or code == '204' or code == '304')
        if announced is None and (self._has_body or self._is_head and length):
            announced = length
        if announced is None:
            self._chunked = self._has_body
            if self._chunked:
                lines.append('Transfer-Encoding: chunked')
        elif code != '204':
            self._left = announced if self._has_body else 0
            lines.append('Content-Length: %d' % announced)
        head = '\r\n'.join(lines) + '\r\n\r\n'
        # Every line has one end, and the head one more: any other CR or LF
        # came from the app, perhaps from the client, and would add headers.
        ends = len(lines) + 1
        if head.count('\n') != ends or head.count('\r') != ends or '\0' in head:
            raise RuleBroken('a line break in the status or a header')
        return head.encode('latin-1')

    def _frame(self, block):
        """The block as it is to be sent."""
        if not self._has_body:
            return b''
        if self._chunked:
            return b'%x\r\n%b\r\n' % (len(block), block)
        if len(block) > self._left:
            print('the app sent more than its Content-Length', file=sys.stderr)
            block = block[:self._left]
        self._left -= len(block)
        return block

    def _put(self, head, data):
        self._head_sent = True
        try:
            if len(data) <= JOIN_LIMIT:
                self._sendall(head + data)
            else:
                self._sendall(head)
                self._sendall(data)
        except OSError as error:
            raise PeerGone(str(error))

    def _fail(self):
        """Log the exception that is being handled, and tell the client if
        nothing was sent yet. False if all that is left is to cut it off."""
        trace = traceback.format_exc()
        print(trace, end='', file=sys.stderr, flush=True)
        if self._head_sent:
            return False
        text = trace if SHOW_ERRORS else 'Internal Server Error\n'
        self._status = '500 Internal Server Error'
        self._headers = [('Content-Type', 'text/plain; charset=utf-8')]
        self._chunked = False
        try:
            self._send_whole(text.encode('utf-8', 'replace'))
        except PeerGone:
            return False
        return True


class FileWrapper:
    """wsgi.file_wrapper: a file as a sequence of blocks."""

    def __init__(self, file, block_size=65536):
        self._file = file
        self._block_size = block_size
        if hasattr(file, 'close'):
            self.close = file.close

    def __iter__(self):
        return self

    def __next__(self):
        block = self._file.read(self._block_size)
        if not block:
            raise StopIteration
        return block


def check_status(status):
    code = status[:3]
    if not (code.isdigit() and code.isascii() and '200' <= code <= '999'
            and status[3:4] in (' ', '')):
        raise RuleBroken('the status %r' % status)
    return code


def check_length(text):
    if not (text.isdigit() and text.isascii()):
        raise RuleBroken('the Content-Length %r' % text)
    return int(text)
