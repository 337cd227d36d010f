# SPDX-License-Identifier: Apache-2.0
"""The benchmark's WSGI app: fixed answers, without a framework."""

HELLO = b"hello world\n"
ANSWER_64K = b"x" * 65536
ANSWER_8M = b"x" * (8 << 20)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    status = "200 OK"
    if path == "/hello":
        body = HELLO
    elif path == "/post":
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = b"%d\n" % len(environ["wsgi.input"].read(length))
    elif path == "/64k":
        body = ANSWER_64K
    elif path == "/8m":
        body = ANSWER_8M
    else:
        status, body = "404 Not Found", b"not found\n"
    start_response(status, [("Content-Type", "text/plain"),
                            ("Content-Length", str(len(body)))])
    return [body]
