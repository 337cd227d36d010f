# SPDX-License-Identifier: Apache-2.0
"""The routes of test/app_server.h."""
import json
import os
import signal
import sys
import time

PATTERN = bytes(range(251))
LEAKED = []


def wait_for(name):
    while not os.path.exists(name):
        time.sleep(0.01)


def pieces(name):
    yield b"one\n"
    wait_for(name)
    yield b"two\n"


def pattern(size):
    return (PATTERN * (size // 251 + 1))[:size]


def many_headers():
    headers = [("X-Number-%d" % i, "value %d" % i) for i in range(1, 51)]
    return headers + [("Set-Cookie", "a=1; path=/"), ("Set-Cookie", "b=2; path=/")]


def say(argument):
    print("said on stdout: " + argument)
    print("said on stderr: " + argument, file=sys.stderr)
    return "said"


def record(name):
    with open(name, "a") as file:
        file.write("%d\n" % os.getpid())
    return "recorded"


def stick(name):
    record(name)
    wait_for("no such file")


def leak(size):
    LEAKED.append(b"x" * (size << 20))
    return "leaked"


def burn(milliseconds):
    end = time.time() + milliseconds / 1000
    while time.time() < end:
        pass
    return "burnt"


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def upload(stream, name):
    """Writes down what it sees of a body, whose first five bytes it reads alone."""
    def note(line):
        with open(name, "a") as file:
            file.write(line + "\n")
    try:
        note("first " + stream.read(5).decode())
        note("all %d" % (5 + len(stream.read())))
    except OSError:
        note("cut")
        raise
    return "uploaded"


def strings(mapping):
    return json.dumps({name: value for name, value in mapping.items() if isinstance(value, str)})


def application(environ, start_response):
    path = environ["PATH_INFO"]
    _, route, argument = (path.split("/", 2) + ["", ""])[:3]
    headers = [("Content-Type", "text/plain")]
    if route == "hello":
        body = "hello from python\n"
    elif route == "pid":
        body = str(os.getpid())
    elif route == "request":
        body = strings(environ)
    elif route == "environment":
        body = strings(os.environ)
    elif route == "echo":
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    elif route == "upload":
        body = upload(environ["wsgi.input"], argument)
    elif route == "early":
        body = "early"
    elif route == "half":
        environ["wsgi.input"].read(5)
        die()
    elif route == "size":
        body = pattern(int(argument))
    elif route == "pieces":
        start_response("200 OK", headers)
        return pieces(argument)
    elif route == "wait":
        wait_for(argument)
        body = "waited"
    elif route == "status":
        bare = argument in ("204", "304")
        start_response(argument + " Some Reason", [] if bare else headers)
        return [] if bare else [b"status " + argument.encode()]
    elif route == "headers":
        headers += many_headers()
        body = "headers"
    elif route == "say":
        body = say(argument)
    elif route == "record":
        body = record(argument)
    elif route == "stick":
        body = stick(argument)
    elif route == "leak":
        body = leak(int(argument))
    elif route == "burn":
        body = burn(int(argument))
    elif route == "die":
        body = die()
    elif route == "raise":
        raise RuntimeError("raised on purpose")
    else:
        body = "python: " + path
    if isinstance(body, str):
        body = body.encode()
    start_response("200 OK", headers + [("Content-Length", str(len(body)))])
    return [body]
