# SPDX-License-Identifier: Apache-2.0
"""Requests at an even pace: `paced.py PORT PATH RATE SECONDS`. Each is timed from
when it was due. Prints one line of JSON. Started by lifecycle.py."""

import http.client
import json
import sys
import threading
import time

CONNECTIONS = 16
TIMEOUT = 20


class Pace:
    """Hands out the moments at which requests are due."""

    def __init__(self, rate, seconds):
        self.lock = threading.Lock()
        self.due = time.monotonic()
        self.end = self.due + seconds
        self.step = 1.0 / rate

    def next(self):
        """The next moment, or None if it is over."""
        with self.lock:
            due = self.due
            self.due += self.step
        return due if due < self.end else None


class Sender:
    """One kept connection; a GET on one that httpd closed is sent again."""

    def __init__(self, port, path):
        self.port = port
        self.path = path
        self.connection = None

    def ask_once(self):
        if not self.connection:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        self.connection.request("GET", self.path)
        response = self.connection.getresponse()
        response.read()
        if response.will_close:
            self.drop()
        return response.status == 200

    def drop(self):
        self.connection.close()
        self.connection = None

    def ask(self):
        was_kept = self.connection is not None
        try:
            return self.ask_once()
        except (OSError, http.client.HTTPException):
            self.drop()
        try:
            return was_kept and self.ask_once()
        except (OSError, http.client.HTTPException):
            self.drop()
            return False


def send(sender, pace, times, failures):
    while True:
        due = pace.next()
        if due is None:
            return
        time.sleep(max(0.0, due - time.monotonic()))
        if sender.ask():
            times.append(time.monotonic() - due)
        else:
            failures.append(due)


def main():
    port, path, rate, seconds = sys.argv[1:5]
    pace = Pace(float(rate), float(seconds))
    times, failures = [], []
    threads = [threading.Thread(target=send,
                                args=(Sender(int(port), path), pace, times, failures))
               for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    count = len(times)
    print(json.dumps({
        "requests": count, "failed": len(failures),
        "p50": times[count // 2] * 1e3 if count else 0.0,
        "p99": times[count * 99 // 100] * 1e3 if count else 0.0,
        "slowest": times[-1] * 1e3 if count else 0.0,
    }))


if __name__ == "__main__":
    main()
