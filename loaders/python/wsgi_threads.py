# SPDX-License-Identifier: Apache-2.0
"""Serves several requests at once, each by a thread of its own.

Used by loader.py instead of wsgi_server.py if PASSENGER_THREADS is more than 1.
All threads wait for the same connections; one that can be read wakes one of
them and is left alone until its request is answered. The main thread listens to
the agent.
"""
import os
import select
import threading

from wsgi_server import CONSTANTS, WsgiServer


class WsgiThreads(WsgiServer):
    EVENTS = select.EPOLLIN | select.EPOLLONESHOT

    def __init__(self, application, listen_fd, control_fd, rest, count):
        WsgiServer.__init__(self, application, listen_fd, control_fd, rest)
        CONSTANTS['wsgi.multithread'] = True
        self._count = count
        self._threads = []
        self._busy = 0
        self._changed = threading.Condition()
        self._failure = None
        # Readable for all threads once there is nothing left to do.
        self._end, self._end_writer = os.pipe()
        self._poll.unregister(control_fd)
        self._poll.modify(listen_fd, self.EVENTS)
        self._poll.register(self._end, select.EPOLLIN)

    def start(self, function):
        """Start the threads; each calls the function first, whose exception is
        ours."""
        started = threading.Semaphore(0)
        for _ in range(self._count):
            thread = threading.Thread(target=self._run_thread, daemon=True,
                                      args=(function, started))
            thread.start()
            self._threads.append(thread)
        for _ in self._threads:
            started.acquire()
        if self._failure:
            raise self._failure

    def run(self):
        while not self._stopping:
            self._read_control()
        os.write(self._end_writer, b'!')
        for thread in self._threads:
            thread.join()
        if self._failure:
            raise self._failure

    def _run_thread(self, function, started):
        try:
            try:
                function()
            finally:
                started.release()
            self._serve_until_end()
        except BaseException as error:
            # In a single-threaded process it would end that; so it does here.
            self._failure = error
            self.stop()

    def _serve_until_end(self):
        listener = self._listener.fileno()
        while True:
            (fd, _), = self._poll.poll(None, 1)
            if fd == self._end:
                return
            if fd == listener:
                self._accept()
                self._poll.modify(fd, self.EVENTS)
            else:
                self._serve(fd)

    def _serve(self, fd):
        connection = self._connections[fd]
        self._count_busy(1)
        try:
            keep = connection.on_readable()
        finally:
            self._count_busy(-1)
        if keep:
            self._poll.modify(fd, self.EVENTS)
        else:
            del self._connections[fd]
            connection.close()

    def _count_busy(self, difference):
        with self._changed:
            self._busy += difference
            self._changed.notify_all()

    def _rest(self):
        """As soon as no thread has a request."""
        with self._changed:
            self._changed.wait_for(lambda: self._busy == 0)
        WsgiServer._rest(self)

    def _forget_connections(self):
        WsgiServer._forget_connections(self)
        os.close(self._end)
        os.close(self._end_writer)
