# SPDX-License-Identifier: Apache-2.0
"""The slow-reader test: how many hello requests are served while many clients
read a large answer slowly. Used by bench."""

import os
import subprocess
import sys
import threading
import time

import load

HERE = os.path.dirname(os.path.abspath(__file__))
READERS = 200
BYTES_PER_SECOND = 200_000
BEGIN_DEADLINE = 4  # seconds to wait afterwards for the last reader's first byte
HELLO = load.Route("hello", "/hello", 64)


class SlowResult:
    """Requests a second undisturbed, while the readers arrive, and afterwards."""

    def __init__(self, undisturbed, arriving, afterwards, begun):
        self.undisturbed = undisturbed
        self.arriving = arriving
        self.afterwards = afterwards
        self.begun = begun  # readers whose answer had begun at the end


class Readers:
    """The process with the slow clients, and how many answers have begun."""

    def __init__(self, server, arrival):
        self.begun = 0
        self.server = server
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "slow_readers.py"), str(server.port), "/8m",
             str(READERS), str(BYTES_PER_SECOND), str(arrival)],
            stdout=subprocess.PIPE)
        server.helper_pids.add(self.process.pid)
        self.process.stdout.readline()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.begun = int(line)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.server.helper_pids.discard(self.process.pid)


def run(server, seconds, arrival):
    """The readers arrive evenly over so many seconds."""
    undisturbed = load.run(server, HELLO, seconds)
    readers = Readers(server, arrival)
    try:
        arriving = load.run(server, HELLO, arrival)
        deadline = time.monotonic() + BEGIN_DEADLINE
        while readers.begun < READERS and time.monotonic() < deadline:
            time.sleep(0.05)
        afterwards = load.run(server, HELLO, seconds)
    finally:
        readers.stop()
    return SlowResult(undisturbed.rate, arriving.rate, afterwards.rate, readers.begun)
