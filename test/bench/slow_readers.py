# SPDX-License-Identifier: Apache-2.0
"""Many clients that read a large answer slowly: `slow_readers.py PORT PATH COUNT
BYTES_PER_SECOND SECONDS`. They arrive evenly over SECONDS. Prints how many answers
have begun each time that changes, and reads until it is ended. Started by bench."""

import mmap
import select
import socket
import sys
import time

TICK = 0.05
PIECE = 9 << 20  # bytes: an answer of 8 MiB, and what is needed around it


def connect(port):
    sock = socket.socket()
    # Small, so that the kernel does not read for the slow client.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sock.connect(("127.0.0.1", port))
    return sock


class Reader:
    def __init__(self, port, path):
        self.sock = connect(port)
        self.sock.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                          % path.encode())
        self.sock.setblocking(False)
        self.allowance = 0.0
        self.begun = False

    def read(self):
        """Reads what it may; False at the end of the answer."""
        try:
            data = self.sock.recv(int(self.allowance))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.allowance -= len(data)
        self.begun = self.begun or len(data) > 0
        return len(data) > 0


class Loan:
    """Memory for the answers that are on their way. Where the host of a virtual
    machine takes free memory back, getting it again costs more than all that a
    server does with it; so it is got before, and set free piece by piece."""

    def __init__(self, count, size):
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.pieces = [mmap.mmap(-1, size, flags=private) for _ in range(count)]
        for piece in self.pieces:
            for at in range(0, size, mmap.PAGESIZE):
                piece[at] = 1

    def repay(self):
        if self.pieces:
            self.pieces.pop().close()


class Crowd:
    """All readers, and those that are not done."""

    def __init__(self, port, path, rate, loan):
        self.port = port
        self.path = path
        self.rate = rate
        self.loan = loan
        self.poll = select.epoll()
        self.by_fd = {}
        self.arrived = 0
        self.begun = 0

    def arrive(self):
        self.loan.repay()
        reader = Reader(self.port, self.path)
        self.by_fd[reader.sock.fileno()] = reader
        self.poll.register(reader.sock.fileno(), select.EPOLLIN)
        self.arrived += 1

    def read(self, seconds):
        """Each reader that has something reads its share of so many seconds."""
        for reader in self.by_fd.values():
            reader.allowance = min(reader.allowance + self.rate * seconds, self.rate)
        for fd, _ in self.poll.poll(0, len(self.by_fd) or 1):
            reader = self.by_fd[fd]
            had_begun = reader.begun
            if reader.allowance >= 1 and not reader.read():
                self.poll.unregister(fd)
                self.by_fd.pop(fd).sock.close()
            self.begun += reader.begun and not had_begun


def main():
    port, path, count, rate, seconds = sys.argv[1:6]
    crowd = Crowd(int(port), path, int(rate), Loan(int(count), PIECE))
    reported = -1
    print(0, flush=True)
    start = last = time.monotonic()
    while crowd.by_fd or crowd.arrived < int(count):
        now = time.monotonic()
        while crowd.arrived < int(count) * min(1.0, (now - start + TICK) / float(seconds)):
            crowd.arrive()
        crowd.read(now - last)
        last = now
        if crowd.begun != reported:
            reported = crowd.begun
            print(reported, flush=True)
        time.sleep(max(0.0, last + TICK - time.monotonic()))


if __name__ == "__main__":
    main()
