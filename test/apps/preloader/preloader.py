# SPDX-License-Identifier: Apache-2.0
"""The smallest preloader (loaders/PROTOCOL, section 7), and what a hostile one
does instead, by its argument. What it forks says its own pid and waits."""
import os
import socket
import struct
import sys

MODE = sys.argv[1]


def wait_for_end(control):
    while control.recv(4096):
        pass
    os._exit(0)


def make_lingering():
    """A socket whose closing lasts a minute, for whoever closes it last."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        ours = socket.create_connection(server.getsockname())
        server.accept()[0].detach()
    ours.setblocking(False)
    try:
        while True:
            ours.send(b'x' * 65536)
    except BlockingIOError:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 60))
    return ours


def attach(birth):
    with socket.socket(fileno=os.dup(birth)) as channel, make_lingering() as lingering:
        try:
            socket.send_fds(channel, [b'x'], [lingering.fileno()])
            os.close(lingering.detach())
        except PermissionError:
            lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 0, 0))
            os.write(birth, b'x')


def live(middle, listening, control, output, birth):
    os.setsid()
    for fd, number in ((listening, 3), (control, 4), (output, 1), (output, 2)):
        os.dup2(fd, number)
    while MODE != 'impatient' and os.getppid() == middle:
        pass
    if MODE == 'attach':
        attach(birth)
    else:
        os.write(birth, b'xx')
    if MODE != 'hold':
        os.close(birth)
    os.write(4, b'%d\n' % os.getpid())
    wait_for_end(socket.socket(fileno=4))


def fork(fds):
    child = os.fork()
    if child == 0:
        middle = os.getpid()
        if os.fork() == 0:
            live(middle, *fds)
        if MODE == 'impatient':
            os.waitpid(-1, 0)
        os._exit(0)
    if MODE != 'impatient':
        os.waitpid(child, 0)


def main():
    control = socket.socket(fileno=4)
    os.write(4, b'{"event":"ready","format":"fork"}\n')
    while True:
        line, fds, _, _ = socket.recv_fds(control, 4096, 4)
        if not line:
            os._exit(0)
        if MODE == 'never':
            continue
        if MODE == 'self':
            os.write(fds[3], b'x')
        elif MODE != 'drop':
            fork(fds)
        for fd in fds:
            os.close(fd)


main()
