# SPDX-License-Identifier: Apache-2.0
"""Keeps a journal of the requests it executes; test/ledger.h says what it answers."""
import os
import time

with open("version") as f:
    VERSION = f.read().strip()
if VERSION.startswith("broken"):
    raise RuntimeError("this deployment is broken")

JOURNAL = os.open("journal", os.O_WRONLY | os.O_APPEND)


def application(environ, start_response):
    _, nonce, wait = (environ["PATH_INFO"] + "/0").split("/")[:3]
    total = sum(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    if nonce != "look":
        os.write(JOURNAL, b"%s %d\n" % (nonce.encode(), os.getpid()))
    time.sleep(int(wait) / 1000)
    answer = b"%s %d %s %d\n" % (nonce.encode(), total & 0xffff, VERSION.encode(), os.getpid())
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", str(len(answer)))])
    return [answer]
