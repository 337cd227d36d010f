# SPDX-License-Identifier: Apache-2.0
"""Forks processes off the one that has loaded the app, as the agent commands.

Used by loader.py if PASSENGER_PRELOAD is 1. A fork takes milliseconds, and what
the app had in memory is shared until somebody writes to it.
"""
import array
import gc
import io
import json
import os
import socket
import sys
import time

# Listening socket, control channel, output, birth channel.
DESCRIPTORS = 4
# More than are ever sent: the kernel closes what does not fit in here.
MAX_DESCRIPTORS = 64
MAX_LINE = 65536
# How long the process between us and a new one may take to end.
PATIENCE_SECONDS = 10
# Text that is not written yet may be in these.
WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


class Preloader:
    def __init__(self, listen_fd, control_fd, say):
        self._listen_fd = listen_fd
        self._control_fd = control_fd
        self._say = say
        self._control = socket.socket(fileno=control_fd)
        self._input = b''
        self._received = []

    def prepare(self):
        """Once, after the app is loaded."""
        gc.collect()
        flush_all()
        # A collection would write to every object it looks at.
        gc.freeze()

    def run(self):
        """Obey until told to stop. True: this is a new process, fit to serve;
        False: the preloader is to end."""
        while self._receive():
            *lines, self._input = self._input.split(b'\n')
            for line in lines:
                command = command_of(line)
                if command == 'stop':
                    return False
                if self._obey(command, line):
                    return True
            if not self._input:
                close_all(self._take_received())
        return False

    def stop(self):
        """Called by a signal's handler: looks like the agent's going away."""
        try:
            self._control.shutdown(socket.SHUT_RD)
        except OSError:
            pass

    def _receive(self):
        """False at the end of the channel."""
        room = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array('i').itemsize)
        try:
            data, controls, _, _ = self._control.recvmsg(
                4096, room, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            return False
        for level, kind, content in controls:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array('i')
                fds.frombytes(content[:len(content)
                                      - len(content) % fds.itemsize])
                self._received.extend(fds)
        self._input += data
        return bool(data) and len(self._input) <= MAX_LINE

    def _obey(self, command, line):
        if command == 'fork' and len(self._received) == DESCRIPTORS:
            return self._fork(self._take_received())
        print('preloader: ignored a command with %d descriptors: %r'
              % (len(self._received), line[:100]), file=sys.stderr)
        return False

    def _take_received(self):
        taken, self._received = self._received, []
        return taken

    def _fork(self, fds):
        """True in the new process."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        try:
            middle = os.fork()
        except OSError as error:
            self._tell(fds, error)
            return False
        if middle == 0:
            return self._fork_again(fds)
        try:
            os.waitpid(middle, 0)
        except ChildProcessError:
            pass  # the app ignores SIGCHLD
        close_all(fds)
        return False

    def _fork_again(self, fds):
        """The new process is to be nobody's child but the agent's. Whatever
        the app registered for the end of a process is not run in the one in
        the middle."""
        middle = os.getpid()
        try:
            child = os.fork()
        except OSError as error:
            self._tell(fds, error)
            os._exit(1)
        if child:
            os._exit(0)
        self._move_in(*fds)
        await_adoption(middle)
        os.write(fds[-1], b'!')
        os.close(fds[-1])
        return True

    def _tell(self, fds, error):
        """There can be no process; its control channel says so."""
        self._say({'event': 'failed', 'step': 'start', 'details': '',
                   'summary': 'the preloader cannot fork: %s' % error}, fds[1])
        close_all(fds)

    def _move_in(self, listener, control, output, _):
        """Descriptors 1 to 4 become this process's own; nothing of the
        preloader's is left."""
        self._control.detach()
        os.dup2(listener, self._listen_fd, inheritable=False)
        os.dup2(control, self._control_fd, inheritable=False)
        # An app with a log file of its own keeps that.
        if 'PASSENGER_APP_LOG_FILE' not in os.environ:
            os.dup2(output, 1)
            os.dup2(output, 2)
        close_all((listener, control, output))
        os.setsid()


def command_of(line):
    """None if it is no command."""
    try:
        return json.loads(line.decode()).get('command')
    except (ValueError, AttributeError, RecursionError):
        return None


def close_all(fds):
    for fd in fds:
        os.close(fd)


def flush_all():
    """What is in a buffer now would be written by every process."""
    for thing in gc.get_objects():
        if issubclass(type(thing), WRITERS):
            try:
                thing.flush()
            except Exception:
                pass  # closed, or not to be written to


def await_adoption(parent):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while os.getppid() == parent:
        if time.monotonic() > deadline:
            raise RuntimeError('the process that forked this one does not end')
        time.sleep(0.0002)
