# SPDX-License-Identifier: Apache-2.0
"""Shows what runs it. build/demo serves this at /python."""
import html
import itertools
import os
import platform
import pwd

requests = itertools.count(1)

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="/demo.css"></head>
<body class="python"><main><h1>{title}</h1><a href="/">all languages</a>
<table>{rows}</table></main></body></html>
"""


def user_name():
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def facts(environ):
    yield "process", os.getpid()
    yield "user", user_name()
    yield "requests of this process", next(requests)
    yield "server interface", "WSGI %d.%d" % environ["wsgi.version"]
    for name in ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "SERVER_PROTOCOL"):
        yield name, environ[name]
    for name in sorted(os.environ):
        if "PASSENGER" in name or name.endswith("_ENV") or name in ("HOME", "PATH"):
            yield name, os.environ[name]


def application(environ, start_response):
    rows = "\n".join(
        "<tr><th>%s</th><td>%s</td></tr>" % (html.escape(name), html.escape(str(value)))
        for name, value in facts(environ))
    body = PAGE.format(title="Python " + platform.python_version(), rows=rows).encode()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"),
                              ("Content-Length", str(len(body)))])
    return [body]
